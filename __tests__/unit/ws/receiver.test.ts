import * as ws from 'ws';
import { extension } from '../../../src/ws/extension.js';
import { PerMessageDeflate } from '../../../src/ws/per-message-deflate.js';
import { Receiver, type ReceiverOptions } from '../../../src/ws/receiver.js';
import { clientFrame, serverFrame } from '../../support/frames.js';

// @types/ws does not know them yet.
const theirs = ws as unknown as {
  Receiver: typeof Receiver;
  PerMessageDeflate: typeof PerMessageDeflate;
};
const ours = { Receiver, PerMessageDeflate };

type Library = typeof ours;

/** All that a receiver tells of these chunks. */
async function told(
  library: Library,
  options: ReceiverOptions,
  chunks: readonly Buffer[],
  deflates = false,
): Promise<unknown[]> {
  const log: unknown[] = [];
  const deflate = new library.PerMessageDeflate({
    isServer: options.isServer,
    maxPayload: options.maxPayload,
  });
  deflate.accept(extension.parse('permessage-deflate')['permessage-deflate']!);
  const extensions = deflates ? { 'permessage-deflate': deflate } : undefined;
  const receiver = new library.Receiver({ ...options, ...(extensions && { extensions }) });
  for (const event of ['message', 'ping', 'pong', 'conclude', 'finish']) {
    receiver.on(event, (...args: unknown[]) => log.push([event, ...args]));
  }
  const ended = new Promise((done) => {
    receiver.on('close', done);
    receiver.on('error', (error: Error & { code?: string }) => {
      log.push(['error', error.name, error.message, error.code]);
    });
  });
  for (const chunk of chunks) {
    // Each library gets a copy, because ws unmasks in place.
    if (!receiver.writableEnded && !receiver.destroyed) receiver.write(Buffer.from(chunk));
    await new Promise(setImmediate);
  }
  receiver.end();
  await ended;
  deflate.cleanup();
  return log;
}

/** The payload of a compressed message. */
function compressed(text: string | Buffer): Buffer {
  const end = new PerMessageDeflate({ isServer: true });
  end.accept([{}]);
  let payload: Buffer | undefined;
  end.compress(text, true, (_error, data) => (payload = data));
  return payload!;
}

const message = serverFrame({ opcode: 1, payload: Buffer.from('é') });
const cases: [string, ReceiverOptions, Buffer[], boolean?][] = [
  ['Text', {}, [message]],
  ['Text, byte by byte', {}, [...message].map((byte) => Buffer.of(byte))],
  [
    'a masked message',
    { isServer: true },
    [clientFrame({ opcode: 2, payload: Buffer.from('ab') })],
  ],
  [
    'fragments with a Ping and a Pong between them',
    {},
    [
      Buffer.concat([
        serverFrame({ opcode: 1, payload: Buffer.from('a'), fin: false }),
        serverFrame({ opcode: 9, payload: Buffer.from('p') }),
        serverFrame({ opcode: 10, payload: Buffer.from('q') }),
        serverFrame({ opcode: 0, payload: Buffer.from('b') }),
      ]),
    ],
  ],
  [
    'an ArrayBuffer',
    { binaryType: 'arraybuffer' },
    [serverFrame({ opcode: 2, payload: Buffer.from('ab') })],
  ],
  ['a Close without a code', {}, [serverFrame({ opcode: 8, payload: Buffer.alloc(0) })]],
  ['a Close', {}, [serverFrame({ opcode: 8, payload: Buffer.from('03e8627965', 'hex') })]],
  [
    'a compressed message',
    {},
    [serverFrame({ opcode: 1, payload: compressed('hawser'), rsv: 4 })],
    true,
  ],
  [
    'a compressed message of bytes',
    {},
    [serverFrame({ opcode: 2, payload: compressed('hawser'), rsv: 4 })],
    true,
  ],
  [
    'compressed Text that is not UTF-8',
    {},
    [serverFrame({ opcode: 1, payload: compressed(Buffer.from('ff', 'hex')), rsv: 4 })],
    true,
  ],
  [
    'a compressed message that is too long',
    { maxPayload: 5 },
    [serverFrame({ opcode: 1, payload: compressed('a'.repeat(100)), rsv: 4 })],
    true,
  ],
  [
    'RSV1 that was not negotiated',
    {},
    [serverFrame({ opcode: 1, payload: compressed('hawser'), rsv: 4 })],
  ],
  ['a message that is too long', { maxPayload: 1 }, [message]],
  ['Text that is not UTF-8', {}, [serverFrame({ opcode: 1, payload: Buffer.from('ff', 'hex') })]],
  ['a reserved opcode', {}, [Buffer.from('8300', 'hex')]],
  ['nothing', {}, []],
];

describe('Receiver', () => {
  it.each(cases)('tells of %s what ws tells', async (...[, options, chunks, deflates]) => {
    const expected = await told(theirs, options, chunks, deflates);
    expect(await told(ours, options, chunks, deflates)).toEqual(expected);
  });

  it('leaves a masked chunk unchanged, because others may read it', () => {
    const chunk = clientFrame({ opcode: 2, payload: Buffer.alloc(100, 1) });
    const before = Buffer.from(chunk);
    const receiver = new Receiver({ isServer: true });
    const messages: Buffer[] = [];
    receiver.on('message', (data: Buffer) => messages.push(data));
    receiver.write(chunk);
    expect(messages).toEqual([Buffer.alloc(100, 1)]);
    expect(chunk).toEqual(before);
  });

  it('needs no options', () => {
    const receiver = new Receiver();
    const messages: unknown[] = [];
    receiver.on('message', (...args) => messages.push(args));
    receiver.write(message);
    expect(messages).toEqual([[Buffer.from('é'), false]]);
  });
});
