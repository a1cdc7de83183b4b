import { releaseWhenFinished, resetTransport } from '../../../../src/connection/transport.js';
import {
  adaptStream,
  cancelStream,
  peerAddressOfStream,
} from '../../../../src/server/http2/stream-transport.js';
import { streamPair } from '../../../support/http2.js';
import { eventually } from '../../../support/server.js';

/** A stream that is answered and adapted, and the codes of its errors. */
async function adapted(options: { signal?: AbortSignal } = {}) {
  const pair = await streamPair({}, options);
  const errors: (string | undefined)[] = [];
  pair.stream.on('error', (error: Error & { code?: string }) => {
    errors.push(error.code === 'ERR_STREAM_RESET' ? error.message : error.code);
  });
  pair.stream.respond({ ':status': 200 });
  adaptStream(pair.stream);
  await pair.client.status();
  return { ...pair, errors };
}

describe('a stream of HTTP/2 as the transport of a connection', () => {
  it('is cut off with CANCEL', async () => {
    const { stream, client } = await adapted();
    resetTransport(stream);
    expect(stream.destroyed).toBe(true);
    await client.closed();
    expect(client.stream.rstCode).toBe(8);
  });

  it('hands the session a piece of 32 KiB at a time, whatever waits', async () => {
    const { stream, client } = await adapted();
    client.stream.pause();
    const { mock } = jest.spyOn(stream, '_write');
    const handed = () => mock.calls.map(([bytes]) => (bytes as Buffer).length);
    const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, index) => index % 251));
    const written = jest.fn();
    expect(stream.write(bytes.subarray(0, 100), written)).toBe(true);
    stream.cork();
    expect(stream.write(bytes.subarray(100, 200_000), written)).toBe(false);
    stream.write(bytes.subarray(200_000));
    stream.uncork();
    await eventually('the window is full', () => handed().length > 2);
    for (let turns = 0; turns < 20; turns++) await new Promise((done) => setImmediate(done));
    // The client's window is 65 535 bytes.
    expect(handed().reduce((sum, length) => sum + length)).toBeLessThan(65_536 + 2 * 32_768);
    client.stream.resume();
    stream.end();
    await eventually('the rest', () => client.received.length === bytes.length);
    expect(client.received.equals(bytes)).toBe(true);
    expect(Math.max(...handed())).toBe(32_768);
    expect(written).toHaveBeenCalledTimes(2);
  });

  it('is released with what was written before it', async () => {
    const { stream, client, errors } = await adapted();
    releaseWhenFinished(stream);
    stream.end(Buffer.alloc(200_000));
    await client.closed();
    expect(client.received).toHaveLength(200_000);
    expect(client.stream.rstCode).toBe(0);
    stream.resume();
    await eventually('the end', () => stream.destroyed);
    expect(errors).toEqual([]);
  });

  it('fails with the name of the code that the peer resets it with', async () => {
    const abort = new AbortController();
    const { stream, errors } = await adapted({ signal: abort.signal });
    abort.abort();
    await eventually('the reset', () => stream.destroyed);
    expect(errors[0]).toMatch(/the peer reset the HTTP\/2 stream .*: RST_STREAM with CANCEL$/);
  });

  it('is destroyed when its peer resets it with NO_ERROR, whatever waits to be written', async () => {
    const { stream, client, errors } = await adapted();
    client.stream.pause();
    stream.resume();
    stream.write(Buffer.alloc(200_000)); // more than the window of the client
    client.stream.end();
    await eventually('the end of its half', () => stream.readableEnded);
    client.stream.close(0);
    await eventually('the end', () => stream.destroyed);
    expect(errors[0]).toMatch(/RST_STREAM with NO_ERROR$/);
  });

  it('is destroyed so when its own half was about to end', async () => {
    const { stream, client } = await adapted();
    client.stream.pause();
    stream.resume();
    stream.write(Buffer.alloc(200_000));
    stream.end();
    await eventually('the window is full', () => stream.writableLength < 200_000);
    client.stream.close(0);
    await eventually('the end', () => stream.destroyed);
    expect(stream.writableFinished).toBe(false);
  });

  it('is read to its end after a reset with NO_ERROR', async () => {
    const { stream, client, errors } = await adapted();
    client.stream.pause();
    stream.write(Buffer.alloc(200_000));
    let received = '';
    stream.on('data', (chunk: Buffer) => (received += String(chunk)));
    client.stream.write('read, ');
    await eventually('the first bytes', () => received !== '');
    stream.pause();
    client.stream.write('unread');
    await eventually('the bytes', () => stream.readableLength > 0);
    client.stream.close(0);
    await eventually('the reset', () => errors.length > 0);
    expect(stream.destroyed).toBe(false);
    expect(stream.write('too late')).toBe(false);
    stream.resume();
    await eventually('the end', () => stream.destroyed);
    expect(received).toBe('read, unread');
    expect(errors).toEqual([expect.stringMatching(/RST_STREAM with NO_ERROR$/)]);
  });

  it.each<[string, (parts: Awaited<ReturnType<typeof adapted>>) => unknown]>([
    ['socket', ({ session }) => session.destroy()],
    ['session', ({ stream }) => setImmediate(() => stream.session!.destroy())],
  ])('fails when the %s of its session is gone', async (_what, end) => {
    const parts = await adapted();
    end(parts);
    await eventually('the end', () => parts.stream.destroyed);
    await eventually('the error', () => parts.errors.length > 0);
    expect(parts.errors[0]).toMatch(/ERR_SESSION_LOST|RST_STREAM with CANCEL/);
  });

  it('knows the address of its peer while there is a session', async () => {
    const { stream } = await adapted();
    expect(peerAddressOfStream(stream)).toBe('127.0.0.1');
    cancelStream(stream);
    await eventually('the end', () => stream.closed && stream.session === undefined);
    expect(peerAddressOfStream(stream)).toBeUndefined();
  });
});
