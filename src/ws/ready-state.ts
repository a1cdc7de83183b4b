/** The states of a WebSocket by their names in the WebSocket API. */
export const READY_STATES = { CONNECTING: 0, OPEN: 1, CLOSING: 2, CLOSED: 3 } as const;
/** The name of a state. */
type StateName = keyof typeof READY_STATES;
/** A state as `readyState` has it. */
export type ReadyState = (typeof READY_STATES)[StateName];

/** The error of a call that needs an open connection, in ws's words, which programs compare. */
export function notOpen(state: ReadyState): Error {
  const name = (Object.keys(READY_STATES) as StateName[])[state]!;
  return new Error(`WebSocket is not open: readyState ${state} (${name})`);
}
