import { isOurs, type Notice, type Operation, toWorker, type ToWorker } from './wire.js';

/** What is used of a `Worker` of `node:cluster`. */
export interface RelayWorker {
  readonly id: number;
  isConnected(): boolean;
  send(
    message: ToWorker,
    handle: undefined,
    options: undefined,
    callback: (error: Error | null) => void,
  ): boolean;
}

/** Most bytes that may wait for a worker. Messages above that are lost, or the primary would keep them all. */
const MOST_BACKLOG = 64 * 1024 * 1024;

/** A worker that has brokers. */
interface Peer {
  readonly worker: RelayWorker;
  /** The channels of each broker. */
  readonly brokers: Map<string, Set<string>>;
  /** What it is sent at the end of the tick. */
  notices: Notice[];
  queuedBytes: number;
  sendingBytes: number;
  /** Messages lost since it last kept up; the first is reported. */
  lost: number;
}

/** The primary's part: knows the channels of each worker, and sends a message to those that have joined its channel. */
export class Relay {
  readonly #warn: (message: string) => void;
  readonly #peers = new Map<RelayWorker, Peer>();
  /** The brokers that have joined a channel, by worker. */
  readonly #channels = new Map<string, Map<Peer, Set<string>>>();
  /** Peers that are sent something at the end of this tick. */
  #pending: Peer[] = [];
  /** Workers that have ended. Messages that they sent before can still arrive. */
  readonly #ended = new WeakSet<RelayWorker>();

  constructor(warn: (message: string) => void) {
    this.#warn = warn;
  }

  /** The worker may have started before there was a relay. */
  greet(worker: RelayWorker): void {
    this.#tell(this.#peerOf(worker), ['ready']);
  }

  /** A worker has sent something. */
  receive(worker: RelayWorker, message: unknown): void {
    if (!isOurs(message)) return;
    const hasEnded = this.#ended.has(worker);
    const peer = this.#peerOf(worker);
    for (const [broker, operation] of message.operations) this.#do(peer, broker, operation);
    if (hasEnded) this.remove(worker);
  }

  /** A worker has ended. */
  remove(worker: RelayWorker): void {
    this.#ended.add(worker);
    const peer = this.#peers.get(worker);
    if (peer === undefined) return;
    this.#peers.delete(worker);
    for (const broker of [...peer.brokers.keys()]) this.#forget(peer, broker);
  }

  #peerOf(worker: RelayWorker): Peer {
    let peer = this.#peers.get(worker);
    if (peer === undefined) {
      const counts = { queuedBytes: 0, sendingBytes: 0, lost: 0 };
      peer = { worker, brokers: new Map<string, Set<string>>(), notices: [], ...counts };
      this.#peers.set(worker, peer);
    }
    return peer;
  }

  #do(peer: Peer, broker: string, operation: Operation): void {
    switch (operation[0]) {
      case 'hello':
        this.#tell(peer, [ArrayBuffer.isView(operation[1]) ? 'welcome' : 'unusable', broker]);
        break;
      case 'join':
        for (const channel of operation[2]) this.#join(peer, broker, channel);
        this.#tell(peer, ['joined', broker, operation[1]]);
        break;
      case 'leave':
        for (const channel of operation[1]) this.#leave(peer, broker, channel);
        break;
      case 'publish':
        this.#publish(peer, broker, operation[1], operation[2]);
        break;
      case 'bye':
        this.#forget(peer, broker);
    }
  }

  #join(peer: Peer, broker: string, channel: string): void {
    setOf(peer.brokers, broker).add(channel);
    let peers = this.#channels.get(channel);
    if (peers === undefined) this.#channels.set(channel, (peers = new Map<Peer, Set<string>>()));
    setOf(peers, peer).add(broker);
  }

  #leave(peer: Peer, broker: string, channel: string): void {
    peer.brokers.get(broker)?.delete(channel);
    const peers = this.#channels.get(channel);
    const brokers = peers?.get(peer);
    if (peers === undefined || brokers === undefined) return;
    brokers.delete(broker);
    if (brokers.size === 0) peers.delete(peer);
    if (peers.size === 0) this.#channels.delete(channel);
  }

  #forget(peer: Peer, broker: string): void {
    for (const channel of [...(peer.brokers.get(broker) ?? [])]) this.#leave(peer, broker, channel);
    peer.brokers.delete(broker);
  }

  #publish(from: Peer, broker: string, channel: string, envelope: Uint8Array): void {
    for (const [peer, brokers] of this.#channels.get(channel) ?? []) {
      if (peer === from && brokers.size === 1 && brokers.has(broker)) continue; // its own echo
      if (peer.queuedBytes + peer.sendingBytes >= MOST_BACKLOG) {
        if (peer.lost++ === 0) {
          this.#warn(
            `hawser: worker ${peer.worker.id} does not read what other workers publish; messages for it are lost until it does`,
          );
        }
        continue;
      }
      peer.queuedBytes += envelope.byteLength;
      this.#tell(peer, ['message', broker, channel, envelope]);
    }
  }

  #tell(peer: Peer, notice: Notice): void {
    if (peer.notices.push(notice) > 1) return;
    // setImmediate, so that what several workers have sent by now leaves together.
    if (this.#pending.push(peer) === 1) setImmediate(this.#flush);
  }

  readonly #flush = (): void => {
    const pending = this.#pending;
    this.#pending = [];
    for (const peer of pending) {
      const { notices, queuedBytes: bytes } = peer;
      peer.notices = [];
      peer.queuedBytes = 0;
      if (!peer.worker.isConnected()) continue; // it has ended, and remove() is called
      peer.sendingBytes += bytes;
      peer.worker.send(toWorker(notices), undefined, undefined, () => {
        peer.sendingBytes -= bytes;
        if (peer.sendingBytes < MOST_BACKLOG / 2) peer.lost = 0;
      });
    }
  };
}

function setOf<Key>(map: Map<Key, Set<string>>, key: Key): Set<string> {
  let set = map.get(key);
  if (set === undefined) map.set(key, (set = new Set<string>()));
  return set;
}
