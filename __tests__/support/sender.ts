/** One sending half at a time, on a socket that remembers; a new one before each test. */
import type { PermessageDeflate } from '../../src/connection/deflate/permessage-deflate.js';
import type { ConnectionEvents } from '../../src/connection/events.js';
import type { SenderOwner } from '../../src/connection/send/owner.js';
import { Sender } from '../../src/connection/send/sender.js';
import type { ConnectionSettings } from '../../src/connection/settings.js';
import type { NodeSocket } from '../../src/connection/transport.js';
import { TypedEmitter } from '../../src/connection/typed-emitter.js';
import { HandClock, ownerOf, settingsOf, Sink, type WorldOptions } from './connection.js';
import { describeFrame, parseFrames } from './frames.js';

type Mutable<T> = { -readonly [Key in keyof T]: T[Key] };

export let sink: Sink;
export let connection: TypedEmitter<ConnectionEvents>;
export let sender: Sender;
export let owner: Mutable<SenderOwner>;
/** How many `'drain'` events there were. */
export let drains: number;
/** The callbacks of {@link note} that were called, with their errors. */
export let called: string[];
export let settings: ConnectionSettings;

/** Make a sender with the settings of the last {@link make}. Only the events of the newest are heard. */
export function makeOn(
  socket: Sink,
  compression?: PermessageDeflate,
  nodeSocket?: NodeSocket,
): void {
  sink = socket;
  const emitter = (connection = new TypedEmitter<ConnectionEvents>());
  emitter.on('drain', () => {
    if (emitter === connection) drains++;
  });
  sender = new Sender((owner = ownerOf(emitter, settings)), sink, nodeSocket, compression);
}

export function make(
  role: 'server' | 'client' = 'server',
  highWaterMark = 1000,
  options: WorldOptions = {},
): void {
  settings = settingsOf(new HandClock(), { role, highWaterMark, ...options });
  makeOn(new Sink());
}

beforeEach(() => {
  drains = 0;
  called = [];
  make();
});

/** A callback for `send` that notes in `called` what it was told. */
export const note =
  (name: string) =>
  (error?: Error): void =>
    void called.push(error === undefined ? name : `${name} ${(error as { code?: string }).code}`);

/** The frames that were sent. */
export const words = (): string[] =>
  parseFrames(sink.bytes, sink.bytes[1]! >= 0x80 ? 'client' : 'server').map(describeFrame);
