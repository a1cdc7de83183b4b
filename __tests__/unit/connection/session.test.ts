import { AsyncLocalStorage, executionAsyncId } from 'node:async_hooks';
import { ConnectionError } from '../../../src/connection/close/connection-error.js';
import type { ConnectionEvents } from '../../../src/connection/events.js';
import { BufferBudget } from '../../../src/connection/limits/buffer-budget.js';
import { Session } from '../../../src/connection/session.js';
import { TRANSPORT_ENDS } from '../../../src/connection/transport.js';
import { TypedEmitter } from '../../../src/connection/typed-emitter.js';
import { clientClose, clientFrame, describeFrame, parseFrames } from '../../support/frames.js';
import { catchSurfacing } from '../../support/server.js';
import {
  facts,
  HandClock,
  settingsOf,
  Sink,
  turns,
  type WorldOptions,
} from '../../support/connection.js';

let sink: Sink;
let clock: HandClock;
let session: Session;
let emitter: TypedEmitter<ConnectionEvents>;
let log: string[];
const SLOW = new ConnectionError('ERR_SLOW_CONSUMER');

function begin(options: WorldOptions = {}, head: Buffer = Buffer.alloc(0)): void {
  sink = new Sink();
  clock = new HandClock();
  log = [];
  emitter = new TypedEmitter<ConnectionEvents>();
  emitter.on('ping', (payload) => log.push(`ping ${payload.toString()}`));
  emitter.on('pong', (payload) => log.push(`pong ${payload.toString()}`));
  emitter.on('message', (data) => log.push(`message ${data.toString()}`));
  emitter.on('error', (error) => log.push(`error ${(error as { code?: string }).code}`));
  emitter.on('close', (code) => log.push(`close ${code}`));
  session = new Session(emitter, sink, settingsOf(clock, options));
  session.start(head);
}
beforeEach(() => {
  begin();
});

const text = (payload: string): Buffer => clientFrame({ opcode: 1, payload: Buffer.from(payload) });
const ping = (payload: string): Buffer => clientFrame({ opcode: 9, payload: Buffer.from(payload) });
const pong = (payload: string): Buffer =>
  clientFrame({ opcode: 10, payload: Buffer.from(payload) });
const sent = (): string[] => parseFrames(sink.bytes).map(describeFrame);

/** The transport ends, and everything after that is done. */
async function gone(): Promise<unknown> {
  sink.destroy();
  await turns();
  return facts(session.closing.info);
}

describe('Session, on a socket of Node', () => {
  it.each([
    ['not entered', 0],
    ['entered', 1],
  ])('has its context %s for a read in a callback whose id is off by %i', (_what, offset) => {
    const reset: unknown[] = [];
    const handle = {
      asyncReset: (resource: unknown) => void reset.push(resource),
      getAsyncId: () => executionAsyncId() + offset,
    };
    Object.assign(sink, { _handle: handle });
    session = new Session(emitter, sink, settingsOf(clock, {}), { nodeSocket: 'tcp' });
    session.start(Buffer.alloc(0));
    expect(reset).toStrictEqual([session.context]);
    const enter = jest.spyOn(session.receiver, 'runInAsyncScope');
    session.onData(text('a'));
    expect([log, enter.mock.calls.length]).toStrictEqual([['message a'], offset]);
  });
});

describe('Session, unref', () => {
  it('asks its socket, and does nothing if the transport has no handle', () => {
    session.unref();
    const unref = jest.fn();
    Object.assign(sink, { unref });
    session.unref();
    expect(unref).toHaveBeenCalledTimes(1);
  });
});

describe('Session, topics', () => {
  it('leaves them at the first Close, tells it after that, and forgets them after close', async () => {
    const registry = { maxTopicsPerConnection: Infinity, add: noteTopic, delete: noteTopic };
    function noteTopic(topic: string): void {
      log.push(`topic ${topic}`);
    }
    begin({ topics: { ...registry, announceIdle: () => void log.push('announce') } });
    const { subscriptions } = session;
    subscriptions.add('a');
    void session.close(1000, '');
    expect(sent()).toStrictEqual([]); // the Close leaves at the end of the tick
    expect(log).toStrictEqual(['topic a', 'topic a', 'announce']);
    expect([...subscriptions.names]).toStrictEqual(['a']);
    let names: string[] = [];
    emitter.on('close', () => (names = [...subscriptions.names]));
    await gone();
    expect(names).toStrictEqual(['a']);
    expect(session.subscriptions.names.size).toBe(0);
  });

  it('forgets them although a listener of close throws', async () => {
    begin();
    session.subscriptions.add('a');
    emitter.on('close', () => {
      throw new Error('of the listener');
    });
    const surfaced = catchSurfacing();
    await gone();
    expect(surfaced).toEqual([new Error('of the listener')]);
    expect(session.subscriptions.names.size).toBe(0);
  });
});

describe('Session, control frames (section 5.5)', () => {
  it('answers a Ping unless a Close was received, and counts it', async () => {
    sink.push(ping('a'));
    await turns();
    session.closing.startClosing(1000, '');
    sink.push(ping('b'));
    await turns();
    expect(sent()).toStrictEqual(['pong 61', 'close 1000', 'pong 62']);
    expect(log).toStrictEqual(['ping a', 'ping b']);
    expect(session.settings.counters.pingsReceived).toBe(2);
    begin();
    session.receiver.pause();
    sink.push(Buffer.concat([text('x'.repeat(70_000)), ping('late')]));
    await turns();
    sink.destroy();
    await turns();
    session.receiver.resume();
    await turns();
    expect(log.at(-1)).toBe('ping late'); // the transport is gone
    expect(sent()).toStrictEqual([]);
  });

  it('leaves the answer to the owner of the event, if the settings say so', async () => {
    sink = new Sink();
    const settings = { ...settingsOf(clock, {}), answersPings: false };
    session = new Session(emitter, sink, settings);
    session.start(Buffer.alloc(0));
    emitter.prependOnceListener('ping', () => {
      expect(sent()).toStrictEqual([]);
      session.answerPing(Buffer.from('mine'));
    });
    sink.push(ping('a'));
    sink.push(ping('b'));
    await turns();
    expect(sent()).toStrictEqual(['pong 6d696e65']);
    expect(log).toStrictEqual(['ping a', 'ping b']);
  });

  it('passes on the Pongs that answer no Ping of ours', async () => {
    const trip = session.sender.roundTrip(undefined);
    await turns();
    const [own] = parseFrames(sink.bytes);
    sink.push(
      Buffer.concat([pong('unsolicited'), clientFrame({ opcode: 10, payload: own!.payload })]),
    );
    await turns();
    expect(log).toStrictEqual(['pong unsolicited']);
    await expect(trip).resolves.toBe(0);
    expect(session.settings.counters.pongsReceived).toBe(2);
  });

  it('keeps the Pong of the heartbeat to itself', async () => {
    begin({ heartbeat: { interval: 1000, timeout: 1000 } });
    clock.advance(1500);
    await turns();
    const [beat] = parseFrames(sink.bytes);
    sink.push(clientFrame({ opcode: 10, payload: beat!.payload }));
    await turns();
    expect(log).toStrictEqual([]);
    expect(session.latency).toBeDefined();
  });

  it('answers a Close with a Close', async () => {
    sink.push(clientClose(4000));
    await turns();
    expect(sent()).toStrictEqual(['close 4000']);
    expect(await gone()).toMatchObject({ code: 4000, clean: true, initiator: 'peer' });
  });
});

describe('Session, the transport', () => {
  it('reads what came with the handshake, and what comes after it', async () => {
    begin({}, text('head'));
    sink.push(text('next'));
    await turns();
    expect(log).toStrictEqual(['message head', 'message next']);
    expect(session.settings.counters.bytesReceived).toBe(text('head').length + text('next').length);
  });

  it('copies what comes in a read that others share, as in a session of HTTP/2', async () => {
    sink = Object.assign(new Sink(), {
      [TRANSPORT_ENDS]: { reset: () => undefined, release: () => undefined },
    });
    session = new Session(emitter, sink, settingsOf(clock, {}));
    session.start(Buffer.alloc(0));
    const read = Buffer.alloc(65_536);
    const frame = text('shared');
    frame.copy(read, 100);
    sink.push(read.subarray(100, 100 + frame.length));
    await turns();
    expect(log).toStrictEqual(['message shared']);
    // It was unmasked in the copy.
    expect(read.subarray(100, 100 + frame.length)).toStrictEqual(frame);
  });

  it('notices an end that came before it', async () => {
    sink = new Sink();
    sink.push(null);
    sink.resume();
    await turns();
    session = new Session(new TypedEmitter<ConnectionEvents>(), sink, settingsOf(clock));
    session.start(Buffer.alloc(0));
    expect(await gone()).toMatchObject({ code: 1006, cause: 'ERR_TRANSPORT_ENDED' });
  });

  it('reports what the transport fails with', async () => {
    sink.destroy(Object.assign(new Error('reset'), { code: 'ECONNRESET' }));
    await turns();
    expect(log).toStrictEqual(['error ECONNRESET', 'close 1006']);
  });

  it('notices the end of the peer, after what it sent', async () => {
    sink.push(text('last'));
    sink.push(null);
    await turns();
    expect(await gone()).toMatchObject({ code: 1006, cause: 'ERR_TRANSPORT_ENDED' });
    expect(log).toStrictEqual(['message last', 'close 1006']);
  });

  it('is paused while much is held, and forgets how old its Ping is', async () => {
    begin({ heartbeat: { interval: 1000, timeout: 1000 } });
    clock.advance(1500);
    expect(session.ping?.sentAt).toBeDefined();
    session.receiver.pause();
    sink.push(text('x'.repeat(70_000)));
    await turns();
    expect([session.isReadPaused, sink.isPaused(), session.ping?.sentAt]).toStrictEqual([true, true, undefined]); // prettier-ignore
    session.receiver.resume();
    await turns();
    expect([session.isReadPaused, sink.isPaused()]).toStrictEqual([false, false]);
  });
});

describe('Session, our side of the end', () => {
  it('starts the closing handshake, for the application or for a limit', async () => {
    const closed = session.close(4000, 'bye');
    await gone();
    expect(facts(await closed)).toMatchObject({ code: 1006, initiator: 'local' });
    begin();
    session.closeGoingAway(new ConnectionError('ERR_IDLE_TIMEOUT'));
    await turns();
    expect(sent()).toStrictEqual([expect.stringMatching(/^close 1001 /)]);
    expect(await gone()).toMatchObject({ cause: 'ERR_IDLE_TIMEOUT' });
  });

  it('fails a connection whose peer breaks a rule, once', async () => {
    sink.push(clientFrame({ opcode: 3 }));
    await turns();
    expect(log).toStrictEqual(['error ERR_RESERVED_OPCODE']);
    expect([...session.settings.counters.protocolErrors.values()]).toStrictEqual([1]);
    expect(sent()).toStrictEqual([expect.stringMatching(/^close 1002 /)]);
    expect(session.closing.hasFailed).toBe(true);
    await gone();
    session.failProtocol(SLOW as never);
    expect(log).toStrictEqual(['error ERR_RESERVED_OPCODE', 'close 1002']);
  });

  it('fails a slow consumer, and reads no more of it', async () => {
    sink.push(text('before'));
    await turns();
    session.failSlowConsumer(SLOW);
    session.failSlowConsumer(SLOW);
    sink.push(text('late'));
    await turns();
    expect(log).toStrictEqual(['message before', 'error ERR_SLOW_CONSUMER']);
    expect(sent()).toStrictEqual([expect.stringMatching(/^close 1013 /)]);
  });

  it('fails where a message cannot be sent, or sends another Close, or does nothing', async () => {
    const lost = new ConnectionError('ERR_PAYLOAD_DETACHED');
    session.unsendable(lost);
    await turns();
    expect([log, sent()]).toStrictEqual([['error ERR_PAYLOAD_DETACHED'], [expect.stringMatching(/^close 1011 /)]]); // prettier-ignore
    begin();
    session.closing.startClosing(1000, '');
    session.unsendable(lost);
    await turns();
    expect(sent().at(-1)).toMatch(/^close 1011 /);
    begin();
    session.terminate();
    session.unsendable(lost);
    await turns();
    expect(log).toStrictEqual(['close 1006']);
  });

  it('evicts what is kept: of an open connection with a Close, of a closing one at once', async () => {
    begin({ budget: new BufferBudget(1_000_000) });
    session.evict(SLOW);
    await turns();
    expect(sink.destroyed).toBe(false);
    session.evict(SLOW);
    await turns();
    expect(sink.destroyed).toBe(true);
  });

  it('terminates, for the application or for a peer that does not answer', async () => {
    session.terminate();
    sink.emit('data', text('late'));
    await turns();
    expect(log).toStrictEqual(['close 1006']);
    begin();
    session.terminateUnresponsive(new ConnectionError('ERR_HEARTBEAT_TIMEOUT'));
    await turns();
    expect(log).toStrictEqual(['error ERR_HEARTBEAT_TIMEOUT', 'close 1006']);
  });

  it('unregisters everything before the close is emitted', async () => {
    const budget = new BufferBudget(1_000_000);
    const closed: unknown[] = [];
    const observer = {
      failed: () => undefined,
      unread: () => undefined,
      closed: (connection: unknown) => closed.push(connection),
    };
    begin({ budget, observer, heartbeat: { interval: 1000, timeout: 1000 } });
    expect(session.account).toBe(budget.accountOf(session));
    sink.push(text('unfinished').subarray(0, 8));
    await turns();
    expect([budget.total > 0, clock.timers.size > 0]).toStrictEqual([true, true]);
    const atClose: number[] = [];
    emitter.on('close', () => atClose.push(budget.total, clock.timers.size));
    sink.destroy();
    await turns();
    expect(atClose).toStrictEqual([0, 0]);
    expect(closed).toStrictEqual([session.emitter]);
  });

  it('has no account without a budget', () => {
    expect(session.account).toBeUndefined();
  });
});

describe('Session, reports', () => {
  it('are made in the async context of the connection, to a monitor too', () => {
    const user = new AsyncLocalStorage<string>();
    const stores: unknown[] = [];
    user.run('ann', () => {
      begin({
        observer: {
          failed: () => stores.push(user.getStore()),
          unread: () => undefined,
          closed: () => undefined,
        },
      });
    });
    emitter.removeAllListeners('error');
    session.report(SLOW);
    expect(stores).toStrictEqual(['ann']);
  });

  it('do not interrupt a call that fails the connection', async () => {
    const surfaced = catchSurfacing();
    emitter.on('error', () => {
      throw new Error('mine');
    });
    session.failSlowConsumer(SLOW);
    await turns();
    jest.restoreAllMocks();
    expect(surfaced).toStrictEqual([new Error('mine')]);
  });

  it('know why the connection has ended', async () => {
    expect(session.cause).toBeUndefined();
    session.terminate();
    await turns();
    expect(session.cause).toMatchObject({ code: 'ERR_TERMINATED' });
  });
});
