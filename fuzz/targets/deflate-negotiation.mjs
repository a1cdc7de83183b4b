// acceptDeflate, given any header: what is agreed is what RFC 7692 section 7.1 lets the server agree to, the
// answer says it, and a client that reads the answer knows the same.
import assert from 'node:assert/strict';
import { linesOf } from '../notation.mjs';
import { extensionsOf } from '../references/header-list.mjs';

export const maxLength = 4096;

/** Reading the header costs the most; of an offer at most five parameters are looked at. */
export const maxSteps = (/** @type {number} */ length) => 300 + 60 * length;

export const dictionary = linesOf(String.raw`
  "permessage-deflate"
  "; server_no_context_takeover"
  "; client_no_context_takeover"
  "; server_max_window_bits="
  "; client_max_window_bits="
  "; client_max_window_bits"
  "8"
  "10"
  "15"
  "16"
  "\"9\""
  ", "
`);

const TAKEOVERS = ['none', 'server', 'client', 'both'];

/** @param {(file: string) => any} load */
export function prepare(load) {
  const { parseExtensions } = load('protocol/handshake/extensions.js');
  const { acceptDeflate, formatDeflate } = load('protocol/deflate/negotiation.js');

  /** @param {Buffer} input */
  return (input) => {
    // The first byte is what the server would like.
    const [wish = 0] = input;
    const policy = { contextTakeover: TAKEOVERS[wish & 3], windowBits: 8 + ((wish >> 2) & 7) };
    const header = input.toString('latin1', 1);
    const accepted = acceptDeflate(parseExtensions(header) ?? [], policy);
    const offer = extensionsOf(header)?.find(isAcceptable);
    assert.equal(accepted === undefined, offer === undefined);
    if (accepted === undefined || offer === undefined) return;

    const [answer, ...others] = extensionsOf(formatDeflate(accepted)) ?? [];
    assert(answer !== undefined && others.length === 0);
    assert.equal(answer.name, 'permessage-deflate');
    const said = new Map(answer.params.map(({ name, value }) => [name, value]));
    const asked = new Map(offer.params.map(({ name, value }) => [name, value]));
    assert.equal(said.size, answer.params.length, 'a parameter twice');

    const { contextTakeover, windowBits } = policy;
    const keeps = (/** @type {string} */ side) =>
      contextTakeover === side || contextTakeover === 'both';
    for (const side of ['server', 'client']) {
      const flag = `${side}_no_context_takeover`;
      // A client has to be told what it must not do. The server says of itself only what it was asked.
      const unasked = side === 'client' && !keeps(side);
      assert.equal(said.has(flag), asked.has(flag) || unasked, flag);
      assert.equal(accepted[`${side}NoContextTakeover`], asked.has(flag) || !keeps(side), flag);

      const bits = `${side}_max_window_bits`;
      const told = said.get(bits);
      const used = accepted[`${side}MaxWindowBits`];
      if (told !== undefined || side === 'client') assert.equal(used, Number(told ?? 15), bits);
      if (asked.get(bits) !== undefined)
        assert(Number(told ?? 15) <= Number(asked.get(bits)), bits);
    }
    // "If the server doesn't include it", the client may use what it likes; it cannot be told unasked.
    assert(asked.has('client_max_window_bits') || !said.has('client_max_window_bits'));
    assert.equal(asked.has('server_max_window_bits'), said.has('server_max_window_bits'));
    assert(accepted.serverMaxWindowBits <= windowBits);
    // zlib cannot compress with a raw window of 8 bits: a client is not told to use one unless it has offered it.
    const most = Math.max(9, windowBits);
    assert(!asked.has('client_max_window_bits') || accepted.clientMaxWindowBits <= most);
  };
}

/** Section 7.1: no parameter that is unknown, doubled or has a wrong value. @param {{ name: string, params: { name: string, value: string | undefined }[] }} offer */
function isAcceptable({ name, params }) {
  const names = new Set(params.map((param) => param.name));
  const windows = ['8', '9', '10', '11', '12', '13', '14', '15'];
  return (
    name === 'permessage-deflate' &&
    names.size === params.length &&
    params.every(({ name, value }) => {
      if (/^(?:server|client)_no_context_takeover$/.test(name)) return value === undefined;
      if (name === 'client_max_window_bits' && value === undefined) return true;
      return /^(?:server|client)_max_window_bits$/.test(name) && windows.includes(value ?? '');
    })
  );
}
