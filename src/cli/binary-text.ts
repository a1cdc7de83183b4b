import { Buffer } from 'node:buffer';

/** How bytes are written in a terminal. */
export type BinaryEncoding = 'hex' | 'base64';

const VALID: Readonly<Record<BinaryEncoding, RegExp>> = {
  hex: /^(?:[0-9a-f]{2})*$/i,
  base64: /^(?:[a-z0-9+/]{4})*(?:[a-z0-9+/]{2}==|[a-z0-9+/]{3}=)?$/i,
};

/** The bytes that a line stands for; white space in it means nothing. `undefined` for text in another encoding. */
export function bytesOf(line: string, encoding: BinaryEncoding): Buffer | undefined {
  const text = line.replaceAll(/\s/g, '');
  return VALID[encoding].test(text) ? Buffer.from(text, encoding) : undefined;
}
