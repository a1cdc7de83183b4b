const ADDRESS = /https?:\/\/[^\s<>"'`]+/gi;
/** Characters that usually belong to the sentence and not to the address. */
const TRAILING = /[.,:;!?…*_~]+$/u;

/**
 * The words of a message, with its web addresses as links. Only http and https become links, and what
 * a link shows is exactly where it leads.
 *
 * @returns {(string | HTMLAnchorElement)[]}
 */
export function linkify(/** @type {string} */ text) {
  /** @type {(string | HTMLAnchorElement)[]} */
  const parts = [];
  let end = 0;
  for (const { 0: found, index } of text.matchAll(ADDRESS)) {
    const address = trimmed(found);
    const url = parsed(address);
    if (url === undefined) continue;
    const link = document.createElement('a');
    link.href = url.href;
    link.textContent = address;
    link.target = '_blank';
    link.rel = 'noopener noreferrer nofollow';
    parts.push(text.slice(end, index), link);
    end = index + address.length;
  }
  parts.push(text.slice(end));
  return parts;
}

/** Without the full stop of the sentence, and without a bracket that was opened before the address. */
function trimmed(/** @type {string} */ found) {
  for (;;) {
    const shorter = found.replace(TRAILING, '');
    const opener = { ')': '(', ']': '[', '}': '{' }[shorter.at(-1) ?? ''];
    if (opener === undefined || count(shorter, opener) >= count(shorter, shorter.at(-1) ?? ''))
      return shorter;
    found = shorter.slice(0, -1);
  }
}

function count(/** @type {string} */ text, /** @type {string} */ character) {
  return text.split(character).length - 1;
}

/** `https://bank.example@evil.example/` looks like the bank and leads elsewhere: it stays plain text. */
function parsed(/** @type {string} */ address) {
  try {
    const url = new URL(address);
    return url.username === '' && url.password === '' ? url : undefined;
  } catch {
    return undefined;
  }
}
