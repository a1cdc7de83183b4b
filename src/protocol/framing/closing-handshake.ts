/**
 * The closing handshake (RFC 6455 section 7) as a table. It has two rules of the RFC:
 *
 * - After a Close frame an endpoint sends no more data frames, and it answers the peer's Close frame
 *   with one of its own unless it has already sent one (section 5.5.1).
 * - The server closes the TCP connection first, once both Close frames are sent and received, or
 *   when the connection fails (sections 7.1.1 and 7.1.7).
 *
 * Nothing about the end of a connection is decided anywhere else, with one exception: a Close that is
 * still queued after a message that cannot be sent is replaced by another (`Closing.replaceClose`), so the
 * peer still gets one Close. The connection owns the socket and the deadlines, tells the table what
 * happened and performs the actions.
 *
 * ```
 *            close()                        peer's Close, FIN, failure
 *   open ───────────────► closing ─────────────────────────────────┐
 *    │ │                                                           ▼
 *    │ └─ failure, FIN ─────────────────────────────────────────► ending ── input drained ──► closed
 *    │                                                             ▲
 *    └─── peer's Close ─► replying ── reply(), close(), deadline ──┘
 * ```
 */
export type CloseState =
  /** Messages flow both ways. */
  | 'open'
  /** Our Close is sent; the peer's has not come yet. */
  | 'closing'
  /** The peer's Close came; the application has been asked for the answer. */
  | 'replying'
  /** Nothing more is sent: the transport is ended, and read to its end. */
  | 'ending'
  /** The transport is closed, and everything that came on it has been handled. */
  | 'closed';

export type CloseEvent =
  /** The application calls `close()`. */
  | 'localClose'
  /** A Close frame arrives. */
  | 'peerClose'
  /** The answer to the peer's Close is due: `reply()` was called, there is no listener that could call it, or its time is up. */
  | 'reply'
  /** The peer broke a rule: fail the WebSocket connection (section 7.1.7). */
  | 'failure'
  /** The peer ended its half of the transport. */
  | 'peerEnd'
  /** `closeTimeout` has passed since the first Close. */
  | 'deadline'
  /** The application calls `terminate()`. */
  | 'terminate'
  /** The transport is closed, for any reason. Input that came before may not be handled yet. */
  | 'transportClosed'
  /** All input that came on the closed transport has been handled. */
  | 'inputDrained';

export type CloseAction =
  /** Queue a Close frame after everything sent so far. */
  | 'sendClose'
  /** Ask the application for the answer, or answer at once if it has no listener. */
  | 'requestReply'
  /** Start the deadline for the rest of the closing handshake. */
  | 'startDeadline'
  /** End our half of the transport after everything queued has left, and read on to the peer's end (section 7.1.1). */
  | 'end'
  /** Destroy the transport now. */
  | 'destroy'
  /** Emit `'close'`, once. */
  | 'emitClose';

export interface CloseTransition {
  readonly next: CloseState;
  readonly actions: readonly CloseAction[];
}

const to = (next: CloseState, ...actions: CloseAction[]): CloseTransition => ({ next, actions });

const finish = to('closed', 'emitClose');
const destroy = to('ending', 'destroy');
const drain = to('ending');

/** What each event does in each state. An event that is not listed changes nothing. */
export const CLOSING_HANDSHAKE: Readonly<
  Record<CloseState, Readonly<Partial<Record<CloseEvent, CloseTransition>>>>
> = {
  open: {
    localClose: to('closing', 'sendClose', 'startDeadline'),
    peerClose: to('replying', 'startDeadline', 'requestReply'),
    failure: to('ending', 'sendClose', 'startDeadline', 'end'),
    peerEnd: to('ending', 'startDeadline', 'end'),
    terminate: destroy,
    transportClosed: drain,
    inputDrained: finish,
  },
  closing: {
    peerClose: to('ending', 'end'),
    failure: to('ending', 'end'),
    peerEnd: to('ending', 'end'),
    deadline: destroy,
    terminate: destroy,
    transportClosed: drain,
    inputDrained: finish,
  },
  replying: {
    localClose: to('ending', 'sendClose', 'end'),
    reply: to('ending', 'sendClose', 'end'),
    peerEnd: to('ending', 'sendClose', 'end'),
    deadline: destroy,
    terminate: destroy,
    transportClosed: drain,
    inputDrained: finish,
  },
  ending: {
    deadline: destroy,
    terminate: destroy,
    inputDrained: finish,
  },
  closed: {},
};
