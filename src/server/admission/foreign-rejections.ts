import { UpgradeRejection } from '../../protocol/handshake/upgrade-rejection.js';

/**
 * Rejections in the forms of others: a `Response`, and an error of http-errors (which Koa throws) or of Boom
 * (which hapi throws). Each says by its own convention what the client may see.
 */

/** The most bytes that are read of the body of a `Response`. */
const MAX_BODY = 64 * 1024;

/** Header fields about how a body was sent elsewhere. Here it is text, and hawser writes its length. */
const FRAMING = ['connection', 'content-encoding', 'content-length', 'transfer-encoding'];

/** The members of a `Response` that are used here. */
interface WebResponse {
  readonly status: number;
  readonly headers: Headers;
  readonly body: AsyncIterable<Uint8Array> | null;
}

/** Whether a value is a `Response` that rejects, of any realm and package. One below 300 does not. */
function isRejectingResponse(value: unknown): value is WebResponse {
  if (Object.prototype.toString.call(value) !== '[object Response]') return false;
  return isStatus((value as WebResponse).status, 300);
}

/**
 * Turn a `Response` into a rejection with its status, headers and body. A body that was read before, that fails,
 * that is longer than 64 KiB or that is not UTF-8 is left out.
 */
async function rejectionOfResponse(response: WebResponse): Promise<UpgradeRejection> {
  const { status, body } = response;
  const headers = new Headers(response.headers);
  for (const name of FRAMING) headers.delete(name);
  const text = body === null ? undefined : await textOf(body);
  if (text !== undefined) return new UpgradeRejection(status, { headers, body: text });
  headers.delete('content-type');
  return new UpgradeRejection(status, { headers });
}

/**
 * Call a function that may throw or return a `Response`, at once or by a promise. The body of a `Response` takes
 * time to read, so what it stands for is thrown by a promise.
 */
export function withResponses<T>(ask: () => T | Promise<T>): T | Promise<T> {
  try {
    const answer = ask();
    if (isPromise(answer)) return Promise.resolve(answer).then(rejectResponse, rejectThrown);
    return rejectResponse(answer);
  } catch (error) {
    if (!isRejectingResponse(error)) throw error;
    return rejectThrown(error);
  }
}

function rejectResponse<T>(answer: T): T | Promise<T> {
  return isRejectingResponse(answer) ? rejectThrown(answer) : answer;
}

async function rejectThrown(error: unknown): Promise<never> {
  throw isRejectingResponse(error) ? await rejectionOfResponse(error) : error;
}

function isPromise<T>(value: T | Promise<T>): value is Promise<T> {
  return typeof (value as Partial<Promise<T>> | null | undefined)?.then === 'function';
}

async function textOf(body: AsyncIterable<Uint8Array>): Promise<string | undefined> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  let text = '';
  let bytes = 0;
  try {
    for await (const chunk of body) {
      bytes += chunk.byteLength;
      if (bytes > MAX_BODY) return undefined;
      text += decoder.decode(chunk, { stream: true });
    }
    return text + decoder.decode();
  } catch {
    return undefined;
  }
}

/** The members of an error of http-errors, and of one of Boom. */
interface HttpError {
  readonly status?: unknown;
  readonly statusCode?: unknown;
  /** Whether the client may see the message. */
  readonly expose?: unknown;
  readonly headers?: unknown;
  readonly message?: unknown;
  readonly isBoom?: unknown;
  readonly output?: {
    readonly statusCode: unknown;
    readonly headers: unknown;
    readonly payload: { readonly message: unknown };
  };
}

/**
 * The rejection that an error of http-errors or Boom stands for. The client sees a message only where its
 * convention says so.
 *
 * @returns `undefined` for any other error, and for one that could not be sent.
 */
export function rejectionOfHttpError(error: unknown): UpgradeRejection | undefined {
  const { isBoom, output, expose, headers, message, ...rest } = membersOf(error);
  try {
    if (isBoom === true)
      return reject(output!.statusCode, output!.headers, output!.payload.message);
    if (typeof expose !== 'boolean') return undefined;
    return reject(rest.statusCode ?? rest.status, headers, expose ? message : undefined);
  } catch {
    return undefined;
  }
}

/** The advice for an error that has a status, and is answered with 500 all the same. */
export function statusAdvice(error: unknown): string {
  const { statusCode, status } = membersOf(error);
  const found = [statusCode, status].find((each) => isStatus(each, 300));
  return found === undefined
    ? ''
    : `; it has status ${String(found)}: to answer with that, throw new UpgradeRejection(${String(found)})`;
}

/** The members of any thrown value. They may be those of its class, so they are named one by one. */
function membersOf(error: unknown): HttpError {
  const { status, statusCode, expose, headers, message, isBoom, output } = (error ??
    {}) as HttpError;
  return { status, statusCode, expose, headers, message, isBoom, output: output! };
}

function reject(status: unknown, headers: unknown, message: unknown): UpgradeRejection | undefined {
  if (!isStatus(status, 400)) return undefined;
  return new UpgradeRejection(status, {
    ...(headers === undefined ? {} : { headers: headers as Headers }),
    ...(typeof message === 'string' ? { body: message } : {}),
  });
}

function isStatus(value: unknown, from: number): value is number {
  return Number.isInteger(value) && (value as number) >= from && (value as number) <= 599;
}
