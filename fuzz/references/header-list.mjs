// The header grammar of RFC 6455 section 9.1 once more, written as the ABNF is: with regular expressions.

const OWS = '[ \\t]*';
const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+";
const QUOTED = '"(?:[^"\\\\]|\\\\[^])*"';
const PARAM = `(${TOKEN})${OWS}(?:(=)${OWS}(?:(${TOKEN})|(${QUOTED})))?`;

/**
 * The extensions that a header offers, in words; `undefined` if it breaks the grammar.
 *
 * @param {string} header
 * @returns {{ name: string, params: { name: string, value: string | undefined }[] }[] | undefined}
 */
export function extensionsOf(header) {
  const offers = [];
  let rest = header;
  const take = (/** @type {string} */ pattern) => {
    const match = new RegExp(`^${OWS}${pattern}${OWS}`).exec(rest);
    if (match !== null) rest = rest.slice(match[0].length);
    return match;
  };
  for (;;) {
    while (take(',') !== null);
    if (take('$') !== null) return offers;
    const name = take(`(${TOKEN})`)?.[1];
    if (name === undefined) return undefined;
    const params = [];
    while (take(';') !== null) {
      const match = take(PARAM);
      if (match === null) return undefined;
      const [, name = '', , token, quoted] = match;
      const value = token ?? quoted?.slice(1, -1).replaceAll(/\\([^])/g, '$1');
      if (value !== undefined && !isToken(value)) return undefined;
      params.push({ name, value });
    }
    offers.push({ name, params });
    if (take('(?:,|$)') === null) return undefined;
  }
}

/** The tokens of a list; `undefined` if the header is not a list. @param {string} header */
export function tokensOf(header) {
  const elements = header.split(',').map((element) => element.replaceAll(/^[ \t]+|[ \t]+$/g, ''));
  const tokens = elements.filter((element) => element !== '');
  return tokens.every(isToken) ? tokens : undefined;
}

/** @param {string} text */
function isToken(text) {
  return new RegExp(`^${TOKEN}$`).test(text);
}
