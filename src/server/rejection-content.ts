import { STATUS_CODES } from 'node:http';
import type { HeaderFields } from '../protocol/handshake/response-headers.js';
import type { UpgradeRejection } from '../protocol/handshake/upgrade-rejection.js';

/** The content of the response to a rejected request, without what depends on the version of HTTP. */
interface RejectionContent {
  readonly headers: HeaderFields;
  readonly text: string;
}

/** The headers and the body of a rejection: plain text, unless the application has said otherwise. */
export function rejectionContent({ status, headers, body }: UpgradeRejection): RejectionContent {
  const given = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  // Plain text ends with a line end. A body with another Content-Type stays as it is.
  const plain = body ?? STATUS_CODES[status] ?? '';
  const text = plain.endsWith('\n') || given.has('content-type') ? plain : `${plain}\n`;
  const defaults = Object.entries({
    Date: new Date().toUTCString(),
    'Content-Type': 'text/plain; charset=utf-8',
    'X-Content-Type-Options': 'nosniff',
  }).filter(([name]) => !given.has(name.toLowerCase()));
  return { headers: { ...Object.fromEntries(defaults), ...headers }, text };
}
