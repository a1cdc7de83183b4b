/** The number of waiting messages above which a new one is refused visibly. */
const MOST = 50;
const STORE = 'hawser-chat-outbox';

/**
 * Messages that the server has not confirmed yet, the oldest first.
 *
 * They are kept in the tab's storage, so that a reload does not lose them. Each message has an id made
 * here. If it is sent twice because the answer got lost, the server recognises it.
 *
 * @typedef {{ id: string, room: string, text: string, at: number, problem?: string }} Item
 */
export class Outbox {
  /** @type {Item[]} */
  items = stored();

  get isEmpty() {
    return this.items.length === 0;
  }

  get isFull() {
    return this.items.length >= MOST;
  }

  /** The next one to be sent: those that the server refused wait for their writer. */
  get next() {
    return this.items.find((item) => item.problem === undefined);
  }

  add(/** @type {string} */ room, /** @type {string} */ text) {
    this.items.push({ id: randomToken(), room, text, at: Date.now() });
    this.#store();
  }

  refuse(/** @type {string} */ id, /** @type {string} */ problem) {
    const item = this.items.find((other) => other.id === id);
    if (item) item.problem = problem;
    this.#store();
  }

  /** Removes a message that has arrived, was discarded, or is back in the composer. */
  remove(/** @type {string} */ id) {
    const found = this.items.some((item) => item.id === id);
    this.items = this.items.filter((item) => item.id !== id);
    if (found) this.#store();
    return found;
  }

  #store() {
    remember(sessionStorage, STORE, JSON.stringify(this.items));
  }
}

function stored() {
  try {
    return JSON.parse(recall(sessionStorage, STORE) || '[]');
  } catch {
    return [];
  }
}

/** Not crypto.randomUUID(): that is missing when a phone opens the page over plain http. */
export function randomToken() {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

/** Storage is optional: the chat works in a browser that forbids it, or whose storage is full. */
export function remember(
  /** @type {Storage} */ storage,
  /** @type {string} */ key,
  /** @type {string} */ value,
) {
  try {
    storage.setItem(key, value);
  } catch {
    // Ignored: nothing depends on it.
  }
}

export function recall(/** @type {Storage} */ storage, /** @type {string} */ key) {
  try {
    return storage.getItem(key) ?? '';
  } catch {
    return '';
  }
}
