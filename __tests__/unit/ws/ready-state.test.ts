import { notOpen, READY_STATES, type ReadyState } from '../../../src/ws/ready-state.js';

describe('the states', () => {
  it('have the numbers of the WebSocket API', () => {
    expect(READY_STATES).toEqual({ CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 });
  });

  it.each<[ReadyState, string]>([
    [0, 'CONNECTING'],
    [2, 'CLOSING'],
    [3, 'CLOSED'],
  ])('%d is named in the error of a call that comes at the wrong time', (state, name) => {
    expect(notOpen(state)).toEqual(
      new Error(`WebSocket is not open: readyState ${state} (${name})`),
    );
  });
});
