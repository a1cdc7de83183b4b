/** Whatever way an upgrade or a connection ends in, its place is given back once, and no sooner: not while `authorize` runs for a client that has left. */
import { Duplex } from 'node:stream';
import fc from 'fast-check';
import {
  type Authorization,
  UpgradeRejection,
  type WebSocketConnection,
  WebSocketServer,
} from '../../src/index.js';
import { SEED } from '../support/arbitraries.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { fakeRequest, HandClock, MemoryLogger } from '../support/server.js';

const LIMIT = 2;
/** Each is a client of its own; one is written in two ways. */
const CLIENTS = [['192.0.2.1', '::ffff:192.0.2.1'], ['2001:db8::1', '2001:db8::2'], ['192.0.2.2']];

/** A transport whose peer is the test. */
class Transport extends Duplex {
  remoteAddress: string | undefined;
  constructor(address: string) {
    super({ allowHalfOpen: true });
    this.remoteAddress = address;
  }
  override _read(): void {}
  override _write(_chunk: Buffer, _encoding: string, done: () => void): void {
    done();
  }
  /** As a socket that is gone has no address any more. */
  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    this.remoteAddress = undefined;
    done(error);
  }
}

type Answer = Authorization<undefined> | undefined;

/** An upgrade under way, or a connection. */
interface Guest {
  readonly client: number;
  readonly transport: Transport;
  connection?: WebSocketConnection;
  /** It did so while `authorize` ran, which has its place until it answers. */
  left?: boolean;
  resolve?: (answer: Answer) => void;
  reject?: (error: unknown) => void;
}

/** How `authorize` answers: at once, with an error, or in a later step. */
const ANSWERS = ['accepts', 'refuses', 'throws', 'lies', 'waits'] as const;
const ENDS_OF_UPGRADES = ['accept', 'refuse', 'fail', 'lie', 'leave', 'reset', 'timeout'] as const;
const ENDS_OF_CONNECTIONS = ['terminate', 'close', 'fault', 'reset', 'end', 'timeout'] as const;

interface Step {
  readonly do: (typeof ANSWERS)[number] | 'bypass' | 'end';
  readonly who: number;
  readonly how: number;
}
const doing = (...what: Step['do'][]): fc.Arbitrary<Step> =>
  fc.record({ do: fc.constantFrom(...what), who: fc.nat(), how: fc.nat() });
const step = fc.oneof(
  { weight: 3, arbitrary: doing(...ANSWERS) },
  { weight: 1, arbitrary: doing('bypass') },
  { weight: 3, arbitrary: doing('end') },
);

/** Each answer and each end once: what chance leaves out must not decide whether the test passes. */
const EACH_WAY: [Step[]][] = [
  [ANSWERS.map((answer) => ({ do: answer, who: 0, how: 0 }))],
  [[0, 1].map((how) => ({ do: 'bypass', who: 0, how }))],
  ...ENDS_OF_UPGRADES.map((_, how): [Step[]] => [
    [
      { do: 'waits', who: 0, how: 0 },
      { do: 'end', who: 0, how },
    ],
  ]),
  [
    [
      { do: 'waits', who: 0, how: 0 },
      { do: 'end', who: 0, how: ENDS_OF_UPGRADES.indexOf('leave') },
      { do: 'end', who: 0, how: ENDS_OF_UPGRADES.indexOf('accept') },
    ],
  ],
  ...ENDS_OF_CONNECTIONS.map((_, how): [Step[]] => [
    [
      { do: 'accepts', who: 0, how: 0 },
      { do: 'end', who: 0, how },
    ],
  ]),
];

const turns = async (): Promise<void> => {
  for (let i = 0; i < 4; i++) await new Promise((resolve) => setImmediate(resolve));
};

test('an address has a place again exactly when an upgrade or connection of its own has ended', async () => {
  const seen = new Map<string, number>();
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
      const clock = new HandClock();
      let answer: (typeof ANSWERS)[number] = 'accepts';
      let asking: Guest | undefined;
      const wss = new WebSocketServer({
        noServer: true,
        clock,
        logger: new MemoryLogger(),
        heartbeat: false,
        maxConnectionsPerAddress: LIMIT,
        authorize: () => {
          if (answer === 'refuses') throw new UpgradeRejection(401);
          if (answer === 'throws') throw new Error('a fault');
          if (answer === 'lies') return { subprotocol: 'never offered' };
          if (answer === 'accepts') return;
          return new Promise<Answer>((resolve, reject) =>
            Object.assign(asking!, { resolve, reject }),
          );
        },
      });
      const statuses: number[] = [];
      wss.on('rejected', ({ status }) => statuses.push(status));
      /** The model: the clients that are connected or pending. */
      const guests = new Set<Guest>();
      const note = (what: string) => seen.set(what, (seen.get(what) ?? 0) + 1);

      /** Tries to connect, with the result that the model predicts. */
      const come = async (who: number, how: number): Promise<void> => {
        const client = who % CLIENTS.length;
        const spellings = CLIENTS[client]!;
        const guest: Guest = {
          client,
          transport: new Transport(spellings[how % spellings.length]!),
        };
        const inside = [...guests].filter((other) => other.client === client).length;
        statuses.length = 0;
        asking = guest;
        const upgraded = wss.handleUpgrade(fakeRequest(), guest.transport, Buffer.alloc(0));
        void upgraded.then((connection) => {
          if (connection !== undefined) guest.connection = connection;
          else if (guest.left !== true) guests.delete(guest);
        });
        await turns();
        if (inside >= LIMIT) {
          note('full');
          expect(statuses).toStrictEqual([429]);
          return;
        }
        note(answer);
        expect(statuses).not.toContain(429);
        if (answer === 'accepts' || answer === 'waits') guests.add(guest);
        if (answer === 'accepts') expect(guest.connection).toBeDefined();
      };

      /** Time is up for all that wait, and all that are closing. */
      const pass = (): void => {
        clock.advance(10_000);
        for (const guest of guests) if (guest.left === true) guests.delete(guest);
      };

      const endUpgrade = async (
        guest: Guest,
        how: (typeof ENDS_OF_UPGRADES)[number],
      ): Promise<void> => {
        note(`upgrade ${how}`);
        const { left } = guest;
        if (how === 'leave' || how === 'reset') guest.left = true;
        if (how === 'accept') guest.resolve!(undefined);
        if (how === 'refuse') guest.reject!(new UpgradeRejection(403));
        if (how === 'fail') guest.reject!(new Error('a fault'));
        if (how === 'lie') guest.resolve!({ subprotocol: 'never offered' });
        if (how === 'leave') guest.transport.push(null);
        if (how === 'reset') guest.transport.destroy(new Error('a reset'));
        if (how === 'timeout') pass();
        await turns();
        if (guest.left !== true) {
          if (how === 'accept') expect(guest.connection).toBeDefined();
          else expect(guests.has(guest)).toBe(false);
        } else if (left === true && how !== 'leave' && how !== 'reset') {
          note('answered in vain');
          expect(guest.connection).toBeUndefined();
          guests.delete(guest);
        }
      };

      const endConnection = async (
        guest: Guest,
        how: (typeof ENDS_OF_CONNECTIONS)[number],
      ): Promise<void> => {
        note(`connection ${how}`);
        const connection = guest.connection!;
        if (how === 'terminate') connection.terminate();
        if (how === 'reset') guest.transport.destroy(new Error('a reset'));
        if (how === 'fault') guest.transport.push(clientFrame({ opcode: 3 }));
        if (how === 'close') guest.transport.push(clientClose(1000));
        if (how === 'timeout') void connection.close();
        await turns();
        if (how === 'timeout') pass();
        else if (how !== 'terminate' && how !== 'reset') guest.transport.push(null);
        await turns();
        expect(connection.readyState).toBe('closed');
      };

      for (const { do: what, who, how } of steps) {
        for (const guest of guests)
          if (guest.connection?.readyState === 'closed') guests.delete(guest);
        if (what === 'end') {
          const guest = [...guests][who % Math.max(guests.size, 1)];
          if (guest === undefined) continue;
          if (guest.connection === undefined) {
            await endUpgrade(guest, ENDS_OF_UPGRADES[how % ENDS_OF_UPGRADES.length]!);
          } else {
            await endConnection(guest, ENDS_OF_CONNECTIONS[how % ENDS_OF_CONNECTIONS.length]!);
          }
        } else if (what === 'bypass') {
          const client = who % CLIENTS.length;
          const transport = new Transport(CLIENTS[client]![0]!);
          const bad = how % 2 === 0;
          const accept = () =>
            wss.accept(fakeRequest(), transport, Buffer.alloc(0), bad ? { subprotocol: 'x' } : {});
          note(bad ? 'bypass in vain' : 'bypass');
          if (bad) expect(accept).toThrow();
          else guests.add({ client, transport, connection: accept() });
        } else {
          answer = what;
          await come(who, how);
        }
      }
      // After the last has left each client has all its places.
      for (const guest of guests) guest.transport.destroy();
      await turns();
      clock.advance(10_000); // for `authorize` that has not answered
      await turns();
      guests.clear();
      answer = 'accepts';
      for (let place = 0; place <= LIMIT; place++) {
        for (let client = 0; client < CLIENTS.length; client++) await come(client, place);
      }
      for (const connection of wss.connections) connection.terminate();
    }),
    { seed: SEED, numRuns: 150, examples: EACH_WAY },
  );
  const ways = [
    ...ANSWERS,
    'full',
    'answered in vain',
    'bypass',
    'bypass in vain',
    ...ENDS_OF_UPGRADES.map((how) => `upgrade ${how}`),
    ...ENDS_OF_CONNECTIONS.map((how) => `connection ${how}`),
  ];
  expect([...seen.keys()].sort()).toStrictEqual(ways.sort());
});
