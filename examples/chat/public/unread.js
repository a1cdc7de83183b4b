import { recall, remember } from './outbox.js';

const STORE = 'hawser-chat-read';

/**
 * The number of unread messages of each room.
 *
 * The server counts the messages of a room. Messages from before this visitor first saw the room in the
 * list do not count as unread.
 */
export class Unread {
  /** @type {Map<string, number>} the number of the last message read, by room */
  #read = new Map(stored());

  /** Everything up to message `n` has been read. */
  read(/** @type {string} */ room, /** @type {number} */ n) {
    this.#read.set(room, n);
    remember(sessionStorage, STORE, JSON.stringify([...this.#read]));
  }

  /** Unread messages of a room that has had `said` messages. */
  count(/** @type {string} */ room, /** @type {number} */ said) {
    const read = this.#read.get(room);
    // A room with a lower count than before is new, with the same name: the server was restarted.
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
