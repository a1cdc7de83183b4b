import { EventEmitter } from 'node:events';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import type { CloseInfo } from '../../../../src/connection/close/close-info.js';
import { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { Counters } from '../../../../src/connection/counters.js';
import type { CloseReply, ConnectionEvents } from '../../../../src/connection/events.js';
import { Session } from '../../../../src/connection/session.js';
import { TypedEmitter } from '../../../../src/connection/typed-emitter.js';
import { ProtocolError } from '../../../../src/protocol/framing/protocol-error.js';
import { clientClose, clientFrame, describeFrame, parseFrames } from '../../../support/frames.js';
import { detach, own } from '../../../support/memory.js';
import {
  connectionOn,
  facts,
  HandClock,
  record,
  settingsOf,
  Sink,
  tearDown,
  turns,
  until,
  type World,
  type WorldOptions,
} from '../../../support/connection.js';
import { catchSurfacing } from '../../../support/server.js';
import { RESET, VERSIONS } from '../../../support/versions.js';
import { worldOver } from '../../../support/worlds.js';

afterEach(tearDown);

const text = (payload: string) => clientFrame({ opcode: 1, payload });
const FAULT = clientFrame({ opcode: 3 });

describe.each(VERSIONS)('over %s', (version) => {
  const world = (options?: WorldOptions) => worldOver(version, options);

  describe('Closing, begun here', () => {
    it('sends the Close after everything sent so far, waits for the peer’s, and ends', async () => {
      const { connection, client, closed, clock } = await world();
      connection.send('a');
      const promise = connection.close(4000, 'bye ✓');
      expect(connection.readyState).toBe('closing');
      expect(connection.send('b')).toBe(false);
      expect(await client.words()).toBe('text 61');
      expect(await client.words()).toBe('close 4000 62796520e29c93');
      expect(client.ending).toBeUndefined();
      expect(connection.closeInfo).toBeUndefined();
      client.send(clientClose(4001, 'me too'));
      expect(await client.ended()).toBe('end');
      // A stream does not wait for the peer's end.
      if (version === 'HTTP/1.1') expect(connection.readyState).toBe('closing');
      client.finish();
      const info = await closed;
      expect(connection.readyState).toBe('closed');
      expect(facts(info)).toEqual({
        code: 4001,
        reason: 'me too',
        clean: true,
        initiator: 'local',
        cause: undefined,
      });
      expect(await promise).toBe(info);
      expect(connection.closeInfo).toBe(info);
      expect('cause' in info).toBe(false);
      expect(clock.timers.size).toBe(0);
    });

    it('sends 1000 without a reason if nothing is said, and no code for 1005', async () => {
      const one = await world();
      void one.connection.close();
      expect(await one.client.words()).toBe('close 1000');
      const other = await world();
      void other.connection.close(1005);
      expect(await other.client.words()).toBe('close');
    });

    it.each<[string, unknown[], string]>([
      ['a code that must not be sent', [1006], 'RangeError'],
      ['an invalid code', [999], 'RangeError'],
      ['a code that is not a whole number', [1000.5], 'RangeError'],
      ['a code that is a string', ['1000'], 'TypeError'],
      ['a code that is NaN', [NaN], 'RangeError'],
      ['a code that is null', [null], 'TypeError'],
      ['a reason that is bytes', [1000, Buffer.from('bye')], 'TypeError'],
      ['a reason of 124 bytes', [1000, 'é'.repeat(62)], 'RangeError'],
      ['a reason with code 1005', [1005, 'why'], 'RangeError'],
      ['a reason that is no string', [1000, 5], 'TypeError'],
      ['a reason that is null', [1000, null], 'TypeError'],
    ])('refuses %s at once, open or closed, and stays as it is', async (_name, args, name) => {
      const { connection, client, closed } = await world();
      const attempt = () => connection.close(...(args as [number, string]));
      expect(attempt).toThrow(expect.objectContaining({ name }) as Error);
      expect(connection.readyState).toBe('open');
      client.reset();
      await closed;
      expect(attempt).toThrow(expect.objectContaining({ name }) as Error);
      expect(client.frames).toEqual([]);
    });

    it('resolves every promise with the same info, before and after the end', async () => {
      const { connection, client, closed } = await world();
      const promises = [connection.close(4000), connection.close(4001), connection.close()];
      expect(await client.words()).toBe('close 4000');
      client.send(clientClose(4000));
      client.finish();
      const info = await closed;
      for (const promise of promises) expect(await promise).toBe(info);
      expect(await connection.close(4002)).toBe(info);
      await client.ended();
      expect(client.received()).toEqual(['close 4000']);
    });

    it('resolves, and never rejects, when the peer is gone', async () => {
      const { connection, client } = await world();
      client.reset();
      const info = await connection.close();
      expect(info.code).toBe(1006);
    });

    it('delivers the peer’s messages, and answers its pings, until its Close comes; nothing after it', async () => {
      const { connection, client, closed } = await world();
      const messages = record(connection);
      void connection.close();
      expect(await client.words()).toBe('close 1000');
      client.send(Buffer.concat([text('a'), clientFrame({ opcode: 9, payload: 'p' }), text('b')]));
      expect(await client.words()).toBe('pong 70');
      client.send(Buffer.concat([clientClose(1000), text('c'), clientFrame({ opcode: 9 })]));
      await client.ended();
      client.finish();
      await closed;
      expect(messages).toEqual(['text a', 'text b']);
      expect(client.received()).toEqual(['close 1000', 'pong 70']);
    });

    it('terminates a peer that never answers after closeTimeout, and not before', async () => {
      const { connection, client, closed, clock } = await world({ closeTimeout: 500 });
      void connection.close();
      expect(await client.words()).toBe('close 1000');
      clock.advance(499);
      await turns();
      expect(connection.closeInfo).toBeUndefined();
      clock.advance(1);
      expect(facts(await closed)).toEqual({
        code: 1006,
        reason: '',
        clean: false,
        initiator: 'local',
        cause: 'ERR_CLOSE_TIMEOUT',
      });
      expect(clock.timers.size).toBe(0);
    });

    it('waits for no peer that answers but never ends its half; that is clean all the same', async () => {
      const { connection, client, closed, clock } = await world({ closeTimeout: 500 });
      void connection.close();
      client.send(clientClose(1000));
      expect(await client.ended()).toBe('end');
      clock.advance(500);
      expect(facts(await closed)).toEqual({
        code: 1000,
        reason: '',
        clean: true,
        initiator: 'local',
        cause: version === 'HTTP/1.1' ? 'ERR_CLOSE_TIMEOUT' : undefined,
      });
    });

    it('says why when the peer’s half ends without a Close', async () => {
      const { connection, client, closed } = await world();
      void connection.close();
      client.finish();
      expect(facts(await closed)).toEqual({
        code: 1006,
        reason: '',
        clean: false,
        initiator: 'local',
        cause: 'ERR_TRANSPORT_ENDED',
      });
      expect(client.received()).toEqual(['close 1000']);
    });

    it('says why when the peer breaks a rule instead of closing, and sends no second Close', async () => {
      const { connection, client, closed } = await world();
      void connection.close(4000, 'bye');
      expect(await client.words()).toBe('close 4000 627965');
      client.send(FAULT);
      expect(await client.ended()).toBe('end');
      client.finish();
      expect(facts(await closed)).toEqual({
        code: 4000,
        reason: 'bye',
        clean: false,
        initiator: 'local',
        cause: 'ERR_RESERVED_OPCODE',
      });
      expect(client.received()).toHaveLength(1);
    });

    it('says why when it is terminated instead', async () => {
      const { connection, closed } = await world();
      void connection.close();
      connection.terminate();
      expect(facts(await closed)).toMatchObject({
        code: 1006,
        clean: false,
        initiator: 'local',
        cause: 'ERR_TERMINATED',
      });
    });

    it('says why when the transport breaks meanwhile, and does not report it', async () => {
      const { connection, client, closed } = await world();
      const errors: unknown[] = [];
      connection.on('error', (error) => errors.push(error));
      void connection.close();
      await client.words();
      client.reset();
      expect(facts(await closed)).toMatchObject({
        code: 1006,
        clean: false,
        initiator: 'local',
        cause: RESET[version],
      });
      expect(errors).toEqual([]);
    });

    it('lets all that was sent before it reach the peer', async () => {
      const { connection, client } = await world();
      const large = 'x'.repeat(300_000);
      connection.send(large);
      connection.send('last');
      void connection.close();
      expect((await client.frame()).payload.length).toBe(300_000);
      expect(await client.words()).toBe('text 6c617374');
      expect(await client.words()).toBe('close 1000');
    });
  });

  describe('Closing, begun by the peer', () => {
    it.each<[string, Buffer, string, { code: number; reason: string }]>([
      ['its code', clientClose(4000, 'bye'), 'close 4000', { code: 4000, reason: 'bye' }],
      ['nothing to nothing', clientClose(), 'close', { code: 1005, reason: '' }],
    ])('echoes %s and ends', async (_name, close, answer, told) => {
      const { client, closed, log } = await world();
      client.send(close);
      expect(await client.words()).toBe(answer);
      expect(await client.ended()).toBe('end');
      client.finish();
      expect(facts(await closed)).toEqual({
        ...told,
        clean: true,
        initiator: 'peer',
        cause: undefined,
      });
      expect(log).toHaveLength(1);
    });

    it('cuts a peer that never ends its half after closeTimeout', async () => {
      const { client, closed, clock } = await world({ closeTimeout: 500 });
      client.send(clientClose(1000));
      expect(await client.ended()).toBe('end');
      clock.advance(500);
      expect(facts(await closed)).toMatchObject({ code: 1000, clean: true, initiator: 'peer' });
    });

    it('sends what was sent before, then the answer, nothing after it', async () => {
      const { connection, client } = await world();
      connection.on('message', (data) => connection.send(data));
      client.send(Buffer.concat([text('a'), clientClose(1000), text('b')]));
      await client.ended();
      expect(client.received()).toEqual(['text 61', 'close 1000']);
      expect(connection.send('late')).toBe(false);
      expect(connection.ping()).toBe(false);
    });
  });

  describe('Closing, with a listener of closing', () => {
    async function asked(options = {}) {
      const all = await world(options);
      const reply = new Promise<CloseReply>((resolve) => {
        all.connection.on('closing', (code, reason, answer) => {
          all.log.push(`closing ${code} ${reason}`.trim());
          resolve(answer);
        });
      });
      all.client.send(clientClose(4000, 'bye'));
      return { ...all, reply: await reply };
    }

    it('waits for reply(), which sends the code and reason it is given', async () => {
      const { connection, client, closed, reply, log, clock } = await asked();
      await turns();
      expect(client.frames).toEqual([]);
      expect(connection.readyState).toBe('closing');
      expect(connection.send('a')).toBe(false);
      reply(4001, 'so long');
      expect(connection.readyState).toBe('closing');
      expect(await client.words()).toBe('close 4001 736f206c6f6e67');
      expect(await client.ended()).toBe('end');
      client.finish();
      expect(facts(await closed)).toEqual({
        code: 4000,
        reason: 'bye',
        clean: true,
        initiator: 'peer',
        cause: undefined,
      });
      expect(log).toEqual(['closing 4000 bye', 'close 4000 bye']);
      expect(clock.timers.size).toBe(0);
    });

    it('echoes the peer’s code if reply() gets none', async () => {
      const { client, reply } = await asked();
      reply();
      expect(await client.words()).toBe('close 4000');
    });

    it('tells 1005 of a Close without a code, and echoes that', async () => {
      const { connection, client } = await world();
      const codes: number[] = [];
      connection.on('closing', (code, _reason, reply) => {
        codes.push(code);
        reply();
      });
      client.send(clientClose());
      expect(await client.words()).toBe('close');
      expect(codes).toEqual([1005]);
    });

    it('answers once: reply() twice, or after the end, does nothing', async () => {
      const { client, closed, reply } = await asked();
      reply(4001);
      reply(4002);
      await client.ended();
      client.finish();
      await closed;
      reply(4003);
      expect(client.received()).toEqual(['close 4001']);
    });

    it('refuses a code that must not be sent, and can then be answered properly', async () => {
      const { client, reply } = await asked();
      expect(() => reply(1006)).toThrow(RangeError);
      expect(() => reply(1000, 'x'.repeat(124))).toThrow(RangeError);
      reply(1001);
      expect(await client.words()).toBe('close 1001');
    });

    it('answers by itself after half of closeTimeout, and not before', async () => {
      const { client, clock, closed } = await asked({ closeTimeout: 500 });
      clock.advance(249);
      await turns();
      expect(client.frames).toEqual([]);
      clock.advance(1);
      expect(await client.words()).toBe('close 4000');
      expect(await client.ended()).toBe('end');
      clock.advance(250);
      expect((await closed).clean).toBe(true);
      expect(clock.timers.size).toBe(0);
    });

    it('takes close() as the answer', async () => {
      const { connection, client, closed } = await asked();
      void connection.close(4009, 'mine');
      expect(await client.words()).toBe('close 4009 6d696e65');
      client.finish();
      expect(facts(await closed)).toMatchObject({ code: 4000, clean: true, initiator: 'peer' });
    });

    it('answers when the peer’s half ends meanwhile', async () => {
      const { client, closed } = await asked();
      client.finish();
      expect(await client.words()).toBe('close 4000');
      expect(facts(await closed)).toMatchObject({ clean: true, cause: undefined });
    });
  });

  describe('Closing, because the peer broke a rule', () => {
    it.each<[string, Buffer, number, string]>([
      ['a reserved opcode', FAULT, 1002, 'ERR_RESERVED_OPCODE'],
      ['a reserved bit, at length', clientFrame({ opcode: 1, rsv: 2 }), 1002, 'ERR_RESERVED_BIT'],
      [
        'bad text',
        clientFrame({ opcode: 1, payload: Buffer.from([0xff]) }),
        1007,
        'ERR_INVALID_UTF8',
      ],
      [
        'a long message',
        clientFrame({ opcode: 2, payload: '', length: 1001 }),
        1009,
        'ERR_MESSAGE_TOO_BIG',
      ],
      [
        'a bad close code',
        clientFrame({ opcode: 8, payload: Buffer.from([3, 237]) }),
        1002,
        'ERR_CLOSE_CODE',
      ],
    ])('tells it: %s', async (_name, bytes, code, cause) => {
      const { client, closed } = await world({ maxPayload: 1000 });
      client.send(bytes);
      const told = await client.close();
      expect(told.code).toBe(code);
      expect(await client.ended()).toBe('end');
      client.finish();
      const info = await closed;
      expect(facts(info)).toEqual({
        code,
        reason: told.reason,
        clean: false,
        initiator: 'local',
        cause,
      });
      expect(told.reason).toBe(info.cause!.message.slice(0, 123));
    });

    it('lets it receive the Close although it had sent much that is never read as frames', async () => {
      const { client, closed } = await world();
      client.send(Buffer.concat([FAULT, Buffer.alloc(4 * 1024 * 1024)]));
      expect((await client.close()).code).toBe(1002);
      expect(await client.ended()).toBe('end');
      client.finish();
      expect((await closed).code).toBe(1002);
    });

    it('lets it receive the Close although reading had stopped', async () => {
      const { connection, socket, client } = await world();
      connection.pause();
      client.send(text('x'.repeat(100_000)));
      await until('reading to stop', () => socket.isPaused());
      client.send(Buffer.concat([FAULT, Buffer.alloc(1_000_000)]));
      record(connection);
      connection.resume();
      expect((await client.close()).code).toBe(1002);
      expect(await client.ended()).toBe('end');
    });

    it('cuts it after closeTimeout if it goes on', async () => {
      const { client, closed, clock } = await world({ closeTimeout: 500 });
      client.send(FAULT);
      await client.close();
      clock.advance(500);
      expect(facts(await closed)).toMatchObject({ code: 1002, cause: 'ERR_RESERVED_OPCODE' });
    });

    it('reports it to the observer, and as error only if someone listens', async () => {
      const reports: unknown[] = [];
      const observer = {
        unread: () => undefined,
        failed: (error: Error, connection: unknown) => reports.push(error, connection),
        closed: (connection: unknown) => reports.push('closed', connection),
      };
      const { connection, client, closed, log } = await world({ observer });
      connection.on('error', (error) => log.push(`error ${error.name}`));
      client.send(FAULT);
      client.finish();
      const { cause } = await closed;
      expect(cause).toBeInstanceOf(ProtocolError);
      expect(reports).toEqual([cause, connection, 'closed', connection]);
      expect(log).toEqual([
        'error ProtocolError',
        `close 1002 ${cause!.message.slice(0, 123)}`.trim(),
      ]);
    });

    it('tells it to an error monitor, with an error listener or without one', async () => {
      for (const listens of [true, false]) {
        const { connection, client, closed, log } = await world();
        if (listens) connection.on('error', (error) => log.push(`error ${error.name}`));
        connection.on(EventEmitter.errorMonitor, (error) => log.push(`monitor ${error.name}`));
        client.send(FAULT);
        client.finish();
        expect((await closed).code).toBe(1002);
        const told = ['monitor ProtocolError', ...(listens ? ['error ProtocolError'] : [])];
        expect(log.slice(0, -1)).toEqual(told);
      }
    });

    it('delivers the messages before the fault, none after it', async () => {
      const { connection, client, closed } = await world();
      const messages = record(connection);
      client.send(Buffer.concat([text('a'), FAULT, text('b')]));
      client.finish();
      await closed;
      expect(messages).toEqual(['text a']);
    });

    it('changes nothing, and reports nothing, when the fault is found after terminate()', async () => {
      const { connection, client, closed } = await world();
      const errors: unknown[] = [];
      connection.on('error', (error) => errors.push(error));
      connection.on('message', () => connection.terminate());
      client.send(Buffer.concat([text('a'), FAULT]));
      expect(facts(await closed)).toMatchObject({ code: 1006, cause: 'ERR_TERMINATED' });
      await turns();
      expect(errors).toEqual([]);
    });

    it('changes nothing, and reports nothing, when the fault is found after the end', async () => {
      const { connection, socket, client, closed, log } = await world();
      connection.on('error', () => log.push('error'));
      connection.pause();
      client.send(Buffer.concat([text('x'.repeat(65_536)), FAULT]));
      await until('reading to stop', () => socket.isPaused());
      socket.destroy();
      const info = await closed;
      const messages = record(connection);
      connection.resume();
      await turns();
      expect(messages).toHaveLength(1);
      expect(connection.closeInfo).toBe(info);
      expect(log.at(-1)).toBe('close 1006');
      expect(log).toHaveLength(version === 'HTTP/1.1' ? 1 : 2); // destroying a stream is an error
    });
  });

  describe('Closing, because the transport ended', () => {
    it('answers a FIN without a Close with a FIN, and no Close', async () => {
      const { client, closed, log } = await world();
      client.finish();
      expect(await client.ended()).toBe('end');
      expect(facts(await closed)).toEqual({
        code: 1006,
        reason: '',
        clean: false,
        initiator: 'transport',
        cause: 'ERR_TRANSPORT_ENDED',
      });
      expect(client.frames).toEqual([]);
      expect(log).toEqual(['close 1006']);
    });

    it('still sends what was queued to a peer that has ended its half', async () => {
      const { connection, client, closed } = await world();
      connection.on('message', () => connection.send('x'.repeat(500_000)));
      client.send(text('a'));
      client.finish();
      expect((await client.frame()).payload.length).toBe(500_000);
      expect(await client.ended()).toBe('end');
      expect((await closed).initiator).toBe('transport');
    });

    it('reports a reset, and survives it without a listener', async () => {
      const { client, closed } = await world();
      client.reset();
      expect(facts(await closed)).toEqual({
        code: 1006,
        reason: '',
        clean: false,
        initiator: 'transport',
        cause: RESET[version],
      });
    });

    it('reports a transport that fails twice once', async () => {
      const { socket, connection, closed } = await world();
      const errors: string[] = [];
      connection.on('error', ({ message }) => errors.push(message));
      for (const message of ['reset', 'the error of Node that follows']) {
        socket.emit('error', new Error(message));
      }
      socket.destroy();
      await closed;
      expect(errors).toEqual(['reset']);
    });

    it('emits error for a reset if someone listens, before close', async () => {
      const { connection, client, closed, log } = await world();
      connection.on('error', (error) => log.push(`error ${(error as { code?: string }).code}`));
      client.reset();
      await closed;
      expect(log).toEqual([`error ${RESET[version]}`, 'close 1006']);
    });

    it('is closed when the socket closes without a word', async () => {
      const { socket, closed } = await world();
      socket.destroy();
      expect(facts(await closed)).toEqual({
        code: 1006,
        reason: '',
        clean: false,
        initiator: 'transport',
        // A stream that is destroyed on our side is reported as a reset.
        cause: version === 'HTTP/1.1' ? undefined : RESET[version],
      });
    });

    it.each([
      ['in the middle of a header', text('abc').subarray(0, 3)],
      ['in the middle of a payload', text('abc').subarray(0, 7)],
      ['in the middle of a message', clientFrame({ opcode: 1, fin: false, payload: 'a' })],
      ['after our Close', clientFrame({ opcode: 9, payload: 'close' })],
      ['after its Close', clientClose(1000)],
      ['after a fault', FAULT],
    ])('is told once of a reset %s', async (_name, bytes) => {
      const { connection, socket, client, closed, log } = await world();
      connection.on('ping', () => void connection.close());
      let read = 0;
      socket.on('data', (chunk: Buffer) => (read += chunk.length));
      client.send(bytes);
      await until('the bytes', () => read === bytes.length);
      client.reset();
      await closed;
      await turns();
      expect(log).toHaveLength(1);
      expect(connection.readyState).toBe('closed');
    });

    it('tells the callbacks of what never left, with the cause, after the info is there', async () => {
      const { connection, client, closed } = await world({ maxBufferedAmount: Infinity });
      client.socket.pause();
      const results: unknown[] = [];
      const more = Buffer.alloc(64 * 1024 * 1024); // than any kernel takes at once
      for (let i = 0; i < 3; i++) {
        connection.send(more, (error) => {
          const { code, cause } = error as { code?: string; cause?: unknown };
          results.push([i, code, cause === connection.closeInfo?.cause]);
        });
      }
      connection.on('close', () => results.push('close'));
      await turns();
      client.reset();
      await closed;
      await turns();
      expect(results).toEqual([
        'close',
        [0, 'ERR_CONNECTION_CLOSED', true],
        [1, 'ERR_CONNECTION_CLOSED', true],
        [2, 'ERR_CONNECTION_CLOSED', true],
      ]);
      expect(connection.bufferedAmount).toBe(0);
    });
  });

  describe('Closing, terminate()', () => {
    it('terminates at once, without a Close, and says which side did it', async () => {
      const { connection, client, closed, clock } = await world();
      connection.terminate();
      expect(connection.readyState).toBe('closing');
      expect(connection.send('late')).toBe(false);
      expect(facts(await closed)).toEqual({
        code: 1006,
        reason: '',
        clean: false,
        initiator: 'local',
        cause: 'ERR_TERMINATED',
      });
      await client.ended();
      expect(client.frames).toEqual([]);
      expect(clock.timers.size).toBe(0);
    });

    // A reset of a stream overtakes what its session still has.
    if (version === 'HTTP/1.1')
      it('loses nothing that was sent just before, as far as the kernel takes it', async () => {
        const { connection, client } = await world();
        connection.send('a');
        connection.send('x'.repeat(50_000));
        connection.terminate();
        await client.ended();
        expect(client.frames.map(({ payload }) => payload.length)).toEqual([1, 50_000]);
      });

    it('cuts short an answer that is waited for, and an end', async () => {
      const one = await world();
      one.connection.on('closing', () => one.connection.terminate());
      one.client.send(clientClose(4000));
      expect(facts(await one.closed)).toEqual({
        code: 4000,
        reason: '',
        clean: false,
        initiator: 'peer',
        cause: 'ERR_TERMINATED',
      });
      const other = await world();
      other.client.send(clientClose(4000));
      await other.client.ended();
      other.connection.terminate();
      expect((await other.closed).clean).toBe(true);
      const failed = await world();
      failed.client.send(FAULT);
      await failed.client.ended();
      failed.connection.terminate();
      expect(facts(await failed.closed)).toMatchObject({
        code: 1002,
        cause: 'ERR_RESERVED_OPCODE',
      });
    });

    it('does nothing after the end, and adds nothing to what is known', async () => {
      const { connection, client, closed, log } = await world();
      client.reset();
      const info = await closed;
      connection.terminate();
      await turns();
      expect(connection.closeInfo).toBe(info);
      expect((info.cause as { code?: string }).code).toBe(RESET[version]);
      expect(log).toHaveLength(1);
    });
  });

  describe('Closing, because of a limit of this side', () => {
    const HEARTBEAT = { interval: 25_000, timeout: 10_000 };

    it('tells the peer in a Close with 1001 which limit it was, and remembers it', async () => {
      const { connection, client, closed, clock } = await world({ maxLifetime: 60_000 });
      connection.send('a');
      clock.advance(61_000);
      expect(connection.readyState).toBe('closing');
      expect(connection.send('b')).toBe(false);
      expect(await client.words()).toBe('text 61');
      const reason = 'the connection has been open for as long as it may (maxLifetime)';
      expect(await client.close()).toStrictEqual({ code: 1001, reason });
      client.send(clientClose(1001));
      client.finish();
      const info = await closed;
      expect(facts(info)).toStrictEqual({
        code: 1001,
        reason: '',
        clean: true,
        initiator: 'local',
        cause: 'ERR_MAX_LIFETIME',
      });
    });

    it('says so too when the peer does not answer', async () => {
      const { closed, clock } = await world({ idleTimeout: 60_000 });
      clock.advance(71_000);
      expect(facts(await closed)).toMatchObject({ code: 1006, cause: 'ERR_IDLE_TIMEOUT' });
    });

    it('terminates the transport of a dead peer, and emits the error', async () => {
      const failures: Error[] = [];
      const observer = {
        unread: () => undefined,
        failed: (error: Error) => failures.push(error),
        closed: () => {},
      };
      const { connection, client, closed, clock } = await world({ heartbeat: HEARTBEAT, observer });
      connection.on('error', (error) => failures.push(error));
      clock.advance(36_000);
      const info = await closed;
      expect(facts(info)).toStrictEqual({
        code: 1006,
        reason: '',
        clean: false,
        initiator: 'local',
        cause: 'ERR_HEARTBEAT_TIMEOUT',
      });
      expect(failures).toStrictEqual([info.cause, info.cause]);
      await client.ended();
      expect(client.received()).toHaveLength(1); // the Ping; no Close
    });
  });

  describe('Closing, the close event', () => {
    it('is counted and published before, a failure when it happens', async () => {
      const counters = new Counters();
      const published: unknown[] = [];
      const hear = (message: unknown) => published.push(message);
      subscribe('hawser.connection.failed', hear);
      subscribe('hawser.connection.closed', hear);
      try {
        const { connection, client, closed, log } = await world({ counters });
        client.send(FAULT);
        await client.ended();
        expect(counters.protocolErrors).toStrictEqual(new Map([['ERR_RESERVED_OPCODE', 1]]));
        const error = expect.objectContaining({ code: 'ERR_RESERVED_OPCODE' }) as Error;
        expect(published).toStrictEqual([{ connection, error, transport: 'other' }]);
        expect(counters.closedByCode.size).toBe(0);
        connection.once('close', () => log.push(`published ${published.length}`));
        client.finish();
        const info = await closed;
        expect(log.at(-1)).toBe('published 2');
        expect(published[1]).toStrictEqual({ connection, info, transport: 'other' });
        expect(counters.closedByCode).toStrictEqual(new Map([[1002, 1]]));
        expect(counters.closedByCause).toStrictEqual(new Map([['ERR_RESERVED_OPCODE', 1]]));
        expect(counters.closedByInitiator).toStrictEqual({ local: 1, peer: 0, transport: 0 });
        connection.terminate();
        expect(counters.closedByCode).toStrictEqual(new Map([[1002, 1]]));
      } finally {
        unsubscribe('hawser.connection.failed', hear);
        unsubscribe('hawser.connection.closed', hear);
      }
    });

    it('comes when the info is there, the promises are settled after it', async () => {
      const { connection, client } = await world();
      const seen: unknown[] = [];
      const closed = once(connection, 'close') as Promise<[number, string, CloseInfo]>;
      connection.on('close', (code, reason, info) => {
        seen.push([code, reason, connection.closeInfo === info, connection.readyState]);
      });
      client.send(clientClose(4000, 'bye'));
      client.finish();
      await closed;
      expect(seen).toEqual([[4000, 'bye', true, 'closed']]);
    });

    it('is not told twice by a socket that closes twice', async () => {
      const { socket, closed, log } = await world();
      socket.destroy();
      await closed;
      socket.emit('close');
      socket.emit('error', new Error('late'));
      socket.emit('end');
      expect(log).toEqual(['close 1006']);
    });
  });

  describe('Closing, because the peer is too slow', () => {
    const MIB = 1024 * 1024;
    const LIMIT = 2 * MIB;

    /** A connection whose peer reads nothing, with as much waiting for it as may. */
    async function stalled(options: WorldOptions = {}) {
      const made = await world({ maxBufferedAmount: LIMIT, ...options });
      made.client.socket.pause();
      const { connection } = made;
      // What the kernel takes, and then up to the limit.
      for (let calm = 0; calm < 2 || connection.bufferedAmount < LIMIT;) {
        if (connection.bufferedAmount < LIMIT) connection.send(Buffer.alloc(MIB / 4, 7));
        else calm++;
        await turns(2);
      }
      return made;
    }

    it('discards what waits, tries a Close 1013 after the frame in progress, and ends', async () => {
      const { connection, client, closed, log, clock } = await stalled();
      expect(connection.send('too much')).toBe(false);
      expect(connection.readyState).toBe('closing');
      expect(connection.bufferedAmount).toBeLessThan(LIMIT / 2);
      client.socket.resume();
      expect(await client.close()).toMatchObject({ code: 1013 });
      client.finish();
      const info = await closed;
      expect(facts({ ...info, reason: '' })).toStrictEqual({
        code: 1013,
        reason: '',
        clean: false,
        initiator: 'local',
        cause: 'ERR_SLOW_CONSUMER',
      });
      expect(info.reason).toBe('the peer does not take what is sent to it fast enough');
      expect(info.cause?.message).toMatch(new RegExp(`: \\d+ bytes wait .* of ${LIMIT}$`));
      expect(log).toHaveLength(1);
      // Whole frames came, and then the Close: the Raw client reads frames and would have stumbled.
      const lengths = new Set(client.frames.slice(0, -1).map(({ payload }) => payload.length));
      expect(lengths).toStrictEqual(new Set([MIB / 4]));
      expect(clock.timers.size).toBe(0);
    });

    it.each([
      [1000, 10_000],
      [1000, 2000],
      [300, 300],
    ])('cuts the transport after %i ms with a closeTimeout of %i', async (wait, closeTimeout) => {
      const { connection, socket, closed, clock } = await stalled({ closeTimeout });
      connection.send('too much');
      clock.advance(wait - 1);
      expect(socket.destroyed).toBe(false);
      clock.advance(1);
      expect(socket.destroyed).toBe(true);
      expect(facts(await closed)).toMatchObject({ code: 1013, cause: 'ERR_SLOW_CONSUMER' });
      // A stream that was destroyed tells what it held until its writes have failed.
      expect(version === 'HTTP/1.1' ? connection.bufferedAmount : 0).toBe(0);
      await until('the memory', () => connection.bufferedAmount === 0);
    });

    it('tells the observer, and error listeners, but nothing that they throw reaches send()', async () => {
      const surfaced = catchSurfacing();
      const reports: unknown[] = [];
      const observer = {
        unread: () => undefined,
        failed: (error: Error) => {
          reports.push((error as { code?: string }).code);
          throw new Error('a listener made a mistake');
        },
        closed: () => undefined,
      };
      const { connection, clock, closed } = await stalled({ observer });
      expect(connection.send('too much')).toBe(false);
      expect(reports).toStrictEqual(['ERR_SLOW_CONSUMER']);
      clock.advance(1000);
      await closed;
      expect(surfaced).toStrictEqual([new Error('a listener made a mistake')]);
      jest.restoreAllMocks();
    });
  });

  // Over HTTP/2 a payload is copied when it is sent.
  if (version === 'HTTP/1.1')
    describe('Closing, a payload that was taken away', () => {
      /** Sends a payload and takes it away, between two texts. */
      function sendDetached(connection: World['connection'], called: string[] = []): void {
        const payload = own(20_000);
        const note = (name: string) => (error?: Error) =>
          void called.push(
            error === undefined ? name : `${name} ${(error as { code?: string }).code}`,
          );
        connection.send('before', note('before'));
        connection.send(payload, note('payload'));
        connection.send('after', note('after'));
        detach(payload);
      }
      const CALLED = ['payload ERR_PAYLOAD_DETACHED', 'after ERR_CONNECTION_CLOSED', 'before'];
      const REASON = 'the payload was detached or resized before it was sent';
      const CLOSE = `close 1011 ${Buffer.from(REASON).toString('hex')}`;

      it('closes with 1011 after what was sent before, and tells why', async () => {
        const failures: unknown[] = [];
        const observer = {
          failed: (error: Error) => void failures.push((error as { code?: string }).code),
          unread: () => undefined,
          closed: () => undefined,
        };
        const { connection, client, closed } = await world({ observer });
        const called: string[] = [];
        sendDetached(connection, called);
        expect(await client.ended()).toBe('end');
        expect(client.received()).toEqual(['text 6265666f7265', CLOSE]);
        expect(called.sort()).toEqual([...CALLED].sort());
        expect(connection.bufferedAmount).toBe(0);
        expect(connection.send('late')).toBe(false);
        client.finish();
        expect(facts(await closed)).toEqual({
          code: 1011,
          reason: REASON,
          clean: false,
          initiator: 'local',
          cause: 'ERR_PAYLOAD_DETACHED',
        });
        expect(failures).toEqual(['ERR_PAYLOAD_DETACHED']);
      });

      it('takes the place of a Close that was to follow the message', async () => {
        const { connection, client, closed } = await world();
        sendDetached(connection);
        void connection.close(1000, 'all is well');
        expect(await client.words()).toBe('text 6265666f7265');
        expect(await client.words()).toBe(CLOSE);
        client.send(clientClose(1011));
        client.finish();
        expect(facts(await closed)).toEqual({
          code: 1011,
          reason: REASON,
          clean: true,
          initiator: 'local',
          cause: 'ERR_PAYLOAD_DETACHED',
        });
      });

      it('answers the peer’s Close with 1011, while the application thinks about its answer and after it', async () => {
        for (const late of [true, false]) {
          const { connection, client, closed } = await world();
          let reply!: CloseReply;
          connection.on('closing', (_code, _reason, given) => {
            sendBefore();
            reply = given;
            if (!late) reply();
          });
          const payload = own(20_000);
          const sendBefore = () => {
            detach(payload);
          };
          connection.on('message', () => connection.send(payload));
          client.send(Buffer.concat([text('now'), clientClose(4000, 'bye')]));
          expect(await client.words()).toBe(CLOSE);
          reply();
          client.finish();
          expect(facts(await closed)).toMatchObject({ code: 1011, cause: 'ERR_PAYLOAD_DETACHED' });
          expect(client.frames).toHaveLength(1);
        }
      });

      it('does not happen to a copy, nor after the callback, as the list of errors advises', async () => {
        const { connection, client } = await world();
        const payload = own(20_000);
        connection.send(Buffer.from(payload));
        detach(payload);
        const other = own(20_000);
        await new Promise<void>((resolve) => {
          connection.send(other, () => {
            detach(other);
            resolve();
          });
        });
        connection.send('x');
        for (let i = 0; i < 2; i++)
          expect(await client.words()).toBe(`binary ${'61'.repeat(20_000)}`);
        expect(await client.words()).toBe('text 78');
      });

      it('changes nothing of a connection that is cut', async () => {
        const { connection, client, closed } = await world();
        const called: string[] = [];
        sendDetached(connection, called);
        connection.terminate();
        expect(facts(await closed)).toMatchObject({ code: 1006, cause: 'ERR_TERMINATED' });
        await client.ended();
        expect(client.received()).toEqual(['text 6265666f7265']);
        expect(called.sort()).toEqual([...CALLED].sort());
      });

      it('interrupts nothing with what its listeners throw', async () => {
        const surfaced = catchSurfacing();
        const { connection, client, closed } = await world();
        connection.on('error', () => {
          throw new Error('a listener made a mistake');
        });
        sendDetached(connection);
        await client.ended();
        client.finish();
        await closed;
        expect(surfaced).toStrictEqual([new Error('a listener made a mistake')]);
        jest.restoreAllMocks();
      });
    });
});

describe('Closing, begun here', () => {
  it('knows the Close that the peer has sent, and whether we have failed', () => {
    const sink = new Sink();
    const session = new Session(new TypedEmitter(), sink, settingsOf(new HandClock(), {}));
    const { closing } = session;
    expect([closing.received, closing.hasFailed]).toEqual([undefined, false]);
    closing.onCloseFrame({ code: 4000, reason: 'bye' });
    expect([closing.received, closing.hasFailed]).toEqual([{ code: 4000, reason: 'bye' }, false]);
    sink.destroy();
  });
});

describe('Closing, begun by the peer', () => {
  it('is not clean when it goes away before it could be answered', async () => {
    const sink = new Sink();
    const connection = connectionOn(sink);
    connection.on('closing', () => undefined);
    connection.start(clientClose(1000));
    sink.emit('close');
    await turns();
    expect(facts(connection.closeInfo)).toEqual({
      code: 1000,
      reason: '',
      clean: false,
      initiator: 'peer',
      cause: undefined,
    });
  });
});

describe('Closing, with a listener of closing', () => {
  it('lets the exception of its listener surface, and answers in time', async () => {
    const sink = new Sink();
    const clock = new HandClock();
    const connection = connectionOn(sink, { closeTimeout: 500 }, clock);
    connection.on('closing', () => {
      throw new Error('boom');
    });
    expect(() => connection.start(clientClose(1000))).toThrow('boom');
    clock.advance(250);
    expect(parseFrames(sink.bytes).map(describeFrame)).toEqual(['close 1000']);
  });
});

describe('Closing, because the peer is too slow', () => {
  /** The end of a connection of which there is no more than its sending half. */
  function bare() {
    const sink = new Sink();
    const settings = settingsOf(new HandClock());
    const connection = new TypedEmitter<ConnectionEvents>();
    const session = new Session(connection, sink, settings);
    return { sink, session, closing: session.closing };
  }

  it('happens to an open connection only, and once', async () => {
    const first = new ConnectionError('ERR_SLOW_CONSUMER');
    const { sink, session, closing } = bare();
    session.failSlowConsumer(first);
    session.failSlowConsumer(new ConnectionError('ERR_SLOW_CONSUMER'));
    sink.destroy();
    await turns();
    expect(closing.info?.cause).toBe(first);
    expect(parseFrames(sink.bytes)).toHaveLength(1);
    closing.terminate(new ConnectionError('ERR_TERMINATED')); // changes nothing any more
    expect(closing.info?.cause).toBe(first);
  });

  it('is also reported for a connection that was closing when it was evicted', async () => {
    const { sink, session, closing } = bare();
    closing.startClosing(1000, '');
    const reason = new ConnectionError('ERR_SLOW_CONSUMER');
    session.failSlowConsumer(reason);
    await turns();
    expect(sink.destroyed).toBe(false);
    closing.terminate(reason);
    await turns();
    expect(facts(closing.info)).toStrictEqual({
      code: 1006,
      reason: '',
      clean: false,
      initiator: 'local',
      cause: 'ERR_SLOW_CONSUMER',
    });
  });
});
