import { byId } from './view.js';

const MAX_TEXT = 2000;

const text = /** @type {HTMLTextAreaElement} */ (byId('text'));
const count = byId('count');

/** The composer of a message. `onsend` gets the text and returns `''`, or why it cannot be sent yet. */
export class Composer {
  onsend = (/** @type {string} */ _words) => '';
  ontype = () => {};

  constructor() {
    const form = /** @type {HTMLFormElement} */ (byId('composer'));
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#send();
    });
    text.addEventListener('keydown', (event) => {
      // While an input method composes a character, Enter belongs to the input method.
      if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      form.requestSubmit();
    });
    text.addEventListener('input', () => {
      this.#measure();
      if (text.value.trim() !== '') this.ontype();
    });
  }

  focus() {
    text.focus();
  }

  address(/** @type {string} */ room) {
    text.placeholder = `Message #${room}`;
  }

  /** Puts a message back, before what has been written since. */
  edit(/** @type {string} */ words) {
    text.value = [words, text.value].filter(Boolean).join('\n');
    this.#measure();
  }

  /** A line below the text; a screen reader reads it out. */
  tell(/** @type {string} */ words, isProblem = words !== '') {
    count.textContent = words;
    count.classList.toggle('problem', isProblem);
  }

  #send() {
    const words = text.value.trim();
    const tooMany = lengthOf(words) - MAX_TEXT;
    if (tooMany > 0) {
      this.tell(
        `Too long to send: ${lengthOf(words)} of ${MAX_TEXT} characters. ` +
          `Shorten it by ${tooMany}, or send it in parts. Your draft stays here.`,
      );
    } else if (words !== '') {
      const problem = this.onsend(words);
      if (problem === '') {
        text.value = '';
        this.#measure();
      } else this.tell(problem);
    }
    this.focus();
  }

  /** Makes the field as tall as its text, and shows a counter near the limit. */
  #measure() {
    text.style.height = 'auto';
    text.style.height = `${text.scrollHeight}px`;
    const length = lengthOf(text.value.trim());
    const isLong = length > MAX_TEXT;
    this.tell(length > MAX_TEXT * 0.9 ? `${length} of ${MAX_TEXT} characters` : '', isLong);
    text.setAttribute('aria-invalid', String(isLong));
  }
}

/** In code points, as the server counts. */
function lengthOf(/** @type {string} */ words) {
  return [...words].length;
}
