import type { Buffer } from 'node:buffer';
import { Duplex, type DuplexOptions } from 'node:stream';
import type { RawData } from './data.js';
import { type StringListener, textOfMessage } from './message-strings.js';
import { READY_STATES } from './ready-state.js';
import type { WebSocket } from './web-socket.js';

/**
 * A Duplex over a WebSocket: each chunk that is written is a message, and each message a chunk. A slow reader
 * pauses the WebSocket, and a slow peer the writer.
 *
 * @param options of Node's Duplex; with `readableObjectMode` Text arrives as strings.
 */
export function createWebSocketStream(webSocket: WebSocket, options: DuplexOptions = {}): Duplex {
  return new WebSocketStream(webSocket, options);
}

class WebSocketStream extends Duplex {
  readonly #webSocket: WebSocket;
  /** A failed connection ends by its own Close, which `terminate` would prevent. */
  #hasFailed = false;
  /** The error is what the peer has done. */
  #isPeersFault = false;

  constructor(webSocket: WebSocket, options: DuplexOptions) {
    super({
      ...options,
      // The stream ends with the WebSocket, not with its own halves.
      autoDestroy: false,
      emitClose: false,
      objectMode: false,
      writableObjectMode: false,
    });
    this.#webSocket = webSocket;
    const listener = (data: RawData, isBinary: boolean): void => {
      const chunk: unknown = !isBinary && this.readableObjectMode ? textOfMessage(data) : data;
      if (!this.push(chunk)) webSocket.pause();
    };
    const strings: StringListener = {
      stringAs: (isBinary) =>
        !isBinary && this.readableObjectMode ? 'text' : (this.readableEncoding ?? undefined),
    };
    webSocket.on('message', Object.assign(listener, strings));
    webSocket.once('error', (error) => {
      if (this.destroyed) return;
      this.#hasFailed = true;
      this.#isPeersFault = webSocket._socket !== null; // otherwise the handshake failed
      this.destroy(error);
    });
    webSocket.once('close', () => {
      if (!this.destroyed) this.push(null);
    });
    this.on('end', () => {
      if (!this.destroyed && this.writableFinished) this.destroy();
    });
    this.on('error', onlyListener);
  }

  /** An error that only {@link onlyListener} hears is thrown, unless a peer could end the process so. */
  throwUnheard(error: Error): void {
    if (this.listenerCount('error') === 0 && !this.#isPeersFault) this.emit('error', error);
  }

  override _read(): void {
    if (this.#webSocket.isPaused) this.#webSocket.resume();
  }

  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.#whenOpen(() => {
      this.#webSocket.send(chunk, done);
    });
  }

  override _final(done: (error?: Error) => void): void {
    this.#whenOpen(() => {
      const socket = this.#webSocket._socket;
      if (socket === null) return; // the handshake failed, and 'error' destroys this
      if (socket.writableFinished) {
        done();
        if (this.readableEnded) this.destroy();
        return;
      }
      socket.once('finish', () => {
        // 'end' follows when the WebSocket has closed.
        done();
      });
      this.#webSocket.close();
    });
  }

  override _destroy(error: Error | null, done: (error: Error | null) => void): void {
    const webSocket = this.#webSocket;
    const closed = (): void => {
      done(error);
      process.nextTick(() => this.emit('close'));
    };
    if (webSocket.readyState === READY_STATES.CLOSED) {
      closed();
      return;
    }
    // A client that gives up its handshake fails; that is then the error of the stream.
    webSocket.on('error', (failure) => {
      if (webSocket._socket === null) error ??= failure;
    });
    webSocket.once('close', closed);
    if (!this.#hasFailed) webSocket.terminate();
  }

  #whenOpen(action: () => void): void {
    if (this.#webSocket.readyState === READY_STATES.CONNECTING)
      this.#webSocket.once('open', action);
    else action();
  }
}

/** Destroys the stream at its first error. */
function onlyListener(this: WebSocketStream, error: Error): void {
  this.removeListener('error', onlyListener);
  this.destroy();
  this.throwUnheard(error);
}
