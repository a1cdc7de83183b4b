/**
 * The messages of one connection that wait and have a key, each until it is sent, or until a message
 * that none may overtake comes after it. A key belongs to a topic or, without one, to what is sent and
 * broadcast.
 */
export class ReplaceableCalls<Call> {
  readonly #topics = new Map<string | undefined, Map<string, Call>>();

  get(topic: string | undefined, key: string): Call | undefined {
    return this.#topics.get(topic)?.get(key);
  }

  add(topic: string | undefined, key: string, call: Call): void {
    const keys = this.#topics.get(topic);
    if (keys === undefined) this.#topics.set(topic, new Map([[key, call]]));
    else keys.set(key, call);
  }

  /** The message is sent. One that came after a fence, and has the same key, stays. */
  delete(topic: string | undefined, key: string, call: Call): void {
    const keys = this.#topics.get(topic);
    if (keys?.get(key) !== call) return;
    keys.delete(key);
    if (keys.size === 0) this.#topics.delete(topic);
  }

  /** A message comes that none may overtake: of this topic, or of any where it was sent to the connection. */
  fence(topic: string | undefined): void {
    if (topic === undefined) this.#topics.clear();
    else this.#topics.delete(topic);
  }
}
