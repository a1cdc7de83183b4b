import {
  CLOSING_HANDSHAKE,
  type CloseAction,
  type CloseEvent,
  type CloseState,
} from '../../../../src/protocol/framing/closing-handshake.js';

const EVENTS: CloseEvent[] = [
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

/** Every cell: state, event, the state after it and the actions; `-` where nothing happens. */
const CELLS: [CloseState, CloseEvent, string][] = [
  ['open', 'localClose', 'closing: sendClose, startDeadline'],
  ['open', 'peerClose', 'replying: startDeadline, requestReply'],
  ['open', 'reply', '-'],
  ['open', 'failure', 'ending: sendClose, startDeadline, end'],
  ['open', 'peerEnd', 'ending: startDeadline, end'],
  ['open', 'deadline', '-'],
  ['open', 'terminate', 'ending: destroy'],
  ['open', 'transportClosed', 'ending: '],
  ['open', 'inputDrained', 'closed: emitClose'],

  ['closing', 'localClose', '-'],
  ['closing', 'peerClose', 'ending: end'],
  ['closing', 'reply', '-'],
  ['closing', 'failure', 'ending: end'],
  ['closing', 'peerEnd', 'ending: end'],
  ['closing', 'deadline', 'ending: destroy'],
  ['closing', 'terminate', 'ending: destroy'],
  ['closing', 'transportClosed', 'ending: '],
  ['closing', 'inputDrained', 'closed: emitClose'],

  ['replying', 'localClose', 'ending: sendClose, end'],
  ['replying', 'peerClose', '-'],
  ['replying', 'reply', 'ending: sendClose, end'],
  ['replying', 'failure', '-'],
  ['replying', 'peerEnd', 'ending: sendClose, end'],
  ['replying', 'deadline', 'ending: destroy'],
  ['replying', 'terminate', 'ending: destroy'],
  ['replying', 'transportClosed', 'ending: '],
  ['replying', 'inputDrained', 'closed: emitClose'],

  ['ending', 'localClose', '-'],
  ['ending', 'peerClose', '-'],
  ['ending', 'reply', '-'],
  ['ending', 'failure', '-'],
  ['ending', 'peerEnd', '-'],
  ['ending', 'deadline', 'ending: destroy'],
  ['ending', 'terminate', 'ending: destroy'],
  ['ending', 'transportClosed', '-'],
  ['ending', 'inputDrained', 'closed: emitClose'],

  ['closed', 'localClose', '-'],
  ['closed', 'peerClose', '-'],
  ['closed', 'reply', '-'],
  ['closed', 'failure', '-'],
  ['closed', 'peerEnd', '-'],
  ['closed', 'deadline', '-'],
  ['closed', 'terminate', '-'],
  ['closed', 'transportClosed', '-'],
  ['closed', 'inputDrained', '-'],
];

describe('The closing handshake (RFC 6455 section 7.1)', () => {
  it.each(CELLS)('%s, %s → %s', (state, event, expected) => {
    const cell = CLOSING_HANDSHAKE[state][event];
    expect(cell ? `${cell.next}: ${cell.actions.join(', ')}` : '-').toBe(expected);
  });

  it('has these forty-five cells and no others', () => {
    const states = Object.keys(CLOSING_HANDSHAKE);
    expect(states).toEqual(['open', 'closing', 'replying', 'ending', 'closed']);
    for (const row of Object.values(CLOSING_HANDSHAKE)) {
      expect(EVENTS).toEqual(expect.arrayContaining(Object.keys(row)));
    }
    expect(new Set(CELLS.map(([state, event]) => `${state} ${event}`)).size).toBe(45);
  });

  it('sends one Close at most, starts one deadline at most and emits close once, whatever happens', () => {
    const seen = new Set<string>();
    const once: CloseAction[] = ['sendClose', 'startDeadline', 'requestReply', 'emitClose'];
    const walk = (state: CloseState, done: readonly CloseAction[]): void => {
      const path = `${state} ${done.join(' ')}`;
      if (seen.has(path)) return;
      seen.add(path);
      for (const action of once)
        expect(done.filter((one) => one === action).length).toBeLessThan(2);
      expect(done.includes('emitClose')).toBe(state === 'closed');
      for (const event of EVENTS) {
        const cell = CLOSING_HANDSHAKE[state][event];
        // `destroy` may repeat (it changes nothing); to follow it once is enough.
        if (cell) walk(cell.next, [...done, ...cell.actions.filter((one) => one !== 'destroy')]);
      }
    };
    walk('open', []);
    expect(seen.size).toBeGreaterThan(10);
  });

  it('has a deadline running in every state that waits for the peer', () => {
    for (const event of EVENTS) {
      if (event === 'transportClosed') continue; // it waits for our own input only
      const cell = CLOSING_HANDSHAKE.open[event];
      if (!cell || cell.next === 'closed' || cell.actions.includes('destroy')) continue;
      expect({ event, actions: cell.actions }).toEqual({
        event,
        actions: expect.arrayContaining(['startDeadline']) as CloseAction[],
      });
      expect(CLOSING_HANDSHAKE[cell.next].deadline).toEqual({
        next: 'ending',
        actions: ['destroy'],
      });
    }
  });
});
