// A file upload. The page sends a file as one message, however long it is. The server writes it to disk as it
// arrives, and tells the page how much has arrived. A slow disk slows the page.
import { createReadStream, createWriteStream } from 'node:fs';
import { mkdtemp } from 'node:fs/promises';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { WebSocketServer } from 'hawser';

const MAX_FILE = 8 * 2 ** 30;
const folder = await mkdtemp(join(tmpdir(), 'upload-'));

const server = createServer((request, response) => {
  response.setHeader('Content-Type', 'text/html; charset=utf-8');
  createReadStream(new URL('upload.html', import.meta.url)).pipe(response);
});
const wss = new WebSocketServer(server);
let files = 0;

wss.on('connection', async (conn) => {
  try {
    // Only here may a message be so long: other connections keep the default of 4 MiB.
    for await (const message of conn.incoming({ maxPayload: MAX_FILE })) {
      if (!message.binary) {
        conn.send(JSON.stringify({ error: 'send a file' }));
        continue; // it is skipped
      }
      const path = join(folder, `${++files}.bin`);
      await pipeline(counted(message, conn), createWriteStream(path));
      console.log(`upload: ${path}`);
      conn.send(JSON.stringify({ done: path }));
    }
  } catch (error) {
    console.log(`upload: ${/** @type {Error} */ (error).message}`); // what is on the disk is a part
  }
});

/**
 * @param {AsyncIterable<string | Buffer>} chunks
 * @param {import('hawser').WebSocketConnection} conn
 */
async function* counted(chunks, conn) {
  let received = 0;
  for await (const chunk of chunks) {
    received += chunk.length;
    // If one waits because the page is slow, a newer one takes its place.
    conn.send(JSON.stringify({ received }), { key: 'received' });
    yield chunk;
  }
}

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`upload: http://127.0.0.1:${port}`);
});
