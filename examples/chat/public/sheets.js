import { byId } from './view.js';

/** @type {Set<Sheet>} */
const sheets = new Set();

/**
 * A part of the page that stands beside the conversation. On a screen without room for both it lies over
 * the conversation, which is inert meanwhile.
 */
export class Sheet {
  isOpen = false;
  onchange = (/** @type {boolean} */ _isOpen) => {};
  #id;
  #opener;
  #closer;
  #isOver;

  /** @param {string} id with the buttons `ID-open` and `ID-close` @param {string} over media query */
  constructor(id, over) {
    this.#id = id;
    this.#opener = byId(`${id}-open`);
    this.#closer = byId(`${id}-close`);
    this.#isOver = matchMedia(over);
    sheets.add(this);
    this.#opener.addEventListener('click', () => (this.isOpen ? this.close() : this.open()));
    this.#closer.addEventListener('click', () => this.close());
    this.#isOver.addEventListener('change', cover);
  }

  /** Whether it lies over the conversation. */
  get covers() {
    return this.isOpen && this.#isOver.matches;
  }

  get hasFocus() {
    return this.isOpen && byId(this.#id).contains(document.activeElement);
  }

  open() {
    for (const other of sheets) if (other !== this && other.covers) other.close();
    this.#set(true);
    this.#closer.focus();
  }

  close() {
    if (!this.isOpen) return;
    this.#set(false);
    this.#opener.focus();
  }

  #set(/** @type {boolean} */ isOpen) {
    this.isOpen = isOpen;
    byId('chat').classList.toggle(`${this.#id}-is-open`, isOpen);
    this.#opener.setAttribute('aria-expanded', String(isOpen));
    cover();
    this.onchange(isOpen);
  }
}

function cover() {
  const isCovered = [...sheets].some((sheet) => sheet.covers);
  byId('scrim').hidden = !isCovered;
  byId('conversation').inert = isCovered;
}

/** Closes the sheets that lie over the conversation. */
export function uncover() {
  for (const sheet of sheets) if (sheet.covers) sheet.close();
}

byId('scrim').addEventListener('click', uncover);
addEventListener('keydown', (event) => {
  if (event.key !== 'Escape') return;
  for (const sheet of sheets) if (sheet.covers || sheet.hasFocus) sheet.close();
});
