/** So many items may have been taken before the list is shortened. */
const SHORTEN_FROM = 64;

/**
 * First in, first out, in constant time for each item, however many wait. (`Array.shift` moves all
 * that are left.)
 */
export class Fifo<T> {
  #items: (T | undefined)[] = [];
  #next = 0;

  /** The item that will be taken next. */
  get first(): T | undefined {
    return this.#items[this.#next];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  take(): T | undefined {
    const item = this.#items[this.#next];
    if (item === undefined) return undefined;
    this.#items[this.#next++] = undefined; // what was taken is not kept
    if (this.#next === this.#items.length) {
      this.#items = [];
      this.#next = 0;
    } else if (this.#next >= SHORTEN_FROM && this.#next * 2 >= this.#items.length) {
      this.#items.splice(0, this.#next);
      this.#next = 0;
    }
    return item;
  }
}
