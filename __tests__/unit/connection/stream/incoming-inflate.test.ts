import { deflateRawSync } from 'node:zlib';
import { PermessageDeflate } from '../../../../src/connection/deflate/permessage-deflate.js';
import { IncomingInflate } from '../../../../src/connection/stream/incoming-inflate.js';
import { IncomingMessage } from '../../../../src/connection/stream/incoming-message.js';
import { compressing, parametersOf, TAKEOVER, turns } from '../../../support/connection.js';

const deflated = (message: Buffer | string): Buffer =>
  deflateRawSync(message, { finishFlush: 2 }).subarray(0, -4);

let log: string[];
let inflate: IncomingInflate;
let message: IncomingMessage;

function make(isBinary = true, parameters = {}, drive = true): void {
  log = [];
  const compression = new PermessageDeflate(
    compressing({ drive }),
    parametersOf(parameters),
    'server',
  );
  const owner = {
    onInflated: () => log.push('inflated'),
    fail: ({ code }: { code: string }) => log.push(code),
  };
  inflate = new IncomingInflate(owner, compression, 1000);
  const messageOwner = {
    onTaken: () => {
      inflate.fill();
    },
    onFinished: () => log.push('finished'),
  };
  message = new IncomingMessage(messageOwner, isBinary);
}
afterEach(() => {
  inflate.close();
});

describe('IncomingInflate', () => {
  it('decompresses until the message is full, and as it is taken', async () => {
    make();
    expect(inflate.isBusy).toBe(false);
    inflate.begin(message, 1e9);
    inflate.push(deflated(Buffer.alloc(500_000)), true);
    expect(inflate.isBusy).toBe(true);
    expect(inflate.bytesHeld).toBeGreaterThan(100);
    let length = 0;
    for (;;) {
      const chunk = await message.take();
      if (chunk === undefined) break;
      length += (chunk as Buffer).length;
    }
    expect([length, inflate.isBusy, log]).toEqual([500_000, false, ['finished']]);
    inflate.fill(); // nothing is left to do
  });

  it('makes a pause when a turn has had its share', async () => {
    make(true, TAKEOVER);
    inflate.begin(message, 1e9);
    message.discard();
    inflate.push(deflated(Buffer.alloc(5_000_000)), true);
    expect(inflate.isBusy).toBe(true);
    inflate.fill(); // not before its turn
    expect(log).toEqual([]);
    await turns(10);
    expect(log.slice(0, 2)).toEqual(['inflated', 'inflated']);
    expect(log).toContain('finished');
  });

  it('gives several connections their turn', async () => {
    const finished: string[] = [];
    const all = [1, 2].map(() => {
      make(true, TAKEOVER);
      message.discard();
      log = finished;
      inflate.begin(message, 1e9);
      inflate.push(deflated(Buffer.alloc(5_000_000)), true);
      return inflate;
    });
    await turns(20);
    expect(finished.filter((each) => each === 'finished')).toHaveLength(2);
    all[0]!.close();
  });

  it('waits for more', () => {
    make(false);
    inflate.begin(message, 1000);
    inflate.push(deflated('a'.repeat(100)).subarray(0, 2), false);
    expect(inflate.isBusy).toBe(false);
    inflate.push(deflated('a'.repeat(100)).subarray(2), true);
    expect(message.isComplete).toBe(true);
    expect(message.heldBytes).toBe(100);
  });

  it.each<[string, Buffer, boolean, string]>([
    ['too long', deflated(Buffer.alloc(1001)), true, 'ERR_MESSAGE_TOO_BIG'],
    ['no DEFLATE data', Buffer.of(0xff), true, 'ERR_INVALID_DEFLATE'],
    ['no UTF-8', deflated(Buffer.of(0xff)), false, 'ERR_INVALID_UTF8'],
    ['cut inside a character', deflated(Buffer.of(0xe2)), false, 'ERR_INVALID_UTF8'],
  ])('fails for what is %s', (_name, payload, isBinary, code) => {
    make(isBinary);
    inflate.begin(message, 1000);
    inflate.push(payload, true);
    expect(log).toEqual([code]);
    expect(inflate.isBusy).toBe(false);
  });

  it('fails for more input than may be held where zlib cannot be driven', () => {
    make(true, {}, false);
    inflate.begin(message, 1000);
    inflate.push(Buffer.alloc(1001), false);
    expect(log).toEqual(['ERR_MESSAGE_TOO_BIG']);
  });

  it('does not look at what is discarded, without takeover', () => {
    make();
    inflate.begin(message, 1000);
    message.discard();
    inflate.push(Buffer.of(0xff), false);
    inflate.push(Buffer.of(0xff), true);
    expect(log).toEqual(['finished']);
  });
});
