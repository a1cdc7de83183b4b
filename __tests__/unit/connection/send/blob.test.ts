import { ConnectionError } from '../../../../src/connection/close/connection-error.js';
import { readBlob, sizeOf } from '../../../../src/connection/send/blob.js';
import type { BlobLike } from '../../../../src/protocol/framing/payload.js';

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
