/** One outbox at a time, on a socket that remembers, and what its owner is told; a new one before each test. */
import { Outbox } from '../../src/connection/send/outbox.js';
import type { WriterOwner } from '../../src/connection/send/socket-writer.js';
import { Sink, tearDown } from './connection.js';
import { describeFrame, parseFrames, serverFrame } from './frames.js';

export const TEXT = 0x81;
export const BINARY = 0x82;
export const CLOSE = 0x88;

export let sink: Sink;
export let outbox: Outbox;
/** What was still buffered each time the owner was told of a write. */
export let progress: number[];
/** Bytes that the owner was told were handed over. */
export let handed: number;
/** What the owner was told of payloads that were taken away. */
export let unsendable: Error[];
/** How the owner answers. */
export const answers = {
  /** It wants to hear of the next write too. */
  waits: false,
  /** It sends a Close when a payload was taken away. */
  closes: true,
};

export function setSink(socket: Sink): void {
  sink = socket;
}

export function setOutbox(made: Outbox): void {
  outbox = made;
}

/** An owner that keeps what it is told. */
export const owner = (): WriterOwner => ({
  onWritten: (count) => (handed += count),
  account: undefined,
  written: () => {
    progress.push(outbox.bufferedAmount);
    return answers.waits;
  },
  unsendable: (error) => {
    unsendable.push(error);
    if (answers.closes) outbox.bytes(CLOSE, Buffer.from([3, 243]));
  },
});

export const uninterested: WriterOwner = {
  account: undefined,
  onWritten: () => undefined,
  written: () => false,
  unsendable: () => undefined,
};

beforeEach(() => {
  sink = new Sink();
  progress = [];
  handed = 0;
  unsendable = [];
  Object.assign(answers, { waits: false, closes: true });
  outbox = new Outbox(sink, undefined, owner());
});
afterEach(tearDown);

export const tick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));
/** The writes so far: the sizes of each one's pieces. */
export const sizes = (): number[][] =>
  sink.writes.map((pieces) => pieces.map(({ length }) => length));
/** The frames that were written. */
export const words = (): string[] => parseFrames(sink.bytes).map(describeFrame);

/** Have `count` bytes under way that the kernel does not take. */
export async function fallBehind(count = 20_000): Promise<void> {
  sink.backpressured = true;
  outbox.frame(serverFrame({ opcode: 2, payload: Buffer.alloc(count - 4, 0x78) }));
  await tick();
  expect(sink.writes).toHaveLength(1);
  expect(outbox.bufferedAmount).toBe(count);
}
