/** Contexts that connections share, or that outlive one: no byte of one connection may come to another (CVE-2022-25762). */
import { randomBytes } from 'node:crypto';
import { setTimeout as delay } from 'node:timers/promises';
import { deflateRawSync } from 'node:zlib';
import type { DeflateOptions } from '../../src/index.js';
import {
  PermessageDeflate,
  type PermessageDeflateSettings,
} from '../../src/connection/deflate/permessage-deflate.js';
import { systemClock } from '../../src/connection/limits/clock.js';
import { Deadlines } from '../../src/connection/limits/deadlines.js';
import { LongMessages } from '../../src/connection/deflate/long-messages.js';
import { ConcurrencyLimit } from '../../src/connection/deflate/concurrency-limit.js';
import { SharedContexts } from '../../src/connection/deflate/shared-contexts.js';
import { hex, random } from '../support/bytes.js';
import { Child, stopChildren } from '../support/child.js';
import { compressedFrame, openCompressed } from '../support/compressed-client.js';
import { DeflateWriter } from '../support/deflate-blocks.js';
import { clientClose, clientFrame, type Frame } from '../support/frames.js';
import { Host, stopHosts } from '../support/host.js';
import type { RawClient } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);
  afterEach(stopChildren);

  const MODES: (true | DeflateOptions)[] = [
    true,
    { contextTakeover: 'both', threshold: 0 },
    { contextTakeover: 'both', threshold: 0, compressor: 'zlib', level: 6 },
    { contextTakeover: 'server', windowBits: 9 },
    { contextTakeover: 'client', level: 1 },
  ];

  /** The client's half of permessage-deflate as it was negotiated. */
  function peerOf(extensions: string): PermessageDeflate {
    const bits = (name: string): number => Number(new RegExp(`${name}=(\\d+)`).exec(extensions)?.[1] ?? 15); // prettier-ignore
    const effort = { level: 6, memLevel: 8 };
    const deadlines = new Deadlines(systemClock);
    const settings: PermessageDeflateSettings = {
      ...effort,
      compressor: 'zlib',
      threshold: 0,
      idleRelease: Infinity,
      deadlines,
      long: new LongMessages({
        ...effort,
        idleRelease: Infinity,
        deadlines,
        concurrency: new ConcurrencyLimit(),
      }),
      shared: new SharedContexts(effort),
    };
    const parameters = {
      serverNoContextTakeover: extensions.includes('server_no_context_takeover'),
      clientNoContextTakeover: extensions.includes('client_no_context_takeover'),
      serverMaxWindowBits: bits('server_max_window_bits'),
      clientMaxWindowBits: bits('client_max_window_bits'),
    };
    return new PermessageDeflate(settings, parameters, 'client');
  }

  /** The message of a frame. */
  async function opened(peer: PermessageDeflate, { rsv, payload }: Frame): Promise<Buffer> {
    if (rsv !== 4) return payload;
    const message = peer.inflate(payload, 1e8);
    if (message !== undefined) return message;
    return new Promise((resolve, reject) => {
      const payloadNow = (): Buffer => payload;
      peer.inflateAsync(payloadNow, 1e8, (error, long) => {
        if (long === undefined) reject(error!);
        else resolve(long);
      });
    });
  }

  describe.each(MODES)('with perMessageDeflate: %j', (perMessageDeflate) => {
    test('forty connections echo what is their own, though others fail and go among them', async () => {
      const host = await Host.startOver(version, { perMessageDeflate, heartbeat: false });
      host.server.on('connection', (connection) => {
        connection.on('message', (data) => connection.send(data));
      });
      const next = random(5);
      const echo = async (number: number): Promise<void> => {
        const { client, extensions } = await openCompressed(host);
        const peer = peerOf(extensions);
        const own = `message of connection ${number}, `;
        const sent: Buffer[] = [];
        for (let i = 0; i < 12; i++) {
          const times = next() < 0.2 ? 3000 + next() * 3000 : next() * 60; // long from 64 KiB on
          const message = Buffer.from(`${own}${i}: `.repeat(1 + times));
          sent.push(message);
          const payload = peer.deflate(message);
          // What is long goes as a client without takeover would send it: it refers to nothing.
          client.send(
            clientFrame(
              payload === undefined
                ? { opcode: 2, payload: message }
                : { opcode: 2, rsv: 4, payload },
            ),
          );
          if (next() < 0.3) await delay(1);
        }
        for (const message of sent) {
          expect((await opened(peer, await client.frame())).equals(message)).toBe(true);
        }
        client.send(clientClose(1000));
        await client.close();
        client.destroy();
      };
      const long = compressedFrame(randomBytes(300_000), 2);
      const fail = async (how: number): Promise<void> => {
        const { client } = await openCompressed(host);
        client.send(long);
        await delay(next() * 20);
        if (how === 0) client.reset();
        else if (how === 1) client.send(long.subarray(0, 100_000));
        else if (how === 2) client.send(clientFrame({ opcode: 1, rsv: 4, payload: hex('06') }));
        else client.send(compressedFrame(Buffer.alloc(5_000_000)));
        await delay(next() * 50);
        client.destroy();
      };
      await Promise.all(
        Array.from({ length: 60 }, (_, i) => (i % 3 === 2 ? fail(((i - 2) / 3) % 4) : echo(i))),
      );
      while (host.server.connections.size > 0) await delay(5);
    });

    test('no peer can refer back to what another has sent', async () => {
      const host = await Host.startOver(version, { perMessageDeflate, heartbeat: false });
      const secret = 'a secret between two, ';
      const ways: [string, Buffer][] = [
        ['a message', deflateRawSync(secret)],
        ['two blocks', new DeflateWriter().fixed([secret]).fixed([secret]).end().bytes],
        ['two streams', new DeflateWriter().fixed([secret], true).fixed([secret]).end().bytes],
        ['two whole streams', Buffer.concat([deflateRawSync(secret), deflateRawSync(secret)])],
        ['a long message', deflateRawSync(secret.repeat(30_000))],
        ['one that fails', Buffer.concat([deflateRawSync(secret), hex('06')])],
        ['one that is cut short', deflateRawSync(secret.repeat(9)).subarray(0, 30)],
      ];
      for (const [, payload] of ways) {
        const { client: one } = await openCompressed(host);
        const ours = await host.connection();
        one.send(clientFrame({ opcode: 1, rsv: 4, payload }));
        one.send(clientClose(1000));
        await one.close();
        one.finish();
        await ours.ended;
        for (const distance of [1, 3, 22, 40]) {
          const { client: other } = await openCompressed(host);
          await host.connection();
          const probe = new DeflateWriter().fixed([{ length: 3, distance }]).end().bytes;
          other.send(clientFrame({ opcode: 1, rsv: 4, payload: probe }));
          expect((await other.close()).code).toBe(1007);
          other.destroy();
        }
        one.destroy();
      }
    });
  });

  test('what prepared messages are compressed to suits every peer, whichever was first', async () => {
    const host = await Host.startOver(version, {
      perMessageDeflate: { contextTakeover: 'both', threshold: 0 },
      heartbeat: false,
    });
    const peers: { client: RawClient; peer: PermessageDeflate }[] = [];
    for (const offer of [
      'permessage-deflate',
      'permessage-deflate; server_no_context_takeover',
      'permessage-deflate; server_no_context_takeover; server_max_window_bits=8',
      'permessage-deflate; server_max_window_bits=9',
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover',
    ]) {
      for (let times = 0; times < 2; times++) {
        const { client, extensions } = await openCompressed(host, offer);
        peers.push({ client, peer: peerOf(extensions) });
      }
    }
    const { client: plain } = await openCompressed(host, 'permessage-bzip2');
    const noise = randomBytes(400);
    const messages = [
      Buffer.from('once '.repeat(100)),
      noise,
      Buffer.concat([noise, noise]),
      Buffer.from('a long one '.repeat(20_000)),
      Buffer.from('once '.repeat(100)),
      randomBytes(100_000),
      noise,
    ];
    const prepared = messages.map((message) => host.server.prepare(message));
    for (const each of [...prepared, ...prepared]) host.server.broadcast(each);
    for (const { client, peer } of peers) {
      for (const message of [...messages, ...messages]) {
        expect((await opened(peer, await client.frame())).equals(message)).toBe(true);
      }
      client.destroy();
    }
    for (const message of [...messages, ...messages]) {
      const { rsv, payload } = await plain.frame();
      expect([rsv, payload.equals(message)]).toStrictEqual([0, true]);
    }
    plain.destroy();
  });

  describe('the memory of contexts', () => {
    const PROGRAM = `
    const wss = new hawser.WebSocketServer(server, {
      perMessageDeflate: { contextTakeover: 'both', compressor: 'zlib', memoryBudget: 20 * 108 * 1024 },
    });
    wss.on('connection', (conn) => {
      conn.on('message', (data) => { conn.send(data); conn.send('x'.repeat(200_000)); });
    });
    commands.connections = () => wss.connections.size;
    commands.resources = () => process.getActiveResourcesInfo().filter((name) => !/TCP|Pipe|Timeout|TTY/.test(name));
  `;

    test('is given back however a connection ends, in the middle of whatever', async () => {
      const child = await Child.serveOver(version, PROGRAM, '--expose-gc');
      const long = compressedFrame(randomBytes(200_000), 2);
      const bomb = compressedFrame(Buffer.alloc(5_000_000));
      const ends: ((client: RawClient) => void)[] = [
        (client) => client.reset(),
        (client) => client.finish(),
        (client) => client.destroy(),
        (client) => client.send(clientClose(1000)),
        (client) => client.send(clientFrame({ opcode: 1, rsv: 4, payload: hex('06') })),
        (client) => client.send(bomb),
        (client) => client.send(clientFrame({ opcode: 3 })),
      ];
      const round = async (): Promise<number> => {
        const all = await Promise.all(Array.from({ length: 28 }, () => openCompressed(child)));
        for (const [i, { client }] of all.entries()) {
          client.send(compressedFrame(`hello ${i}`));
          client.send(long);
          if (i % 2 === 0) await client.frame();
          ends[i % ends.length]!(client);
        }
        await delay(20);
        for (const { client } of all) client.destroy();
        while ((await child.ask<number>('connections')) > 0) await delay(5);
        return all.filter(({ extensions }) => !extensions.includes('no_context_takeover')).length;
      };
      for (let times = 0; times < 4; times++) expect(await round()).toBe(20); // 108 KiB each
      const before = await child.ask<{ heapUsed: number; external: number }>('memory');
      for (let times = 0; times < 5; times++) await round();
      const after = await child.ask<{ heapUsed: number; external: number }>('memory');
      // A hundred connections had contexts meanwhile, of 11 MB; what is not collected yet is up to 4 MB.
      expect(after.heapUsed + after.external - before.heapUsed - before.external).toBeLessThan(8e6);
      expect(await child.ask('resources')).toStrictEqual([]);
      expect(child.stderr).toBe('');
    });
  });
});
