/** One connection at a time, on a socket that the test feeds; a new one before each test. */
import type { WebSocketConnection } from '../../src/connection/connection.js';
import {
  connectionOn,
  HandClock,
  record,
  Sink,
  tearDown,
  type WorldOptions,
} from './connection.js';
import { clientFrame, describeFrame, parseFrames } from './frames.js';

export let sink: Sink;
export let connection: WebSocketConnection;
/** What happened, in words. */
export let log: string[];

/** Watch a connection from now on: `log` is told when it closes. */
export function watch(socket: Sink, made: WebSocketConnection): void {
  sink = socket;
  connection = made;
  const mine: string[] = (log = []);
  connection.on('close', (code) => mine.push(`close ${code}`));
}

/** Watch a new connection, and start it. */
export function start(options: WorldOptions = {}, clock = new HandClock()): void {
  const socket = new Sink(1024 * 1024);
  watch(socket, connectionOn(socket, options, clock));
  connection.start(Buffer.alloc(0));
}

beforeEach(() => start());
afterEach(tearDown);

/** One read of the socket brings these frames. */
export const feed = (...frames: Buffer[]): boolean => sink.emit('data', Buffer.concat(frames));
/** Listen for messages, and log them. */
export const listen = (): string[] => record(connection, log);
/** The frames that were sent. */
export const answers = (): string[] => parseFrames(sink.bytes).map(describeFrame);

export const text = (payload: string): Buffer => clientFrame({ opcode: 1, payload });
export const ping = (payload: string): Buffer => clientFrame({ opcode: 9, payload });
/** Messages that fill what is held: 64 KiB with the overhead of one. */
export const FULL: string = 'x'.repeat(65_536 - 64);
