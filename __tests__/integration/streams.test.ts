import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { WebSocket } from 'ws';
import { connect } from '../../src/client/connect.js';
import type { WebSocketConnection } from '../../src/connection/connection.js';
import { WebSocketServer } from '../../src/server/server.js';
import { MemoryLogger } from '../support/server.js';
import { type Version, VERSIONS } from '../support/versions.js';

// bench/streams.mjs does the same with 4 GiB, in processes with a heap of 64 MB.

const MIB = 1024 * 1024;
const CHUNK = 64 * 1024;
const TOTAL = 96 * MIB;

let wss: WebSocketServer;
let server: WebSocketConnection;
let client: WebSocketConnection;

async function openOver(version: Version, perMessageDeflate: boolean): Promise<void> {
  const http2 = version === 'HTTP/2';
  const logger = new MemoryLogger();
  wss = new WebSocketServer({ port: 0, host: '127.0.0.1', http2, perMessageDeflate, logger });
  await once(wss, 'listening');
  const accepted = once(wss, 'connection') as Promise<[WebSocketConnection]>;
  const url = `ws://127.0.0.1:${(wss.address() as AddressInfo).port}`;
  client = await connect(url, { perMessageDeflate, ...(http2 && { http2 }) });
  [server] = await accepted;
}
afterEach(async () => {
  await client.close();
  await wss.close();
});

/** Chunks whose first bytes are their number. They are not kept. */
function* numbered(onChunk: () => void, count = TOTAL / CHUNK): Generator<Buffer> {
  for (let i = 0; i < count; i++) {
    const chunk = Buffer.alloc(CHUNK, 'all work and no play ');
    chunk.writeUInt32BE(i);
    onChunk();
    yield chunk;
  }
}

describe.each(VERSIONS)('over %s', (version) => {
  const open = (perMessageDeflate: boolean) => openOver(version, perMessageDeflate);

  describe.each([
    ['up', false],
    ['up', true],
    ['down', false],
    ['down', true],
  ] as const)('a message of 96 MiB, %s, compressed: %s', (direction, compressed) => {
    it('arrives whole, and little of it is ever held', async () => {
      await open(compressed);
      const [from, to] = direction === 'up' ? [client, server] : [server, client];
      let most = 0;
      let made = 0;
      let received = 0;
      let furthest = 0;
      const sent = from.sendStream(
        numbered(() => {
          made += CHUNK;
          most = Math.max(most, from.bufferedAmount);
          furthest = Math.max(furthest, made - received);
        }),
      );
      for await (const message of to.incoming({ maxPayload: TOTAL })) {
        for await (const chunk of message) {
          // The number of each chunk is where it belongs.
          for (let at = (CHUNK - (received % CHUNK)) % CHUNK; at + 4 <= chunk.length; at += CHUNK) {
            expect((chunk as Buffer).readUInt32BE(at)).toBe((received + at) / CHUNK);
          }
          received += chunk.length;
          // A slow reader: the sender has to wait for it.
          if (received % (8 * MIB) < chunk.length)
            await new Promise((done) => setTimeout(done, 20));
        }
        break;
      }
      await sent;
      expect(received).toBe(TOTAL);
      expect(most).toBeLessThan(2 * CHUNK);
      // What is in between is with the kernel; compressed it is a lot of messages.
      if (!compressed) expect(furthest).toBeLessThan(24 * MIB);
    });
  });

  it('skips a long message that is left at its first chunk, and the next one arrives', async () => {
    await open(false);
    let most = 0;
    const sent = client.sendStream(numbered(() => (most = Math.max(most, client.bufferedAmount))));
    client.send('next');
    const got: string[] = [];
    for await (const message of server.incoming({ maxPayload: TOTAL })) {
      if (!message.binary) {
        got.push(await message.text());
        break;
      }
      for await (const chunk of message) {
        got.push(String((chunk as Buffer).readUInt32BE(0)));
        break;
      }
    }
    await sent;
    expect(got).toEqual(['0', 'next']);
    expect(most).toBeLessThan(2 * CHUNK);
  });

  it('ends with the server: wss.close() does not wait for a source', async () => {
    await open(false);
    const received = (async () => {
      for await (const message of client.incoming()) {
        for await (const chunk of message) expect(chunk.length).toBeGreaterThan(0);
      }
    })();
    let isReturned = false;
    const forever = async function* (): AsyncGenerator<Buffer> {
      try {
        for (;;) {
          yield Buffer.alloc(20_000);
          await new Promise((done) => setTimeout(done, 5));
        }
      } finally {
        isReturned = true;
      }
    };
    const sent = server.sendStream(forever());
    await new Promise((done) => setTimeout(done, 50));
    const [{ clean }] = await Promise.all([
      wss.close(),
      expect(sent).rejects.toMatchObject({ code: 'ERR_CONNECTION_CLOSED' }),
      expect(received).rejects.toMatchObject({ code: 'ERR_MESSAGE_INCOMPLETE' }),
    ]);
    expect(clean).toBe(1);
    await new Promise((done) => setTimeout(done, 20));
    expect(isReturned).toBe(true);
  });

  // ws has no streams of HTTP/2.
  if (version === 'HTTP/1.1')
    it('compresses a stream that ws decompresses, and takes one that ws compresses', async () => {
      await open(true);
      const accepted = once(wss, 'connection') as Promise<[WebSocketConnection]>;
      const other = new WebSocket(`ws://127.0.0.1:${(wss.address() as AddressInfo).port}`);
      const [connection] = await accepted;
      const arrived = once(other, 'message') as Promise<[Buffer]>;
      const chunks = [...numbered(() => undefined, 20)];
      await connection.sendStream(chunks);
      expect((await arrived)[0].equals(Buffer.concat(chunks))).toBe(true);
      other.send(Buffer.concat(chunks), { fin: false });
      other.send(Buffer.concat(chunks));
      for await (const message of connection.incoming()) {
        expect((await message.bytes()).equals(Buffer.concat([...chunks, ...chunks]))).toBe(true);
        break;
      }
      other.close();
      await once(other, 'close');
    });
});
