import type { Buffer } from 'node:buffer';
import { ConnectionError } from '../connection/close/connection-error.js';
import type { CloseReply, ConnectionEmitter } from '../connection/events.js';
import { ProtocolError } from '../protocol/framing/protocol-error.js';
import { toWsError } from './ws-error.js';

/** What a WebSocket does at each event. One object for all WebSockets. */
export interface EventHandlers<Socket> {
  message(socket: Socket, data: Buffer, isBinary: boolean): void;
  ping(socket: Socket, payload: Buffer): void;
  pong(socket: Socket, payload: Buffer): void;
  /** The peer broke a rule, or a limit of `hawser` was reached. */
  error(socket: Socket, error: Error): void;
  close(socket: Socket): void;
}

/**
 * Translates the events of a connection into those of ws. It is the emitter of the connection's parts, so
 * a message passes one emitter and not two.
 */
export class SocketEvents<Socket> implements ConnectionEmitter {
  readonly #socket: Socket;
  readonly #handlers: EventHandlers<Socket>;

  constructor(socket: Socket, handlers: EventHandlers<Socket>) {
    this.#socket = socket;
    this.#handlers = handlers;
  }

  /** As if there were listeners: in ws messages do not wait for a listener, and a Close is answered at once. */
  listenerCount(event: string | symbol): number {
    return event === 'frame' ? 0 : 1;
  }

  emit(event: string | symbol, first?: unknown, second?: unknown, third?: unknown): boolean {
    const handlers = this.#handlers;
    switch (event) {
      case 'message':
        handlers.message(this.#socket, first as Buffer, second as boolean);
        break;
      case 'ping':
        handlers.ping(this.#socket, first as Buffer);
        break;
      case 'pong':
        handlers.pong(this.#socket, first as Buffer);
        break;
      case 'closing':
        // ws answers with the code and the reason of the peer.
        (third as CloseReply)(first as number, second as string);
        break;
      case 'error':
        this.onError(first as Error);
        break;
      case 'close':
        handlers.close(this.#socket);
        break;
      default:
        return false; // 'drain' and 'dropped', which ws does not have
    }
    return true;
  }

  /** ws reports what the peer did wrong, and no error of the transport: `'close'` follows. */
  private onError(error: Error): void {
    if (error instanceof ProtocolError) this.#handlers.error(this.#socket, toWsError(error));
    else if (error instanceof ConnectionError) this.#handlers.error(this.#socket, error);
  }
}
