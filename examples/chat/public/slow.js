/** How long the reader stops reading, in ms. */
const PAUSE = 3000;

/** The page's side of the slow reader: it starts with a ticket, and reports at the end what arrived. */
export class SlowReader {
  /** @type {{ bytes: number, code: number, reason: string } | undefined} */
  end;
  #url;
  /** @type {Worker | undefined} */
  #worker;

  constructor(/** @type {URL} */ url) {
    this.#url = url;
  }

  start(/** @type {string} */ ticket) {
    this.#worker = new Worker('/slow-reader.js');
    this.#worker.onmessage = ({ data }) => {
      this.end = data;
      this.stop();
    };
    this.#worker.onerror = () => (this.end = { bytes: 0, code: 0, reason: 'The worker failed' });
    this.#worker.postMessage({ url: this.#url.href, ticket, pause: PAUSE });
  }

  stop() {
    this.#worker?.terminate();
  }
}
