import { checkOptions, type Rules } from '../option-checks.js';
import { type HeaderFields, readHeaders, type UpgradeHeaders } from './response-headers.js';

/** Fields that delimit the body. With a second one, a client and a proxy could disagree on its end. */
const FRAMING: ReadonlySet<string> = new Set(['connection', 'content-length', 'transfer-encoding']);

const OPTION_RULES: Rules<{ headers: unknown; body: unknown }> = {
  headers: { expected: 'headers', accepts: () => true }, // readHeaders checks them
  body: { expected: 'a string', accepts: (value) => typeof value === 'string' },
};

/**
 * Thrown by `authorize` to reject an upgrade: `throw new UpgradeRejection(401)`.
 *
 * @param status an HTTP status from 300 to 599.
 * @param options `headers` are added to the response; `body` is plain text unless a
 * `Content-Type` says otherwise, and is the status's name if left out.
 * @throws RangeError, TypeError for a status or header that cannot be sent, and for other options.
 */
export class UpgradeRejection extends Error {
  /** The name of the class. */
  override readonly name = 'UpgradeRejection';
  /** The HTTP status of the response. */
  readonly status: number;
  /** Added to the response. */
  readonly headers: HeaderFields;
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
    checkOptions('UpgradeRejection', options, OPTION_RULES);
    const { headers, body } = options;
    const fields = readHeaders(headers, FRAMING);
    super(body ?? `upgrade rejected with status ${status}`);
    this.status = status;
    this.headers = fields;
    this.body = body;
  }
}

/**
 * The rejection that was thrown, by this copy of the package or another, in any realm.
 *
 * @returns `undefined` for any other error, and for a rejection that could not be sent.
 */
export function rejectionOf(error: unknown): UpgradeRejection | undefined {
  if (error instanceof UpgradeRejection) return error;
  const { name, status, headers, body } = (error ?? {}) as Partial<UpgradeRejection>;
  if (name !== 'UpgradeRejection') return undefined;
  try {
    return new UpgradeRejection(status!, {
      ...(headers === undefined ? {} : { headers }),
      ...(body === undefined ? {} : { body }),
    });
  } catch {
    return undefined;
  }
}
