import type { Broker, BrokerNode, Outgoing } from '../../src/server/topics/broker.js';
import {
  bytesInEnvelope,
  type EnvelopeHeader,
  type EnvelopeMessage,
  EnvelopeWriter,
  readHeader,
  readMessages,
} from '../../src/server/topics/envelope.js';

/** A broker that writes down what it is told. The test decides what it takes, and what it confirms. */
export class HandBroker implements Broker {
  readonly calls: string[] = [];
  /** The envelopes that were taken. */
  readonly sent: Outgoing[] = [];
  /** How many envelopes each call of `publish` had. */
  readonly offers: number[] = [];
  node!: BrokerNode;
  maxMessage = 1_000_000;
  /** How many envelopes the next calls of `publish` take. */
  takes = Infinity;
  /** Called by each method, with its name. */
  onCall: (method: string) => void = () => undefined;
  ended: Promise<void> = Promise.resolve();

  /** It takes nothing before it is up, and after it was down. */
  #isReady = false;

  start(node: BrokerNode): void {
    this.node = {
      id: node.id,
      deliver: node.deliver.bind(node),
      joined: node.joined.bind(node),
      writable: node.writable.bind(node),
      error: node.error.bind(node),
      up: () => {
        this.#isReady = true;
        node.up();
      },
      down: (error) => {
        this.#isReady = false;
        node.down(error);
      },
    };
    this.onCall('start');
  }

  join(topics: readonly string[]): void {
    this.calls.push(`join ${topics.join(' ')}`);
    this.onCall('join');
  }

  leave(topics: readonly string[]): void {
    this.calls.push(`leave ${topics.join(' ')}`);
    this.onCall('leave');
  }

  publish(batch: readonly Outgoing[]): number {
    if (!this.#isReady) return 0;
    this.offers.push(batch.length);
    this.onCall('publish');
    const taken = batch.slice(0, this.takes);
    this.sent.push(...taken);
    return taken.length;
  }

  close(): Promise<void> {
    this.calls.push('close');
    this.onCall('close');
    return this.ended;
  }
}

export const message = (
  payload: string,
  changed: Partial<EnvelopeMessage> = {},
): EnvelopeMessage => ({
  payload: Buffer.from(payload),
  binary: false,
  compress: undefined,
  droppable: true,
  key: undefined,
  retain: false,
  ...changed,
});

/** An envelope of another node. */
export function envelopeOf(
  messages: readonly (string | EnvelopeMessage)[],
  changed: Partial<EnvelopeHeader> = {},
): Buffer {
  const all = messages.map((each) => (typeof each === 'string' ? message(each) : each));
  const header = { node: 'ab'.repeat(8), epoch: 1, first: 0, sentAt: Date.now(), ...changed };
  const writer = new EnvelopeWriter();
  for (const each of all) writer.add(each, bytesInEnvelope(each));
  return writer.finish(header);
}

/** An envelope in words: `news 3: a b`. */
export function words({ topic, envelope }: Outgoing): string {
  const texts = readMessages(envelope).map(({ payload }) => Buffer.from(payload).toString());
  return `${topic} ${readHeader(envelope).first}: ${texts.join(' ')}`;
}
