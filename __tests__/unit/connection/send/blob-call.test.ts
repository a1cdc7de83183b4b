import { AsyncLocalStorage } from 'node:async_hooks';
import { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { BlobCall, readBlob, sizeOf } from '../../../../src/connection/send/blob-call.js';
import { PendingCalls } from '../../../../src/connection/send/pending-calls.js';
import type { BlobLike } from '../../../../src/protocol/framing/payload.js';
import { turns } from '../../../support/connection.js';

const blobOf = (size: unknown, arrayBuffer: () => unknown): BlobLike =>
  ({ size, arrayBuffer }) as BlobLike;

describe('sizeOf', () => {
  it.each([
    [5, 5],
    [0, 0],
    [-1, 0],
    [NaN, 0],
    [Infinity, 0],
    [1.5, 0],
  ])('counts %s as %s', (size, counted) => {
    expect(sizeOf(blobOf(size, () => undefined))).toBe(counted);
  });

  it('counts the bytes of a Blob', () => {
    expect(sizeOf(new Blob(['é', new Uint8Array(3)]))).toBe(5);
  });
});

describe('readBlob', () => {
  it('has the bytes of a Blob', async () => {
    expect(Buffer.from(await readBlob(new Blob(['é']), true)).toString()).toBe('é');
    expect(await readBlob(new Blob([]), false)).toHaveLength(0);
    expect(await readBlob(new Blob([Uint8Array.of(255)]), false)).toStrictEqual(Uint8Array.of(255));
  });

  const failure = new Error('the disk is gone');
  it.each<[string, BlobLike, boolean, string, unknown]>([
    [
      'is not UTF-8 and is to be Text',
      new Blob([Uint8Array.of(255)]),
      true,
      '1 bytes were to be sent as Text but are not valid UTF-8; send them as Binary',
      expect.any(TypeError),
    ],
    ['rejects', blobOf(1, () => Promise.reject(failure)), false, 'the disk is gone', failure],
    [
      'throws',
      blobOf(1, () => {
        throw failure;
      }),
      false,
      'the disk is gone',
      failure,
    ],
    [
      'rejects with what is not an Error',
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what is tested
      blobOf(1, () => Promise.reject('no')),
      false,
      'no',
      'no',
    ],
    [
      'has no bytes',
      blobOf(1, () => Promise.resolve({})),
      false,
      'expected data to be a string, Buffer, typed array, DataView or ArrayBuffer, got an object; send JSON.stringify(data)',
      expect.any(TypeError),
    ],
  ])('fails for a Blob that %s', async (_what, blob, isText, detail, cause) => {
    const reading = readBlob(blob, isText);
    await expect(reading).rejects.toBeInstanceOf(ConnectionError);
    await expect(reading).rejects.toMatchObject({
      code: 'ERR_BLOB_UNREADABLE',
      message: `a Blob that was to be sent could not be read, or is not UTF-8: ${detail}`,
      cause,
    });
  });
});

describe('BlobCall', () => {
  let did: string[];
  let calls: PendingCalls;
  const user = new AsyncLocalStorage<string>();
  beforeEach(() => {
    did = [];
    calls = new PendingCalls({ account: undefined, takes: () => true });
  });

  const begin = (
    blob: BlobLike,
    options?: { binary?: boolean; compress?: boolean },
    withCallback = true,
  ): BlobCall => {
    const sender = {
      calls,
      queue: (data: Uint8Array, _bytes: unknown, binary?: boolean, compress?: boolean) => {
        const text = Buffer.from(data).toString();
        did.push(`queue ${text} ${binary} ${compress} for ${user.getStore()}`);
      },
      unsendable: (error: ConnectionError) => did.push(`unsendable ${error.code}`),
    };
    const callback = (error?: Error) => did.push(`refused ${error?.message}`);
    return new BlobCall(sender, blob, options, withCallback ? callback : undefined);
  };

  it('queues the content in the context of its call, and then what waited for it', async () => {
    const call = user.run('ann', () => begin(new Blob(['é']), { binary: false, compress: true }));
    expect(call.size).toBe(2);
    call.read();
    expect(calls.bytes).toBe(2);
    calls.wait(3, () => did.push('after it'));
    await turns();
    expect(did).toStrictEqual(['queue é false true for ann', 'after it']);
    expect(calls.bytes).toBe(0);
  });

  it.each([
    [true, ['unsendable ERR_BLOB_UNREADABLE', expect.stringMatching(/^refused .*UTF-8/) as string]],
    [false, ['unsendable ERR_BLOB_UNREADABLE']],
  ])('tells of a Blob that cannot be sent; with a callback: %p', async (withCallback, told) => {
    begin(new Blob([Uint8Array.of(255)]), { binary: false }, withCallback).read();
    await turns();
    expect(did).toStrictEqual(told);
  });

  it('does nothing more once it was discarded', async () => {
    for (const blob of [new Blob(['a']), blobOf(1, () => Promise.reject(new Error('gone')))]) {
      begin(blob, undefined, false).read();
      calls.discard(new Error('discarded'));
      await turns();
    }
    expect(did).toStrictEqual([]);
  });
});
