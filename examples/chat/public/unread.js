import { recall, remember } from './outbox.js';

const STORE = 'hawser-chat-read';

/**
 * How many messages of each room have been said and not been read here.
 *
 * The server counts the messages of a room. What was said before this visitor first heard of a room
 * does not count as unread.
 */
export class Unread {
  /** @type {Map<string, number>} the number of the last message read, by room */
  #read = new Map(stored());

  /** Everything up to message `n` has been read. */
  read(/** @type {string} */ room, /** @type {number} */ n) {
    this.#read.set(room, n);
    remember(sessionStorage, STORE, JSON.stringify([...this.#read]));
  }

  /** Messages not read in a room where `said` messages have been said. */
  count(/** @type {string} */ room, /** @type {number} */ said) {
    const read = this.#read.get(room);
    // A room that counts less than before is a new one of the same name: the server was restarted.
    if (read === undefined) this.read(room, said);
    else if (said < read) this.read(room, 0);
    return said - (this.#read.get(room) ?? said);
  }
}

/** @returns {[string, number][]} */
function stored() {
  try {
    return JSON.parse(recall(sessionStorage, STORE) || '[]');
  } catch {
    return [];
  }
}
