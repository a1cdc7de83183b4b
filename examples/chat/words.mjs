/**
 * The messages that a visitor may send. Everything that arrives is untrusted: it leaves this file
 * either in a known shape, or as `undefined`.
 *
 * HTML is not changed here. A `<b>` is three harmless characters unless it is treated as markup, and
 * the page never does that: it writes all text with `textContent`.
 */

export const MAX_NAME = 24;
export const MAX_ROOM = 32;
export const MAX_TEXT = 2000;

/** Direction overrides and embeddings: one in a name turns the rest of the line around. */
const DIRECTION = /[\u202A-\u202E\u2066-\u2069]/gu;
/** Control characters, but for the tab and the line feed, which belong in a text. */
const CONTROL = /(?![\t\n])\p{Cc}/gu;
/** Invisible characters. White space is handled separately, and two joiners are part of words. */
const INVISIBLE = /(?![\s\u200C\u200D])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\u115F\u1160\u2800\u3164\uFFA0]/gu;
/** More marks on one letter than any language writes: they would climb over the neighbouring lines. */
const TOWERS = /(\p{M}{4})\p{M}+/gu;

/**
 * @typedef {{ type: 'join', room: string, name: string, key: string }} Join
 * @typedef {{ type: 'say', id: string, text: string }} Say
 * @typedef {{ type: 'flood', ticket: string }} Flood the connection of a slow reader presents itself
 * @typedef {{ type: 'probe' | 'typing' | 'look' | 'drop' | 'burst' | 'slow' }} Bare
 * @typedef {Join | Say | Flood | Bare} Words
 */

/** Messages that have nothing but their type. */
const BARE = ['probe', 'typing', 'look', 'drop', 'burst', 'slow'];

/**
 * @param {string | Buffer} data
 * @returns {Words | undefined}
 */
export function understand(data) {
  if (typeof data !== 'string') return undefined;
  let said;
  try {
    said = JSON.parse(data);
  } catch {
    return undefined;
  }
  if (typeof said !== 'object' || said === null) return undefined;
  const { type, room, name, key, id, text, ticket } = said;
  switch (type) {
    case 'join':
      if (typeof room !== 'string' || typeof name !== 'string' || !isToken(key)) return undefined;
      return { type, room: cleanRoom(room), name: cleanName(name), key };
    case 'say':
      if (typeof text !== 'string' || !isToken(id)) return undefined;
      return { type, id, text: cleanText(text) };
    case 'flood':
      return isToken(ticket) ? { type, ticket } : undefined;
    default:
      return BARE.includes(type) ? { type } : undefined;
  }
}

/** A name on one line, `''` when nothing visible is left. */
function cleanName(/** @type {string} */ name) {
  return shorten(oneLine(name.normalize('NFC')), MAX_NAME);
}

/** As a name, and in lower case: `#Tea` and `#tea` are one room. */
function cleanRoom(/** @type {string} */ room) {
  return shorten(oneLine(room.normalize('NFKC').toLowerCase()), MAX_ROOM);
}

/** A text keeps its lines. It is not shortened: its writer is told that it is too long. */
function cleanText(/** @type {string} */ text) {
  return text
    .replace(/\p{Cs}/gu, '\uFFFD') // half of a surrogate pair cannot be sent
    .replace(/\r\n?/g, '\n')
    .replace(CONTROL, '')
    .replace(DIRECTION, '')
    .replace(TOWERS, '$1')
    .replace(/\n{3,}/g, '\n\n')
    .trim();
}

function oneLine(/** @type {string} */ string) {
  return string
    .replace(INVISIBLE, '')
    .replace(TOWERS, '$1')
    .replace(/\s+/gu, ' ')
    .replace(/^[\s\u200C\u200D]+|[\s\u200C\u200D]+$/gu, '');
}

/** Cuts between code points: half of an emoji is not a character. */
function shorten(/** @type {string} */ string, /** @type {number} */ length) {
  return [...string].slice(0, length).join('').trimEnd();
}

/** Made by the page at random: the id of a message, the key of a visitor. */
function isToken(/** @type {unknown} */ value) {
  return typeof value === 'string' && /^[\w-]{8,64}$/.test(value);
}
