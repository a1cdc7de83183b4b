import { once } from 'node:events';
import { createServer, type ServerHttp2Stream } from 'node:http2';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import { rejectStream } from '../../../../src/server/http2/stream-rejection.js';
import { listenHttp2, open, streamPair } from '../../../support/http2.js';
import { connectFrame, http2Frame, RawSession, Type } from '../../../support/raw-http2.js';
import { eventually, HandClock } from '../../../support/server.js';

async function rejected(rejection: UpgradeRejection) {
  const pair = await streamPair();
  const clock = new HandClock();
  pair.stream.on('error', () => undefined);
  rejectStream(pair.stream, rejection, new Deadlines(clock), 1000);
  return { ...pair, clock, rejection };
}

describe('rejectStream', () => {
  it('answers with the status, the headers of HTTP/2 and the body, and ends the stream', async () => {
    const headers = { Upgrade: 'websocket', 'Retry-After': '10', 'X-List': ['a', 'b'] };
    const { client, clock } = await rejected(new UpgradeRejection(503, { headers, body: 'full' }));
    await client.closed();
    expect(client.headers).toMatchObject({
      ':status': 503,
      'retry-after': '10',
      'x-list': 'a, b',
      'content-type': 'text/plain; charset=utf-8',
    });
    expect(client.headers).not.toHaveProperty('upgrade');
    expect(client.received.toString()).toBe('full\n');
    expect(client.stream.rstCode).toBe(0);
    await eventually('no timer', () => clock.timers.size === 0);
  });

  it('cancels the stream of a client that does not take the answer', async () => {
    const pair = await streamPair();
    pair.client.stream.pause();
    const clock = new HandClock();
    const body = 'x'.repeat(1_000_000);
    rejectStream(pair.stream, new UpgradeRejection(403, { body }), new Deadlines(clock), 1000);
    pair.stream.on('error', () => undefined);
    clock.advance(999);
    expect(pair.stream.destroyed).toBe(false);
    clock.advance(1);
    expect([pair.stream.destroyed, pair.stream.rstCode]).toEqual([true, 8]);
  });

  it('lets go at once of a client whose reset with NO_ERROR came with the request', async () => {
    const clock = new HandClock();
    const server = createServer({ settings: { enableConnectProtocol: true } });
    const opened = once(server, 'stream') as Promise<[ServerHttp2Stream]>;
    server.on('stream', (stream: ServerHttp2Stream) => {
      rejectStream(stream, new UpgradeRejection(403), new Deadlines(clock), 1000);
    });
    const reset = http2Frame(Type.RST_STREAM, 0, 1, Buffer.alloc(4));
    await RawSession.open(await listenHttp2(server), connectFrame(1), reset);
    const [stream] = await opened;
    await eventually('the end of the stream', () => stream.closed && stream.destroyed);
    await eventually('no timer', () => clock.timers.size === 0);
    expect(stream.rstCode).toBe(0);
  });

  it('leaves a stream alone that was answered, or that is gone', async () => {
    const { stream, client, rejection } = await rejected(new UpgradeRejection(403));
    const clock = new HandClock();
    rejectStream(stream, rejection, new Deadlines(clock), 1000);
    await client.closed();
    const other = await streamPair();
    other.stream.close();
    rejectStream(other.stream, rejection, new Deadlines(clock), 1000);
    expect(clock.timers.size).toBe(0);
  });

  it('closes a session that was refused a thousand times for its own faults', async () => {
    const { stream, session } = await streamPair();
    const { session: served } = stream;
    const deadlines = new Deadlines(new HandClock());
    const refuse = async (status: number): Promise<void> => {
      const opened = new Promise<typeof stream>((resolve) => served!.once('stream', resolve));
      const client = open(session);
      rejectStream(await opened, new UpgradeRejection(status), deadlines, 1000);
      await client.status();
    };
    for (let count = 0; count < 999; count++) await refuse(404);
    for (let count = 0; count < 5; count++) await refuse(503);
    expect(served!.closed).toBe(false);
    await refuse(404);
    await eventually('GOAWAY', () => session.closed);
    expect(stream.destroyed).toBe(false);
  });
});
