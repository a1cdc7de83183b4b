import { linkify } from './links.js';

/**
 * The look of messages, notices and lists. Text from outside is set with `textContent` only, so it
 * stays text.
 */

/** Messages of one person this close together share one heading. */
const SAME_BREATH = 5 * 60_000;
/** Older messages are removed from the page, so that it stays fast in a busy room. */
const MOST_SHOWN = 500;

/** @template {HTMLElement} T @returns {T} */
export function byId(/** @type {string} */ id) {
  return /** @type {T} */ (document.getElementById(id));
}

/** @param {string} tag @param {string} [className] @param {string} [text] */
function make(tag, className = '', text = '') {
  const element = document.createElement(tag);
  if (className) element.className = className;
  element.textContent = text;
  return element;
}

/** Ten hues that are told apart well. The server chooses one for each person in a room. */
const HUES = [25, 52, 80, 128, 158, 195, 232, 265, 303, 345];

/** The style sheet picks a legible shade of the hue. */
function paint(/** @type {HTMLElement} */ element, /** @type {number} */ colour) {
  element.style.setProperty('--hue', String(HUES[colour % HUES.length]));
}

function avatar(/** @type {string} */ name) {
  const circle = make('span', 'avatar', [...name][0]?.toUpperCase());
  circle.setAttribute('aria-hidden', 'true');
  return circle;
}

function clock(/** @type {number} */ at) {
  const date = new Date(at);
  const isToday = date.toDateString() === new Date().toDateString();
  const time = /** @type {HTMLTimeElement} */ (make('time'));
  time.dateTime = date.toISOString();
  time.title = date.toLocaleString();
  time.textContent = date.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' });
  if (!isToday)
    time.textContent = `${date.toLocaleDateString([], { weekday: 'short' })} ${time.textContent}`;
  return time;
}

/**
 * @param {{ id: string, from: string, name: string, colour: number, text: string, at: number }} message
 * @param {boolean} isOwn
 */
export function messageItem({ id, from, name, colour, text, at }, isOwn) {
  const item = make('li', isOwn ? 'message own' : 'message');
  Object.assign(item.dataset, { id, from, at });
  paint(item, colour);
  const by = make('p', 'by');
  // One's own messages look different; the name is there for screen readers.
  by.append(make('bdi', isOwn ? 'name visually-hidden' : 'name', name), ' ', clock(at));
  const words = make('p', 'text');
  words.append(...linkify(text));
  words.dir = 'auto';
  const bubble = make('div', 'bubble');
  bubble.append(by, words);
  item.append(avatar(name), bubble);
  return item;
}

/** @param {string} text @param {{ person?: { name: string, colour: number }, at?: number }} [about] */
export function noticeItem(text, { person, at } = {}) {
  const item = make('li', 'notice');
  if (person !== undefined) {
    const who = make('bdi', 'name', person.name);
    paint(who, person.colour);
    item.append(who, ' ');
  }
  item.append(text);
  if (at !== undefined) item.append(' ', clock(at));
  return item;
}

/** Puts an item at the end of the log, and joins it to the one before if they belong together. */
export function append(/** @type {HTMLElement} */ log, /** @type {HTMLElement} */ item) {
  const last = /** @type {HTMLElement | null} */ (log.lastElementChild);
  const follows =
    item.dataset.from !== undefined &&
    item.dataset.from === last?.dataset.from &&
    Number(item.dataset.at) - Number(last?.dataset.at) < SAME_BREATH;
  if (follows) item.classList.add('follows');
  log.append(item);
  while (log.childElementCount > MOST_SHOWN) log.firstElementChild?.remove();
}

/**
 * A message that has not arrived yet, with the actions that its writer has.
 *
 * @param {import('./outbox.js').Item} item
 * @param {{ name: string, colour: number }} writer
 * @param {string} fate what its writer is told about it, or `''`
 * @param {{ edit: () => void, discard: () => void }} on
 */
export function waitingItem(item, { name, colour }, fate, on) {
  const element = messageItem({ ...item, from: 'waiting', name, colour }, true);
  element.classList.add('follows', item.problem === undefined ? 'pending' : 'failed');
  if (fate === '') return element;
  const line = make('p', 'fate', `${fate} `);
  for (const [label, act] of /** @type {const} */ ([
    ['Edit', on.edit],
    ['Discard', on.discard],
  ])) {
    const button = /** @type {HTMLButtonElement} */ (make('button', 'link', label));
    button.type = 'button';
    button.addEventListener('click', act);
    line.append(button, ' ');
  }
  element.querySelector('.bubble')?.append(line);
  return element;
}

/** @param {HTMLElement} list @param {Iterable<{ id: string, name: string, colour: number }>} people @param {string} you */
export function showPeople(list, people, you) {
  const items = [...people].map(({ id, name, colour }) => {
    const item = make('li');
    paint(item, colour);
    item.append(avatar(name), make('bdi', 'name', name));
    if (id === you) item.append(make('span', 'you', 'you'));
    return item;
  });
  list.replaceChildren(...items);
}

/** @param {HTMLElement} list @param {{ name: string, people: number, unread: number }[]} rooms @param {string} current */
export function showRooms(list, rooms, current) {
  const items = rooms.map(({ name, people, unread }) => {
    const link = /** @type {HTMLAnchorElement} */ (make('a'));
    link.href = `#${encodeURIComponent(name)}`;
    if (name === current) link.setAttribute('aria-current', 'page');
    link.append(make('bdi', 'name', name));
    if (unread > 0) {
      const mark = make('span', 'unread', unread > 99 ? '99+' : String(unread));
      mark.append(
        make('span', 'visually-hidden', unread === 1 ? ' unread message,' : ' unread messages,'),
      );
      link.append(' ', mark);
    }
    const count = make('span', 'count', String(people));
    count.append(make('span', 'visually-hidden', people === 1 ? ' person' : ' people'));
    link.append(' ', count);
    const item = make('li');
    item.append(link);
    return item;
  });
  list.replaceChildren(...items);
}

/** @param {HTMLElement} list a `dl` @param {string[][]} pairs */
export function definitions(list, pairs) {
  list.replaceChildren(
    ...pairs.map(([term = '', words = '']) => {
      const line = make('div');
      line.append(make('dt', '', term), make('dd', '', words));
      return line;
    }),
  );
}
