/**
 * The closing handshake (RFC 6455 section 7.1) as a table, alone in its file. Everything that
 * decides what happens when a connection ends is here; the connection owns the socket and the
 * deadlines, and obeys.
 *
 * ```
 *            close()                        peer's Close, FIN, failure
 *   open ───────────────► closing ─────────────────────────────────┐
 *    │ │                                                           ▼
 *    │ └─ failure, FIN ─────────────────────────────────────────► ending ── transport gone ──► closed
 *    │                                                             ▲
 *    └─── peer's Close ─► replying ── reply(), close(), deadline ──┘
 * ```
 */
export type CloseState =
  /** Messages flow both ways. */
  | 'open'
  /** Our Close is sent; the peer's is awaited. */
  | 'closing'
  /** The peer's Close came; the application has been asked for the answer. */
  | 'replying'
  /** Nothing more will be said: the transport is ended and read to its end. */
  | 'ending'
  /** The transport is gone. */
  | 'closed';

export type CloseEvent =
  /** The application calls `close()`. */
  | 'localClose'
  /** A Close frame arrives. */
  | 'peerClose'
  /** The answer to the peer's Close is due: `reply()` was called, nobody wants to, or time is up. */
  | 'reply'
  /** The peer broke a rule: fail the WebSocket connection (section 7.1.7). */
  | 'failure'
  /** The peer ended its half of the transport. */
  | 'peerEnd'
  /** `closeTimeout` has passed since the first Close. */
  | 'deadline'
  /** The application calls `terminate()`. */
  | 'terminate'
  /** The transport is gone, for whatever reason; what came on it may still be on its way to the application. */
  | 'transportGone'
  /** Nothing that came on the transport is on its way any more. */
  | 'transportClose';

export type CloseAction =
  /** Queue a Close frame behind everything sent so far. */
  | 'sendClose'
  /** Ask the application for the answer, or give it at once if nobody listens. */
  | 'ask'
  /** Start the deadline for all that is left to do. */
  | 'startDeadline'
  /** End our half of the transport once everything queued has left, and read on to the peer's end (section 7.1.1). */
  | 'end'
  /** Cut the transport now. */
  | 'destroy'
  /** Tell the application, once. */
  | 'emitClose';

export interface CloseTransition {
  readonly next: CloseState;
  readonly actions: readonly CloseAction[];
}

const to = (next: CloseState, ...actions: CloseAction[]): CloseTransition => ({ next, actions });

const gone = to('closed', 'emitClose');
const cut = to('ending', 'destroy');
const over = to('ending');

/** What each event does in each state. An event that is not listed changes nothing. */
export const CLOSING_HANDSHAKE: Readonly<
  Record<CloseState, Readonly<Partial<Record<CloseEvent, CloseTransition>>>>
> = {
  open: {
    localClose: to('closing', 'sendClose', 'startDeadline'),
    peerClose: to('replying', 'startDeadline', 'ask'),
    failure: to('ending', 'sendClose', 'startDeadline', 'end'),
    peerEnd: to('ending', 'startDeadline', 'end'),
    terminate: cut,
    transportGone: over,
    transportClose: gone,
  },
  closing: {
    peerClose: to('ending', 'end'),
    failure: to('ending', 'end'),
    peerEnd: to('ending', 'end'),
    deadline: cut,
    terminate: cut,
    transportGone: over,
    transportClose: gone,
  },
  replying: {
    localClose: to('ending', 'sendClose', 'end'),
    reply: to('ending', 'sendClose', 'end'),
    peerEnd: to('ending', 'sendClose', 'end'),
    deadline: cut,
    terminate: cut,
    transportGone: over,
    transportClose: gone,
  },
  ending: {
    deadline: cut,
    terminate: cut,
    transportClose: gone,
  },
  closed: {},
};
