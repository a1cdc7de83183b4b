import type {
  ProtocolError,
  ProtocolErrorCode,
  ProtocolErrorDetail,
} from '../protocol/framing/protocol-error.js';

/** The code and the text of ws for a broken rule, from what the peer sent and hawser's text. */
type Translation = (
  detail: Required<ProtocolErrorDetail>,
  message: string,
) => readonly [code: string, message: string];

const frame = (message: string): string => `Invalid WebSocket frame: ${message}`;
const reservedBit: Translation = ({ rsv2, rsv3 }) =>
  rsv2 || rsv3
    ? ['WS_ERR_UNEXPECTED_RSV_2_3', frame('RSV2 and RSV3 must be clear')]
    : ['WS_ERR_UNEXPECTED_RSV_1', frame('RSV1 must be clear')];
const opcode: Translation = (detail) => [
  'WS_ERR_INVALID_OPCODE',
  frame(`invalid opcode ${detail.opcode}`),
];
const controlLength: Translation = ({ length }) => [
  'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
  frame(`invalid payload length ${length}`),
];
const hugeLength: Translation = () => [
  'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH',
  'Unsupported WebSocket frame: payload length > 2^53 - 1',
];

/** ws has the error of zlib, whose text says less. */
const Z_DATA_ERROR = 'Z_DATA_ERROR';

/** Programs compare these codes and texts. A rule that ws does not check is missing here. */
const TRANSLATIONS: Readonly<Partial<Record<ProtocolErrorCode, Translation>>> = {
  ERR_RESERVED_BIT: reservedBit,
  ERR_RESERVED_OPCODE: opcode,
  ERR_EXPECTED_CONTINUATION: opcode,
  ERR_UNEXPECTED_CONTINUATION: opcode,
  ERR_CONTROL_FRAGMENTED: () => ['WS_ERR_EXPECTED_FIN', frame('FIN must be set')],
  ERR_CONTROL_TOO_LONG: controlLength,
  ERR_CLOSE_PAYLOAD: () => [
    'WS_ERR_INVALID_CONTROL_PAYLOAD_LENGTH',
    frame('invalid payload length 1'),
  ],
  ERR_MASK_REQUIRED: () => ['WS_ERR_EXPECTED_MASK', frame('MASK must be set')],
  ERR_MASK_FORBIDDEN: () => ['WS_ERR_UNEXPECTED_MASK', frame('MASK must be clear')],
  ERR_LENGTH_TOP_BIT: hugeLength,
  ERR_MESSAGE_TOO_BIG: (detail) =>
    detail.length > Number.MAX_SAFE_INTEGER
      ? hugeLength(detail, '')
      : ['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'Max payload size exceeded'],
  ERR_INVALID_UTF8: () => ['WS_ERR_INVALID_UTF8', frame('invalid UTF-8 sequence')],
  ERR_INVALID_DEFLATE: (_detail, message) => [Z_DATA_ERROR, message],
  ERR_CLOSE_CODE: ({ closeCode }) => [
    'WS_ERR_INVALID_CLOSE_CODE',
    frame(`invalid status code ${closeCode}`),
  ],
};

/** Faults in the content of a message, which ws reports with an `Error`; the others are a `RangeError`. */
const CONTENT: ReadonlySet<ProtocolErrorCode> = new Set([
  'ERR_INVALID_UTF8',
  'ERR_INVALID_DEFLATE',
]);

/**
 * The error that ws emits for a broken rule, with hawser's as its `cause`. A rule that only hawser checks
 * keeps hawser's code and message.
 */
export function toWsError(error: ProtocolError): Error {
  const [code, message] = TRANSLATIONS[error.code]?.(
    error.detail as Required<ProtocolErrorDetail>,
    error.message,
  ) ?? [error.code, error.message];
  const ErrorClass = CONTENT.has(error.code) ? Error : RangeError;
  const translated = new ErrorClass(message, { cause: error });
  return Object.assign(translated, code === Z_DATA_ERROR ? { code, errno: -3 } : { code });
}
