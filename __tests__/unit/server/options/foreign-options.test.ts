import {
  FOREIGN_DEFLATE,
  FOREIGN_HEARTBEAT,
  FOREIGN_OPTIONS,
} from '../../../../src/server/options/foreign-options.js';
import { resolveOptions } from '../../../../src/server/options/resolve-options.js';

const complaintAbout = (options: object): string => {
  try {
    resolveOptions(options, []);
  } catch (error) {
    return (error as Error).message;
  }
  return 'none';
};

/** The options in `use …` of each advice, with a value of theirs. */
const USABLE: Readonly<Record<string, object>> = {
  authorize: { authorize: () => undefined },
  subprotocols: { subprotocols: ['a'] },
  origin: { origin: ['https://example.com'] },
  maxPayload: { maxPayload: 1 },
  maxBufferedAmount: { maxBufferedAmount: 1 },
  slowConsumer: { slowConsumer: 'drop' },
  perMessageDeflate: { perMessageDeflate: { windowBits: 9, threshold: 1 } },
  'perMessageDeflate.contextTakeover': { perMessageDeflate: { contextTakeover: 'server' } },
  'perMessageDeflate.windowBits': { perMessageDeflate: { windowBits: 9 } },
  level: { perMessageDeflate: { level: 1, memLevel: 1, windowBits: 9 } },
  messageRate: { messageRate: { perSecond: 1, burst: 1, action: 'close' } },
  heartbeat: { heartbeat: { interval: 1, timeout: 1 } },
  'heartbeat.interval': { heartbeat: { interval: 1 } },
  'heartbeat.timeout': { heartbeat: { timeout: 1 } },
};

describe.each([
  ['', FOREIGN_OPTIONS, (name: string) => ({ [name]: 1 })],
  ['heartbeat.', FOREIGN_HEARTBEAT, (name: string) => ({ heartbeat: { [name]: 1 } })],
  ['perMessageDeflate.', FOREIGN_DEFLATE, (name: string) => ({ perMessageDeflate: { [name]: 1 } })],
] as const)('an unknown option %s…', (prefix, table, optionsWith) => {
  it.each(Object.entries(table))('%s: %s', (name, advice) => {
    // A name that hawser has would never be looked up.
    expect(complaintAbout(optionsWith(name))).toBe(
      `WebSocketServer: unknown option ${prefix}${name} (got 1 (number)); ${advice}`,
    );
    const [, used] = /^use ([\w.]+)/.exec(advice) ?? [];
    if (used !== undefined) {
      expect(Object.keys(USABLE)).toContain(used);
      expect(complaintAbout(USABLE[used]!)).toBe('none');
    }
  });
});

it('has a word for each option of ws that hawser does not have under its name', () => {
  const ofWs = ['backlog', 'server', 'verifyClient', 'handleProtocols', 'clientTracking']; // prettier-ignore
  const newer = ['skipUTF8Validation', 'autoPong', 'allowSynchronousEvents', 'WebSocket'];
  for (const name of [...ofWs, ...newer]) expect(FOREIGN_OPTIONS).toHaveProperty(name);
});
