/** A person who has not typed for this long has stopped, in ms. */
const STOPPED_AFTER = 4000;
/** The shortest time between two notices that a person is typing, in ms. */
const TELL_EVERY = 2000;

/** Reports that this visitor types: `type()` calls `tell` at once, and then every two seconds. */
export class OwnTyping {
  #tell;
  #toldAt = -Infinity;

  constructor(/** @type {() => void} */ tell) {
    this.#tell = tell;
  }

  type() {
    if (performance.now() - this.#toldAt < TELL_EVERY) return;
    this.#toldAt = performance.now();
    this.#tell();
  }

  /** The message is sent: the next letter is reported again. */
  stop() {
    this.#toldAt = -Infinity;
  }
}

/** The line with the names of people that are typing. */
export class OthersTyping {
  /** @type {Map<string, { name: string, timer: ReturnType<typeof setTimeout> }>} by id */
  #typing = new Map();
  #line;

  constructor(/** @type {HTMLElement} */ line) {
    this.#line = line;
  }

  start(/** @type {{ id: string, name: string }} */ { id, name }) {
    clearTimeout(this.#typing.get(id)?.timer);
    this.#typing.set(id, { name, timer: setTimeout(() => this.stop(id), STOPPED_AFTER) });
    this.#draw();
  }

  stop(/** @type {string} */ id) {
    clearTimeout(this.#typing.get(id)?.timer);
    if (this.#typing.delete(id)) this.#draw();
  }

  clear() {
    for (const id of [...this.#typing.keys()]) this.stop(id);
  }

  #draw() {
    const names = [...this.#typing.values()].map(({ name }) => name);
    if (names.length > 2) this.#line.textContent = `${names.length} people are typing`;
    else if (names.length === 2) this.#line.textContent = `${names.join(' and ')} are typing`;
    else this.#line.textContent = names.length === 1 ? `${names[0]} is typing` : '';
  }
}
