const COUNT = new Intl.NumberFormat('en');
const SHORT = new Intl.NumberFormat('en', { maximumSignificantDigits: 3 });

export function formatCount(/** @type {number} */ count) {
  return COUNT.format(count);
}

/** 1 kB is 1000 bytes. */
export function formatBytes(/** @type {number} */ bytes) {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 999_500) return `${SHORT.format(bytes / 1000)} kB`;
  return `${SHORT.format(bytes / 1e6)} MB`;
}

export function formatTime(/** @type {number} */ milliseconds) {
  if (milliseconds < 999.5) return `${SHORT.format(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${SHORT.format(milliseconds / 1000)} s`;
  return `${Math.floor(milliseconds / 60_000)} min ${Math.round((milliseconds / 1000) % 60)} s`;
}

/** The last values as a line: zero is at the lower edge, the highest of them at the upper one. */
export class Trace {
  /** @type {number[]} */
  #values = [];
  #line = document.createElementNS('http://www.w3.org/2000/svg', 'path');
  #most;

  constructor(/** @type {HTMLElement} */ svg, /** @type {number} */ most) {
    this.#most = most;
    svg.setAttribute('viewBox', `0 0 ${most - 1} 20`);
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.append(this.#line);
  }

  add(/** @type {number} */ value) {
    this.#values = [...this.#values, value].slice(-this.#most);
    const highest = Math.max(...this.#values, Number.MIN_VALUE);
    const step = (this.#most - 1) / Math.max(1, this.#values.length - 1);
    const points = this.#values.map((value, n) => {
      return `${(n * step).toFixed(2)} ${(19 - (18 * value) / highest).toFixed(2)}`;
    });
    this.#line.setAttribute('d', points.length > 1 ? `M${points.join('L')}` : '');
  }

  clear() {
    this.#values = [];
    this.#line.setAttribute('d', '');
  }
}
