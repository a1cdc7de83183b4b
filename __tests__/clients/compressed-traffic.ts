import type { DeflateOptions } from '../../src/index.js';
import { random } from '../support/bytes.js';
import { Host, type Message, type Ours, stopHosts } from '../support/host.js';
import { randomFragments, randomMessages } from '../support/random-messages.js';
import type { DeflateOffer, Open, Peer } from './peer.js';

const SEED = Number(process.env['HAWSER_SEED'] ?? 1);

/** What a client can be made to do with compressed messages. */
interface Abilities {
  /** It compresses what it sends. */
  compresses: boolean;
  /** The offers that it can be made to make; `undefined` is the one that it makes by itself. */
  offers: readonly (DeflateOffer | undefined)[];
  /** The largest windows that the server is told to allow, in bits. */
  windows: readonly number[];
  /** Messages each way over each connection. */
  messages: number;
}

const TAKEOVERS = ['none', 'server', 'client', 'both'] as const;

/**
 * Random messages both ways at once, with fragments and pings between, for each policy of the server and each
 * offer of the client: none lost, reordered or altered. `page` is served for those that need one.
 */
export function compressedTraffic(open: Open, can: Abilities, page = ''): void {
  afterEach(stopHosts);

  test.each(TAKEOVERS)(
    'takeover allowed to %s, every window: all messages arrive, in order and unchanged',
    async (contextTakeover) => {
      let seed = SEED;
      for (const windowBits of can.windows) {
        // Every other window with zlib's compressor, also where the other one is the default.
        const effort = windowBits % 2 === 0 ? ({ compressor: 'zlib', level: 6 } as const) : {};
        const policy = { contextTakeover, windowBits, threshold: 0, ...effort };
        const host = await Host.start({ perMessageDeflate: policy }, page);
        for (const offer of can.offers) {
          const peer = await open(host.url, [], offer);
          const ours = await host.connection();
          expectAgreement(ours.connection.extensions, policy, offer);
          const headers: boolean[] = [];
          ours.connection.on('frame', ({ rsv1 }) => headers.push(rsv1));
          const context = { policy, offer, HAWSER_SEED: SEED };
          await exchange(ours, peer, can.messages, random(seed++), context);
          expect({ ...context, compresses: headers.includes(true) }).toEqual({
            ...context,
            compresses: can.compresses,
          });
          await peer.close(1000, '');
          expect(await ours.ended).toMatchObject({ code: 1000, clean: true });
        }
        await stopHosts();
      }
    },
  );
}

/** That the connection has what this combination is meant to try. */
function expectAgreement(
  extensions: string,
  { contextTakeover, windowBits = 15 }: DeflateOptions,
  offer: DeflateOffer = { clientMaxWindowBits: true },
): void {
  const { clientMaxWindowBits: offered, serverMaxWindowBits: asked } = offer;
  const bits = (name: string): number =>
    Number(new RegExp(`${name}_max_window_bits=(\\d+)`).exec(extensions)?.[1] ?? 15);
  const says = (name: 'server' | 'client'): boolean =>
    extensions.includes(`${name}_no_context_takeover`);
  const mayNot = (name: 'server' | 'client'): boolean => offer[`${name}NoContextTakeover`] === true;
  expect({
    noTakeover: [says('server'), says('client')],
    bits: [bits('server'), bits('client')],
  }).toEqual({
    // What the server does not do itself is said only where it was asked.
    noTakeover: [
      mayNot('server'),
      mayNot('client') || !['client', 'both'].includes(contextTakeover!),
    ],
    bits: [
      asked === undefined ? 15 : Math.min(windowBits, asked),
      offered === undefined
        ? 15
        : Math.min(Math.max(windowBits, 9), offered === true ? 15 : offered),
    ],
  });
}

/** Offers with every pair of windows from `bits`, and in turn each of the requests to take nothing over. */
export function everyOffer(bits: readonly number[]): DeflateOffer[] {
  const pairs = bits.flatMap((server) => bits.map((client) => [server, client] as const));
  return pairs.map(([serverMaxWindowBits, clientMaxWindowBits], i) => ({
    serverMaxWindowBits,
    clientMaxWindowBits,
    ...(i % 2 === 1 ? { serverNoContextTakeover: true } : {}),
    ...(i % 3 === 1 ? { clientNoContextTakeover: true } : {}),
  }));
}

async function exchange(
  ours: Ours,
  peer: Peer,
  count: number,
  next: () => number,
  context: object,
): Promise<void> {
  const fromUs = randomMessages(count, next);
  const fromPeer = randomMessages(count, next);
  const [, , there, back] = await Promise.all([
    weSend(ours, fromUs, next),
    peerSends(peer, fromPeer, next),
    ours.receive(count),
    peer.receive(count),
  ]);
  expectSame(there, fromPeer, { ...context, to: 'us' });
  expectSame(back, fromUs, { ...context, to: 'the client' });
}

/** Now and then one that is not to be compressed, now and then a ping. */
async function weSend(
  { connection }: Ours,
  messages: Message[],
  next: () => number,
): Promise<void> {
  for (const message of messages) {
    const sent =
      next() < 0.1 ? connection.send(message, { compress: false }) : connection.send(message);
    if (next() < 0.1) connection.ping('between');
    if (!sent) expect(await connection.drained()).toBe(true);
  }
}

/** As the client can: in fragments, with pings, and else many at a time. */
async function peerSends(peer: Peer, messages: Message[], next: () => number): Promise<void> {
  let held: Message[] = [];
  const sendHeld = async (): Promise<void> => {
    await peer.send(...held);
    held = [];
  };
  for (const message of messages) {
    if (peer.sendFragments && next() < 0.25) {
      await sendHeld();
      await peer.sendFragments(randomFragments(message, next));
    } else held.push(message);
    if (peer.ping && next() < 0.05) {
      await sendHeld();
      await peer.ping('between');
    }
  }
  await sendHeld();
}

/** Says which message is the first that differs, and not 64 KiB of it. */
function expectSame(received: Message[], sent: Message[], context: object): void {
  const same = (one: Message, other: Message): boolean =>
    typeof one === 'string' || typeof other === 'string' ? one === other : one.equals(other);
  const first = sent.findIndex((message, i) => !same(received[i]!, message));
  expect({ ...context, differs: first, message: summary(received[first]) }).toEqual({
    ...context,
    differs: -1,
    message: summary(sent[first]),
  });
}

const summary = (message: Message | undefined): string =>
  message === undefined
    ? ''
    : `${typeof message} ${message.length} ${message.toString().slice(0, 50)}`;
