import { sendFrame } from '../../../../src/connection/send/send-frame.js';
import type { SendFrameOptions } from '../../../../src/connection/send/send-options.js';
import { Opcode } from '../../../../src/protocol/framing/frame.js';

let log: string[];
const session = {
  sender: {
    frame: (opcode: number, bytes: Uint8Array) => {
      log.push(`frame ${opcode} ${Buffer.from(bytes).toString()}`);
      return true;
    },
  },
  markMessageActivity: () => {
    log.push('message');
  },
  close: (code: number, reason: string) => {
    log.push(`close ${code} ${reason}`);
    return new Promise<never>(() => undefined);
  },
};
const send = (
  payload: string | Uint8Array,
  options: SendFrameOptions = {},
  callback?: () => void,
  ...more: unknown[]
): boolean => sendFrame(session, payload, options, callback, more);

beforeEach(() => {
  log = [];
});

describe('sendFrame', () => {
  it('sends a string as Text and bytes as Binary, and other frames as they are', () => {
    expect(send('a')).toBe(true);
    send(Buffer.from('b'));
    send('c', { opcode: Opcode.Ping });
    expect(log).toEqual(['message', 'frame 1 a', 'message', 'frame 2 b', 'frame 9 c']);
  });

  it('begins the closing handshake for a Close frame', () => {
    expect(send(Buffer.from('\u0003\u00e8bye', 'latin1'), { opcode: Opcode.Close })).toBe(false);
    expect(log).toEqual(['close 1000 bye']);
  });

  it.each<[string, () => boolean, RegExp]>([
    [
      'a callback of a Close',
      () => send('', { opcode: Opcode.Close }, () => undefined),
      /no callback/,
    ],
    [
      'a Close that is fragmented',
      () => send('', { opcode: Opcode.Close, fin: false }),
      /fragmented/,
    ],
    ['wrong options', () => send('', { opcode: '1' as never }), /expected option opcode/],
    ['another argument', () => send('', {}, () => undefined, 5), /no more arguments/],
    ['wrong data', () => send(5 as never), /expected data to be/],
  ])('rejects %s', (_name, call, message) => {
    expect(call).toThrow(message);
    expect(log).toEqual([]);
  });
});
