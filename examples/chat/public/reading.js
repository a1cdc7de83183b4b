import { append, byId } from './view.js';

const log = byId('log');
const scroller = byId('scroller');
let isAtEnd = true;

/** New lines never scroll the page while the reader is further up. */
export function add(/** @type {HTMLElement} */ item) {
  append(log, item);
  if (isAtEnd) scrollToEnd();
  else if (item.classList.contains('message')) byId('jump-text').textContent = 'New messages';
}

export function scrollToEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  isAtEnd = true;
  showJump();
}

/** For elements that grow below the log: they scroll it only if its end was visible. */
export function stayAtEnd() {
  if (isAtEnd) scrollToEnd();
}

function showJump() {
  byId('jump').hidden = isAtEnd;
  if (isAtEnd) byId('jump-text').textContent = 'Newest';
}

scroller.addEventListener('scroll', () => {
  isAtEnd = scroller.scrollHeight - scroller.scrollTop - scroller.clientHeight < 48;
  showJump();
});
// A keyboard that slides in, or a composer that grows, must not hide the last line.
new ResizeObserver(stayAtEnd).observe(scroller);

byId('jump').addEventListener('click', () => {
  scrollToEnd();
  byId('text').focus();
});
