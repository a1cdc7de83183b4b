// parseExtensions, given any header value: it reads what the grammar says and nothing else, what it has read
// can be written and read again, and its work is linear.
import assert from 'node:assert/strict';
import { linesOf } from '../notation.mjs';
import { extensionsOf } from '../references/header-list.mjs';

export const maxLength = 16_384;

/** The header is read twice, the second time in a longer form. `a,` costs the most: twenty statements a character. */
export const maxSteps = (/** @type {number} */ length) => 200 + 80 * length;

export const dictionary = linesOf(String.raw`
  ","
  ";"
  "="
  "\""
  "\\"
  "\\\""
  " "
  "\t"
  "permessage-deflate"
  "; client_max_window_bits"
  "; server_max_window_bits=15"
  "; server_no_context_takeover"
  "x=\"y\""
  "__proto__"
  "00"
  "80"
`);

/** @param {(file: string) => any} load */
export function prepare(load) {
  const { parseExtensions } = load('protocol/handshake/extensions.js');
  /** @param {Buffer} input */
  return (input) => {
    const header = input.toString('latin1'); // as Node hands headers over
    const offers = parseExtensions(header);
    assert.deepEqual(offers, extensionsOf(header));
    if (offers !== undefined)
      assert.deepEqual(parseExtensions(offers.map(written).join(', ')), offers);
  };
}

/** @param {{ name: string, params: { name: string, value: string | undefined }[] }} offer */
function written({ name, params }) {
  const all = params.map((param) =>
    param.value === undefined ? param.name : `${param.name}=${param.value}`,
  );
  return [name, ...all].join(';');
}
