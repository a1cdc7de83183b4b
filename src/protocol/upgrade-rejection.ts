import { checkHeader } from './http-grammar.js';

/** Header fields to be sent; a list of values sends the field several times. */
export type UpgradeHeaders = Readonly<Record<string, string | readonly string[]>>;

/**
 * Check headers that the application wants to send with a 101 or a refusal.
 *
 * @throws TypeError for a name or value that cannot be written, or a field that hawser itself sends.
 */
export function checkHeaders(headers: UpgradeHeaders, reserved: ReadonlySet<string>): void {
  for (const [name, value] of Object.entries(headers)) {
    if (reserved.has(name.toLowerCase())) {
      throw new TypeError(`header ${name} is written by hawser itself; leave it out`);
    }
    for (const each of [value].flat()) checkHeader(name, each);
  }
}

/** Fields that frame a refusal's body: a second one would let a client and a proxy disagree on it. */
const FRAMING: ReadonlySet<string> = new Set(['connection', 'content-length', 'transfer-encoding']);

/**
 * Thrown by `authorize` to refuse an upgrade: `throw new UpgradeRejection(401)`.
 *
 * @param status an HTTP status from 300 to 599.
 * @param options `headers` are added to the response; `body` is plain text unless a
 * `Content-Type` says otherwise, and is the status's name if left out.
 * @throws RangeError, TypeError for a status or header that cannot be sent.
 */
export class UpgradeRejection extends Error {
  /** The name of the class. */
  override readonly name = 'UpgradeRejection';
  /** The HTTP status of the response. */
  readonly status: number;
  /** Added to the response. */
  readonly headers: UpgradeHeaders;
  /** The response's body; `undefined` for the status's name. */
  readonly body: string | undefined;

  constructor(
    status: number,
    options: { readonly headers?: UpgradeHeaders; readonly body?: string } = {},
  ) {
    if (!Number.isInteger(status) || status < 300 || status > 599) {
      throw new RangeError(
        `UpgradeRejection: expected status to be an HTTP status from 300 to 599, got ${String(status)}`,
      );
    }
    const { headers = {}, body } = options;
    checkHeaders(headers, FRAMING);
    super(body ?? `upgrade refused with status ${status}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
}
