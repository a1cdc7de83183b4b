/** The error codes of HTTP/2 that hawser sends, or acts upon (RFC 9113 section 7). */
export const ErrorCode = { NO_ERROR: 0, REFUSED_STREAM: 7, CANCEL: 8 } as const;

/** The names of all error codes, by their number. */
const NAMES = [
  'NO_ERROR',
  'PROTOCOL_ERROR',
  'INTERNAL_ERROR',
  'FLOW_CONTROL_ERROR',
  'SETTINGS_TIMEOUT',
  'STREAM_CLOSED',
  'FRAME_SIZE_ERROR',
  'REFUSED_STREAM',
  'CANCEL',
  'COMPRESSION_ERROR',
  'CONNECT_ERROR',
  'ENHANCE_YOUR_CALM',
  'INADEQUATE_SECURITY',
  'HTTP_1_1_REQUIRED',
];

/** The name of an error code, or its number if it has none. */
export function errorName(code: number): string {
  return NAMES[code] ?? `code ${code}`;
}
