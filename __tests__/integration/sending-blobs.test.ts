/** Blobs over TCP and HTTP/2: they keep their place in the order, and whatever ends the connection, each callback is called once. */
import { Blob as NodeBlob } from 'node:buffer';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { openAsBlob } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runInNewContext } from 'node:vm';
import { clientClose } from '../support/frames.js';
import type { Duplex } from 'node:stream';
import { facts, tearDown, turns, until, type World } from '../support/connection.js';
import { RESET, VERSIONS } from '../support/versions.js';
import { worldOver } from '../support/worlds.js';

let at: World<Duplex>;
let called: string[];
afterEach(tearDown);

const note =
  (name: string) =>
  (error?: Error): void =>
    void called.push(`${name} ${(error as { code?: string } | undefined)?.code ?? 'sent'}`);

const hex = (text: string): string => Buffer.from(text).toString('hex');

/** The next frames that the client gets, in words. */
async function frames(count: number): Promise<string[]> {
  const words: string[] = [];
  while (words.length < count) words.push(await at.client.words());
  return words;
}

/** A Blob that is never read to its end. */
function endless(size = 1): Blob {
  const blob = { size, arrayBuffer: () => new Promise(() => undefined) };
  return Object.assign(blob, { [Symbol.toStringTag]: 'Blob' }) as unknown as Blob;
}

describe.each(VERSIONS)('send, of a Blob over %s', (version) => {
  beforeEach(async () => {
    called = [];
    at = await worldOver(version);
  });

  it('sends Blobs, Files and those of other realms in the order of the calls', async () => {
    const { connection } = at;
    const own = runInNewContext(
      `({ size: 5, arrayBuffer: async () => new Uint8Array([114, 101, 97, 108, 109]).buffer, [Symbol.toStringTag]: 'Blob' })`,
    ) as Blob;
    connection.send('first', note('first'));
    connection.send(new Blob(['bl', 'ob']), note('blob'));
    connection.send(new NodeBlob([]), note('empty'));
    connection.send(own, { binary: false }, note('realm'));
    connection.ping('ping');
    connection.sendFrame('part', { fin: false });
    connection.send('last', note('last'));
    connection.sendFrame('end', { opcode: 0 });
    expect(connection.bufferedAmount).toBeGreaterThanOrEqual('first blob realm ping part last end'.length - 6); // prettier-ignore
    expect(await frames(8)).toStrictEqual([
      ...[`text ${hex('first')}`, `binary ${hex('blob')}`, 'binary', `text ${hex('realm')}`],
      ...[`ping ${hex('ping')}`, `text nofin ${hex('part')}`, `continuation ${hex('end')}`],
      `text ${hex('last')}`,
    ]);
    await until('the callbacks', () => called.length === 5);
    expect(called).toStrictEqual(['first sent', 'blob sent', 'empty sent', 'realm sent', 'last sent']); // prettier-ignore
    expect(connection.bufferedAmount).toBe(0);
  });

  it('sends what was called before close() first, and then its Close', async () => {
    at.connection.send(new Blob(['blob']), note('blob'));
    const closed = at.connection.close(4000, 'bye');
    expect(await frames(2)).toStrictEqual([`binary ${hex('blob')}`, `close 4000 ${hex('bye')}`]);
    at.client.send(clientClose(4000));
    at.client.finish();
    expect(facts(await closed)).toMatchObject({ code: 4000, clean: true, initiator: 'local' });
    expect(called).toStrictEqual(['blob sent']);
  });

  it('sends it before the answer to a Close of the peer, and then ends', async () => {
    at.connection.send(new Blob(['blob']), note('blob'));
    at.client.send(clientClose(4001));
    expect(await frames(2)).toStrictEqual([`binary ${hex('blob')}`, 'close 4001']);
    at.client.finish();
    expect(await at.client.ended()).toBe('end');
    expect(facts(await at.closed)).toMatchObject({ code: 4001, clean: true, initiator: 'peer' });
  });

  it('closes with 1011 for a file that has changed, after what was sent before it', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'hawser-blob-'));
    try {
      const path = join(folder, 'changing.txt');
      writeFileSync(path, 'as it was');
      const file = await openAsBlob(path);
      writeFileSync(path, 'and now it is longer');
      at.connection.send('before');
      at.connection.send(file, note('file'));
      at.connection.send('after', note('after'));
      expect(await frames(2)).toStrictEqual([
        `text ${hex('before')}`,
        `close 1011 ${hex('a Blob that was to be sent could not be read, or is not UTF-8')}`,
      ]);
      at.client.send(clientClose(1011));
      at.client.finish();
      expect(facts(await at.closed)).toStrictEqual({
        // A failed connection reads nothing more, so the peer's Close is not seen (RFC 6455 section 7.1.7).
        ...{ code: 1011, clean: false, initiator: 'local', cause: 'ERR_BLOB_UNREADABLE' },
        reason: 'a Blob that was to be sent could not be read, or is not UTF-8',
      });
      expect(called.sort()).toStrictEqual([
        ...['after ERR_CONNECTION_CLOSED', 'file ERR_BLOB_UNREADABLE'],
      ]);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('closes with 1011 for a Blob as Text that is not UTF-8, also while it closes anyway', async () => {
    at.connection.send(new Blob([Uint8Array.of(255)]), { binary: false }, note('bad'));
    void at.connection.close(1000);
    expect(await frames(1)).toStrictEqual([expect.stringMatching(/^close 1011 /)]);
    at.client.send(clientClose(1011));
    at.client.finish();
    expect(facts(await at.closed)).toMatchObject({ code: 1011, cause: 'ERR_BLOB_UNREADABLE' });
    expect(called).toStrictEqual(['bad ERR_BLOB_UNREADABLE']);
  });

  it.each<[string, () => void, string]>([
    [
      'terminate()',
      () => {
        at.connection.terminate();
      },
      'ERR_TERMINATED',
    ],
    [
      'a reset',
      () => {
        at.client.reset();
      },
      RESET[version],
    ],
    [
      'the closeTimeout',
      () => {
        void at.connection.close();
        at.clock.advance(10_000);
      },
      'ERR_CLOSE_TIMEOUT',
    ],
  ])(
    'refuses it, and all after it, where %s ends the connection before it is read',
    async (_what, end, cause) => {
      // prettier-ignore
      at.connection.send(endless(), note('blob'));
      at.connection.send(endless(), note('second'));
      at.connection.send('after', note('after'));
      end();
      expect(facts(await at.closed)).toMatchObject({ cause });
      await turns();
      expect(called).toStrictEqual(
        ['blob', 'second', 'after'].map((name) => `${name} ERR_CONNECTION_CLOSED`),
      );
      expect(at.connection.bufferedAmount).toBe(0);
    },
  );

  it('counts for a slow consumer, and does not hold up its end', async () => {
    at = await worldOver(version, { maxBufferedAmount: 1000 });
    at.connection.send(endless(1000), note('blob'));
    at.connection.send('too much', note('too much'));
    expect(await frames(1)).toStrictEqual([expect.stringMatching(/^close 1013 /)]);
    await turns();
    expect(called).toStrictEqual(['blob ERR_SLOW_CONSUMER', 'too much ERR_SLOW_CONSUMER']);
  });

  it('is refused at the call once the connection is not open', async () => {
    at.connection.terminate();
    expect(at.connection.send(new Blob(['late']), note('late'))).toBe(false);
    await turns();
    expect(called).toStrictEqual(['late ERR_CONNECTION_NOT_OPEN']);
  });
});
