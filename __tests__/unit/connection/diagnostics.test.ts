import { AsyncLocalStorage } from 'node:async_hooks';
import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';
import {
  connectionPayloads,
  contextOfSent,
  tellClosed,
  tellDropped,
  tellFailed,
  tellReceived,
  tellSent,
} from '../../../src/connection/diagnostics.js';
import { prepareMessage } from '../../../src/protocol/framing/prepared-message.js';
import { connectionOn, Sink } from './support.js';

const connection = connectionOn(new Sink());
const error = new Error('what went wrong');
const info = { code: 1000, reason: '', clean: true, initiator: 'peer' } as const;
const bytes = Buffer.from([1, 2]);
const text = prepareMessage('a');
const binary = prepareMessage(bytes);

type Row = [name: string, tell: () => void, payload: object];
const ROWS: Row[] = [
  [
    'hawser.message.received',
    () => tellReceived(connection, 'a', false),
    { connection, data: 'a', isBinary: false },
  ],
  [
    'hawser.message.received',
    () => tellReceived(connection, bytes, true),
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
    () => tellSent(connection, data, option),
    { connection, data, isBinary },
  ]),
  ['hawser.message.dropped', () => tellDropped(connection, text), { connection, data: text }],
  ['hawser.connection.failed', () => tellFailed(connection, error), { connection, error }],
  ['hawser.connection.closed', () => tellClosed(connection, info), { connection, info }],
];

let made: jest.SpyInstance[];
beforeEach(() => {
  made = (['message', 'dropped', 'failed', 'closed'] as const).map((name) =>
    jest.spyOn(connectionPayloads, name),
  );
});
afterEach(() => jest.restoreAllMocks());
const payloadsMade = () => made.reduce((sum, { mock }) => sum + mock.calls.length, 0);

describe('the channels of a connection', () => {
  it.each(ROWS)('%s publishes what happened to who listens', (name, tell, payload) => {
    const heard: unknown[] = [];
    const listener = (message: unknown, channelName: string | symbol) =>
      heard.push([channelName, message]);
    subscribe(name, listener);
    tell();
    unsubscribe(name, listener);
    tell();
    expect(heard).toStrictEqual([[name, payload]]);
    expect(payloadsMade()).toBe(1);
  });

  it('makes no payload for channels on which nobody listens', () => {
    const deaf = () => undefined;
    for (const [listened] of ROWS) {
      subscribe(listened, deaf);
      for (const [name, tell] of ROWS) if (name !== listened) tell();
      unsubscribe(listened, deaf);
    }
    expect(payloadsMade()).toBe(0);
  });

  it('leaves no channel with a subscriber that a test forgot', () => {
    for (const [name] of ROWS) expect(channel(name).hasSubscribers).toBe(false);
  });
});

describe('contextOfSent', () => {
  it('is the context of the call, to tell of a message later', () => {
    const user = new AsyncLocalStorage<string>();
    const heard: unknown[] = [];
    const listener = (): void => void heard.push(user.getStore());
    subscribe('hawser.message.sent', listener);
    const call = user.run('ann', contextOfSent);
    user.run('bob', () => {
      call?.runInAsyncScope(tellSent, undefined, connection, 'a', undefined);
    });
    unsubscribe('hawser.message.sent', listener);
    expect(heard).toStrictEqual(['ann']);
  });

  it('is not made where nobody listens', () => {
    expect(contextOfSent()).toBeUndefined();
  });
});
