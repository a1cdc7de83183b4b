/** A connection that ends while a long message of it is being compressed or decompressed: nothing is lost, doubled or kept in memory. */
import { randomBytes } from 'node:crypto';
import { deflateRawSync, inflateRawSync } from 'node:zlib';
import type { ServerOptions, WebSocketConnection } from '../../src/index.js';
import { hex } from '../support/bytes.js';
import { Child, stopChildren } from '../support/child.js';
import { compressedFrame, openCompressed } from '../support/compressed-client.js';
import { clientClose, clientFrame, type Frame } from '../support/frames.js';
import { Host, type Ours, stopHosts } from '../support/host.js';
import type { RawClient } from '../support/raw-client.js';
import { until } from '../support/connection.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);
  afterEach(stopChildren);

  const LONG = 'a long message, '.repeat(60_000);

  async function start(
    options: ServerOptions = {},
  ): Promise<{ client: RawClient; ours: Ours; connection: WebSocketConnection }> {
    const host = await Host.startOver(version, { perMessageDeflate: true, ...options });
    const { client } = await openCompressed(host);
    const ours = await host.connection();
    return { client, ours, connection: ours.connection };
  }

  /** What the client has received, inflated; the Close by its code. */
  function received(client: RawClient): string[] {
    return client.frames.map(({ opcode, rsv, payload }: Frame) => {
      if (opcode === 8) return `close ${payload.readUInt16BE(0)}`;
      const whole = rsv === 4 ? inflateRawSync(Buffer.concat([payload, hex('0000ffff 0300')])) : payload; // prettier-ignore
      return whole.toString().replace(LONG, 'LONG');
    });
  }

  describe('sending', () => {
    test('close() after a long message lets it leave before the Close, once', async () => {
      const { client, ours, connection } = await start();
      const called: unknown[] = [];
      connection.send('before');
      connection.send(LONG, (error) => called.push(error));
      connection.send('behind', (error) => called.push(error));
      connection.ping('ping');
      const closed = connection.close(4000);
      connection.send('too late', (error) =>
        called.push((error as unknown as { code: string }).code),
      );
      expect((await client.close()).code).toBe(4000);
      client.send(clientClose(4000));
      client.finish();
      expect(await closed).toMatchObject({ code: 4000, clean: true });
      await ours.ended;
      expect(received(client)).toStrictEqual(['before', 'LONG', 'behind', 'ping', 'close 4000']);
      expect(called.sort()).toStrictEqual(['ERR_CONNECTION_NOT_OPEN', undefined, undefined]);
      expect(connection.bufferedAmount).toBe(0);
    });

    test.each<[string, (connection: WebSocketConnection, client: RawClient) => unknown]>([
      ['terminate()', (connection) => connection.terminate()],
      ['a reset by the peer', (_connection, client) => client.reset()],
      ['the peer’s end without a Close', (_connection, client) => client.finish()],
      ['a fault of the peer', (_connection, client) => client.send(clientFrame({ opcode: 3 }))],
    ])('%s tells every callback once', async (what, end) => {
      for (const contextTakeover of ['none', 'both'] as const) {
        const { client, ours, connection } = await start({
          perMessageDeflate: { contextTakeover },
        });
        const called = Array<number>(20).fill(0);
        for (let i = 0; i < 20; i++)
          connection.send(i % 3 === 0 ? LONG : `${i}`, () => called[i]!++);
        end(connection, client);
        client.socket.resume();
        if (what.includes('fault')) await client.ended().then(() => client.finish());
        await ours.ended;
        await until('every callback', () => !called.includes(0));
        await new Promise((resolve) => setTimeout(resolve, 50)); // any of them again
        expect(called).toStrictEqual(Array<number>(20).fill(1));
        expect(connection.bufferedAmount).toBe(0);
        client.destroy();
      }
    });
  });

  describe('receiving', () => {
    test('a FIN right after a long message: it is delivered, then the connection ends', async () => {
      const { client, ours } = await start();
      client.send(Buffer.concat([compressedFrame(LONG), compressedFrame('behind')]));
      client.finish();
      expect(await ours.receive(2)).toStrictEqual([LONG, 'behind']);
      expect(await ours.ended).toMatchObject({ code: 1006, clean: false });
    });

    test('a Close and a FIN right after a long message: it is delivered, and the end is clean', async () => {
      const { client, ours } = await start();
      client.send(Buffer.concat([compressedFrame(LONG), clientClose(1000)]));
      client.finish();
      expect(await ours.receive(1)).toStrictEqual([LONG]);
      expect(await ours.ended).toMatchObject({ code: 1000, clean: true });
      expect(await client.close()).toMatchObject({ code: 1000 });
    });

    test('a fault right after a long message: it is delivered, then the connection fails', async () => {
      const { client, ours } = await start();
      client.send(Buffer.concat([compressedFrame(LONG), clientFrame({ opcode: 3 })]));
      expect(await ours.receive(1)).toStrictEqual([LONG]);
      expect((await client.close()).code).toBe(1002);
      client.destroy();
    });

    test('an iterator takes long and short ones in order, and ends', async () => {
      const host = await Host.startOver(version, { perMessageDeflate: true });
      const got: Promise<string[]>[] = [];
      host.server.removeAllListeners('connection');
      host.server.on('connection', (connection) => {
        const all: string[] = [];
        got.push(
          (async () => {
            for await (const message of connection) {
              all.push(message.toString().replace(LONG, 'LONG'));
              await new Promise((resolve) => setTimeout(resolve, 5));
            }
            return all;
          })(),
        );
      });
      const { client } = await openCompressed(host);
      const long = compressedFrame(LONG);
      client.send(
        Buffer.concat([
          long,
          compressedFrame('a'),
          long,
          long,
          compressedFrame('b'),
          clientClose(),
        ]),
      );
      await client.close();
      client.finish();
      expect(await got[0]).toStrictEqual(['LONG', 'a', 'LONG', 'LONG', 'b']);
    });

    test('a paused connection holds a long message back, and its peer', async () => {
      const { client, ours, connection } = await start();
      connection.pause();
      const frame = compressedFrame(randomBytes(700_000).toString('base64'));
      for (let i = 0; i < 30; i++) client.send(frame);
      await new Promise((resolve) => setTimeout(resolve, 100));
      // One is held, and the socket is not read any more: most of 20 MB waits with the peer.
      expect(client.socket.writableLength).toBeGreaterThan(0);
      connection.resume();
      expect(await ours.receive(30)).toHaveLength(30);
      client.destroy();
    });

    test('an exception of a listener goes up, and what comes after a long message is delivered', async () => {
      const child = await Child.serveOver(
        version,
        `
      process.on('uncaughtException', (error) => say('uncaught', error.message));
      const wss = new hawser.WebSocketServer(server, { perMessageDeflate: true });
      wss.on('connection', (conn) => conn.on('message', (data) => {
        say('message', data.length);
        if (data.length > 100) throw new Error('of the application');
      }));
    `,
      );
      const { client } = await openCompressed(child);
      const long = compressedFrame(LONG);
      client.send(Buffer.concat([long, compressedFrame('a'), long, compressedFrame('bc')]));
      await child.says('message', 2);
      expect(child.said.filter(([word]) => word !== 'port')).toStrictEqual([
        ['message', LONG.length],
        ['uncaught', 'of the application'],
        ['message', 1],
        ['message', LONG.length],
        ['uncaught', 'of the application'],
        ['message', 2],
      ]);
      client.destroy();
    });

    test('a reset while it is in progress: nothing is left that keeps a process alive', async () => {
      const child = await Child.serveOver(
        version,
        `
      const wss = new hawser.WebSocketServer(server, { perMessageDeflate: { contextTakeover: 'both' } });
      wss.on('connection', (conn) => {
        conn.on('message', () => undefined);
        conn.on('close', () => {
          if (wss.connections.size === 0) { process.disconnect(); server.close(); }
        });
        conn.send('x'.repeat(1e6));
      });
    `,
      );
      const clients = await Promise.all(Array.from({ length: 30 }, () => openCompressed(child)));
      const payload = deflateRawSync(randomBytes(2_000_000));
      for (const { client } of clients) client.send(clientFrame({ opcode: 2, rsv: 4, payload }));
      for (const { client } of clients) client.reset();
      expect(await child.exit).toStrictEqual({ code: 0, signal: null });
      expect(child.stderr).toBe('');
    });
  });
});
