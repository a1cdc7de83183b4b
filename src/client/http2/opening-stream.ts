import type { OutgoingHttpHeaders } from 'node:http';
import type { ClientHttp2Session, ClientHttp2Stream, IncomingHttpHeaders } from 'node:http2';
import type { RequestOptions } from 'node:https';
import { ConnectionError } from '../../connection/close/connection-error.js';
import { type ClientOffer, connectFields } from '../../protocol/handshake/client-handshake.js';
import { type Http2Fields, toHttp2Fields } from '../../protocol/handshake/extended-connect.js';
import type { HeaderFields } from '../../protocol/handshake/response-headers.js';
import { ErrorCode, errorName } from '../../server/http2/error-codes.js';
import { cancelStream } from '../../server/http2/stream-transport.js';
import { ignoreErrors } from '../../server/socket-errors.js';
import type { Address } from '../address.js';
import { fieldsFor, leavesHost, type RedirectFault, Redirects } from '../redirect.js';
import { OwnPlace, type SessionPlace, SharedPlace } from './session-place.js';

/** How a handshake over HTTP/2 is requested. */
export interface OpeningStreamOptions extends Omit<ClientOffer, 'key' | 'version'> {
  /** The application's header fields. */
  readonly headers: OutgoingHttpHeaders;
  /** The options of the shared session's socket. */
  readonly transport: RequestOptions;
  readonly socketPath: string | undefined;
  readonly proxy: URL | 'env' | undefined;
  /** The application's session; `undefined` for a shared one. */
  readonly session: ClientHttp2Session | undefined;
  /** `undefined` to have each redirect as a refusal. */
  readonly maxRedirects: number | undefined;
}

/** A response, without its pseudo-header fields. */
export interface StreamResponse {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  /** Names and values as received, alternating. */
  readonly rawHeaders: readonly string[];
}

/** What is told of an {@link OpeningStream}: one of these, once. */
export interface OpeningStreamListener {
  /** A 2xx has arrived; `checkConnectAnswer` judges it. The stream is the listener's now, and ignores its errors. */
  accepted(stream: ClientHttp2Stream, response: StreamResponse): void;
  /** Another response has arrived. The listener reads the body, and `abort()` ends it. @param fault why a redirect is not followed. */
  rejected(stream: ClientHttp2Stream, response: StreamResponse, fault?: RedirectFault): void;
  /** There is no response. `error` is Node's, or says what the server did. */
  unreachable(error: Error): void;
}

/** The client's opening handshake over HTTP/2 (RFC 8441 section 5): the session, the extended CONNECT, and redirects. */
export class OpeningStream {
  readonly #options: OpeningStreamOptions;
  readonly #listener: OpeningStreamListener;
  readonly #redirects: Redirects;
  /** That of the present request; `undefined` before the start and after the end. */
  #place: SessionPlace | undefined;
  #stream: ClientHttp2Stream | undefined;
  /** Whether a request that the server has not processed is sent once more. */
  #mayRepeat: boolean;

  constructor(address: Address, options: OpeningStreamOptions, listener: OpeningStreamListener) {
    this.#options = options;
    this.#listener = listener;
    this.#mayRepeat = options.session === undefined;
    this.#redirects = new Redirects(address, options.maxRedirects ?? 0, true);
  }

  /** The URL of the present request: after redirects the last one. */
  get url(): URL {
    return this.#redirects.address.url;
  }

  /** What is offered; the answer is measured by this. HTTP/2 has no key. */
  get offer(): ClientOffer {
    return { ...this.#options, key: '' };
  }

  /** Send the request. It is called once. */
  start(): void {
    void this.#send();
  }

  /** End the handshake, and free its stream. The listener hears nothing more. Nothing happens after `accepted` or a failure. */
  abort(): void {
    const stream = this.#stream;
    const place = this.#place;
    this.#stream = this.#place = undefined;
    if (stream === undefined) place?.leave();
    else cancelStream(stream);
  }

  async #send(): Promise<void> {
    const place = (this.#place = this.#makePlace());
    let stream: ClientHttp2Stream;
    try {
      const session = await place.ready();
      if (this.#place !== place) return;
      stream = session.request(this.#fields(), { endStream: false });
    } catch (error) {
      if (this.#place === place) this.#fail(error as Error);
      return;
    }
    this.#stream = stream;
    this.#watch(stream, place);
  }

  #makePlace(): SessionPlace {
    const { session, transport, socketPath, proxy } = this.#options;
    if (session !== undefined) return new OwnPlace(session);
    const { first, address } = this.#redirects;
    // The name of the first host means nothing at another.
    const way = leavesHost(first, address) ? { ...transport, servername: undefined } : transport;
    return new SharedPlace({
      address,
      transport: way,
      socketPath,
      proxy,
    });
  }

  #fields(): Http2Fields {
    const { first, address } = this.#redirects;
    const given = fieldsFor(address, first, this.#options.headers) as HeaderFields;
    const { host = address.url.host, ...fields } = toHttp2Fields(given);
    return {
      ':method': 'CONNECT',
      ':protocol': 'websocket',
      ':scheme': address.secure ? 'https' : 'http',
      ':authority': host,
      ':path': address.path,
      ...fields,
      ...connectFields(this.offer),
    };
  }

  #watch(stream: ClientHttp2Stream, place: SessionPlace): void {
    const isPresent = (): boolean => this.#stream === stream;
    let cause: Error | undefined;
    const onError = (error: Error): void => {
      cause = error;
    };
    const onClose = (): void => {
      if (!isPresent()) return;
      if (stream.rstCode === ErrorCode.REFUSED_STREAM && this.#mayRepeat) {
        // "Any request that was sent on the reset stream can be safely retried" (RFC 9113 section 8.7). A shared session may
        // have ended for new streams in that moment, which a socket of this request alone would not have.
        this.#mayRepeat = false;
        void this.#send();
        return;
      }
      const detail = `RST_STREAM with ${errorName(stream.rstCode)}`;
      this.#fail(cause ?? new ConnectionError('ERR_STREAM_RESET', { detail }));
    };
    ignoreErrors(stream);
    stream.once('error', onError).once('close', onClose);
    stream.once('close', () => {
      place.leave();
    });
    (stream as { unref?(): void }).unref = () => {
      place.unref();
    };
    stream.once('response', (headers, _flags, rawHeaders?: string[]) => {
      if (!isPresent()) return;
      stream.off('error', onError).off('close', onClose);
      this.#onResponse(stream, responseOf(headers, rawHeaders));
    });
  }

  #onResponse(stream: ClientHttp2Stream, response: StreamResponse): void {
    const { status, headers } = response;
    if (status < 300) {
      this.#stream = this.#place = undefined;
      this.#listener.accepted(stream, response);
      return;
    }
    const { maxRedirects, session } = this.#options;
    const { location } = headers;
    let fault: RedirectFault | undefined;
    if (maxRedirects !== undefined && location !== undefined && status < 400) {
      fault = this.#redirects.follow(location, session !== undefined);
      if (fault === undefined) {
        this.abort();
        void this.#send();
        return;
      }
    }
    this.#listener.rejected(stream, response, fault);
  }

  #fail(error: Error): void {
    this.abort();
    this.#listener.unreachable(error);
  }
}

function responseOf(
  headers: IncomingHttpHeaders & { ':status'?: number | undefined },
  rawHeaders: string[] = [],
): StreamResponse {
  const fields = Object.entries(headers).filter(([name]) => !name.startsWith(':'));
  return { status: headers[':status']!, headers: Object.fromEntries(fields), rawHeaders };
}
