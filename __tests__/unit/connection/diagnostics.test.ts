import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  contextOfSent,
  publishClosed,
  publishDropped,
  publishFailed,
  publishReceived,
  publishSent,
} from '../../../src/connection/diagnostics.js';
import { createConnection } from '../../../src/connection/connection.js';
import { prepareMessage } from '../../../src/protocol/framing/prepared-message.js';
import { DETAILS, HandClock, settingsOf, Sink } from '../../support/connection.js';

const connection = createConnection(new Sink(), settingsOf(new HandClock()), {
  ...DETAILS,
  transport: 'http2',
});
/** What stands for the connection there: it has no `transport`. */
const socketOfWs = {};
const error = new Error('what went wrong');
const info = { code: 1000, reason: '', clean: true, initiator: 'peer' } as const;
const bytes = Buffer.from([1, 2]);
const text = prepareMessage('a');
const binary = prepareMessage(bytes);

type Row = [name: string, publish: () => void, payload: object];
const ROWS: Row[] = [
  [
    'hawser.message.received',
    () => publishReceived(connection, 'a', false),
    { connection, data: 'a', isBinary: false },
  ],
  [
    'hawser.message.received',
    () => publishReceived(connection, bytes, true),
    { connection, data: bytes, isBinary: true },
  ],
  ...(
    [
      ['a', undefined, false],
      ['a', true, true],
      [bytes, undefined, true],
      [bytes, false, false],
      [text, true, false],
      [binary, false, true],
    ] as const
  ).map(([data, option, isBinary]): Row => [
    'hawser.message.sent',
    () => publishSent(connection, data, option),
    { connection, data, isBinary },
  ]),
  ['hawser.message.dropped', () => publishDropped(connection, text), { connection, data: text }],
  [
    'hawser.connection.failed',
    () => publishFailed(connection, error),
    { connection, error, transport: 'http2' },
  ],
  [
    'hawser.connection.closed',
    () => publishClosed(socketOfWs, info),
    { connection: socketOfWs, info, transport: 'other' },
  ],
  [
    'hawser.connection.closed',
    () => publishClosed(connection, info),
    { connection, info, transport: 'http2' },
  ],
];

/** The calls of `publish` from now on, of the channels that do not have a subscriber yet. */
function countPublished(names: readonly string[]): () => number {
  const spies = names.map((name) => jest.spyOn(channel(name), 'publish'));
  return () => spies.reduce((sum, { mock }) => sum + mock.calls.length, 0);
}
afterEach(() => jest.restoreAllMocks());

describe('the channels of a connection', () => {
  it.each(ROWS)('%s publishes to its subscribers what happened', (name, publish, payload) => {
    const heard: unknown[] = [];
    const listener = (message: unknown, channelName: string | symbol) =>
      heard.push([channelName, message]);
    subscribe(name, listener);
    publish();
    unsubscribe(name, listener);
    publish();
    expect(heard).toStrictEqual([[name, payload]]);
  });

  it('publishes nothing on channels without a subscriber, whichever others have one', () => {
    const ignore = () => undefined;
    for (const [subscribed] of ROWS) {
      const others = ROWS.filter(([name]) => name !== subscribed);
      const published = countPublished(others.map(([name]) => name));
      subscribe(subscribed, ignore);
      for (const [, publish] of others) publish();
      unsubscribe(subscribed, ignore);
      expect(published()).toBe(0);
      jest.restoreAllMocks();
    }
  });

  it('has no subscriber left after these tests', () => {
    for (const [name] of ROWS) expect(channel(name).hasSubscribers).toBe(false);
  });
});

describe('contextOfSent', () => {
  it('is the context of the call, for a message that is published later', () => {
    const user = new AsyncLocalStorage<string>();
    const heard: unknown[] = [];
    const listener = (): void => void heard.push(user.getStore());
    subscribe('hawser.message.sent', listener);
    const call = user.run('ann', contextOfSent);
    user.run('bob', () => {
      call?.runInAsyncScope(publishSent, undefined, connection, 'a', undefined);
    });
    unsubscribe('hawser.message.sent', listener);
    expect(heard).toStrictEqual(['ann']);
  });

  it('is not made without a subscriber', () => {
    expect(contextOfSent()).toBeUndefined();
  });
});
