import {
  CLOSING_HANDSHAKE,
  type CloseAction,
  type CloseEvent,
  type CloseState,
} from '../../src/protocol/framing/closing-handshake.js';

const EVENTS: readonly CloseEvent[] = [
  'localClose',
  'peerClose',
  'reply',
  'failure',
  'peerEnd',
  'deadline',
  'terminate',
  'transportClosed',
  'inputDrained',
];
const LENGTH = 6;

interface Path {
  state: CloseState;
  events: CloseEvent[];
  actions: CloseAction[];
}

/** Every event sequence up to a length, from `open`, with all that was done on the way. */
function* paths(
  length: number,
  path: Path = { state: 'open', events: [], actions: [] },
): Generator<Path> {
  yield path;
  if (path.events.length === length) return;
  for (const event of EVENTS) {
    const { next = path.state, actions = [] } = CLOSING_HANDSHAKE[path.state][event] ?? {};
    yield* paths(length, {
      state: next,
      events: [...path.events, event],
      actions: [...path.actions, ...actions],
    });
  }
}

const count = (path: Path, action: CloseAction): number =>
  path.actions.filter((one) => one === action).length;

/** Fails with the sequence for which `rule` does not hold. */
function assertAlways(rule: (path: Path) => boolean): void {
  let seen = 0;
  for (const path of paths(LENGTH)) {
    seen++;
    if (!rule(path))
      throw new Error(
        `${path.events.join(', ')} → ${path.state}: ${path.actions.join(', ') || 'nothing done'}`,
      );
  }
  expect(seen).toBe(
    Array.from({ length: LENGTH + 1 }, (_, i) => EVENTS.length ** i).reduce((a, b) => a + b),
  );
}

describe('The closing handshake, over every sequence of up to six events', () => {
  it('knows these events and no others', () => {
    const known = new Set(Object.values(CLOSING_HANDSHAKE).flatMap((row) => Object.keys(row)));
    expect([...known].sort()).toEqual([...EVENTS].sort());
  });

  it('sends at most one Close', () => {
    assertAlways((path) => count(path, 'sendClose') <= 1);
  });

  it('emits close exactly once, at the end', () => {
    assertAlways((path) => count(path, 'emitClose') === (path.state === 'closed' ? 1 : 0));
  });

  it('is closed once the input of the closed transport is drained, and stays so', () => {
    assertAlways((path) => (path.state === 'closed') === path.events.includes('inputDrained'));
  });

  it('has a way out of every state: the drained input closes it, the deadline and terminate() destroy the transport', () => {
    assertAlways(({ state }) => {
      if (state === 'closed') return true;
      const row = CLOSING_HANDSHAKE[state];
      const cuts = [row.terminate, state === 'open' ? row.terminate : row.deadline];
      return (
        row.inputDrained?.next === 'closed' && cuts.every((cut) => cut?.actions.includes('destroy'))
      );
    });
  });

  it('never waits without a deadline', () => {
    assertAlways(
      (path) =>
        path.state === 'open' ||
        path.state === 'closed' ||
        count(path, 'startDeadline') === 1 ||
        count(path, 'destroy') > 0 ||
        path.events.includes('transportClosed'), // it waits for our own input only
    );
  });

  it('starts the deadline once', () => {
    assertAlways((path) => count(path, 'startDeadline') <= 1);
  });

  it('sends nothing after it ended the transport, and ends it once', () => {
    assertAlways((path) => {
      const over = path.actions.findIndex((action) => action === 'end' || action === 'destroy');
      return (
        count(path, 'end') <= 1 && (over < 0 || !path.actions.slice(over).includes('sendClose'))
      );
    });
  });

  it('asks the application for its answer only where the peer closed first, and once', () => {
    assertAlways((path) => {
      const asked = count(path, 'requestReply');
      const first = path.events.find((event) => event !== 'reply' && event !== 'deadline');
      return asked === (first === 'peerClose' ? 1 : 0);
    });
  });

  it('answers a peer’s Close as soon as the answer is there', () => {
    assertAlways((path) => {
      const [first, second] = path.events;
      return first !== 'peerClose' || second !== 'reply' || count(path, 'sendClose') === 1;
    });
  });

  it('sends a Close to a peer that broke a rule', () => {
    assertAlways((path) => path.events[0] !== 'failure' || count(path, 'sendClose') === 1);
  });

  it('has ended or destroyed the transport when nothing is left to send', () => {
    assertAlways(
      (path) =>
        path.state !== 'ending' ||
        count(path, 'end') + count(path, 'destroy') > 0 ||
        path.events.includes('transportClosed'),
    );
  });

  it('sends nothing once the transport is closed', () => {
    for (const state of ['open', 'closing', 'replying'] as const)
      expect(CLOSING_HANDSHAKE[state].transportClosed).toStrictEqual({
        next: 'ending',
        actions: [],
      });
    const done = Object.values(CLOSING_HANDSHAKE.ending).flatMap(({ actions }) => actions);
    expect(new Set(done)).toStrictEqual(new Set(['destroy', 'emitClose']));
  });

  it('ends the transport once both have closed', () => {
    assertAlways((path) => {
      const [first, second] = path.events;
      const both =
        (first === 'localClose' && second === 'peerClose') ||
        (first === 'peerClose' && second === 'localClose');
      return !both || count(path, 'end') === 1;
    });
  });

  it('does nothing for a deadline or an answer that is not due', () => {
    for (const state of ['open', 'closed'] as const)
      expect(CLOSING_HANDSHAKE[state].deadline).toBeUndefined();
    for (const state of ['open', 'closing', 'ending', 'closed'] as const)
      expect(CLOSING_HANDSHAKE[state].reply).toBeUndefined();
  });
});
