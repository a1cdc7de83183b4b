// The page of the chat. It keeps three things apart: the link to the server (link.js), what is not
// sent yet (outbox.js), and what is to be seen (view.js). This file lets them meet.
import { Link } from './link.js';
import { Outbox, randomToken, recall, remember } from './outbox.js';
import {
  append,
  byId,
  messageItem,
  noticeItem,
  showPeople,
  showRooms,
  waitingItem,
} from './view.js';

const MAX_TEXT = 2000;
/** The server answers a message at once; when it does not, something is wrong with the link. */
const ANSWER_TIMEOUT = 4000;

/** This visitor's secret: whoever shows it again is the same person, not a second one. */
const key = recall(sessionStorage, 'hawser-chat-key') || randomToken();
remember(sessionStorage, 'hawser-chat-key', key);

const link = new Link(new URL('/chat', location.href.replace(/^http/, 'ws')));
const outbox = new Outbox();

let name = recall(localStorage, 'hawser-chat-name');
let room = roomInAddress();
let you = { id: '', name };
/** Whose conversation the log shows; empty before the first welcome. */
let shownRoom = '';
/** The server has said welcome, and would take a message now. */
let isIn = false;
/** The id of the message that waits for its answer: one at a time, so that the order is kept. */
let inFlight = '';
/** @type {ReturnType<typeof setTimeout> | undefined} */
let answerTimer;
/** @type {ReturnType<typeof setInterval> | undefined} */
let countdownTimer;
let unread = 0;
/** @type {HTMLElement | undefined} the notice that nothing has been said, until something is */
let silence;
let isAtEnd = true;
/** @type {Map<string, { id: string, name: string }>} */
const people = new Map();
/** @type {{ name: string, people: number }[]} */
let rooms = [];
/** Who was here when the connection was lost, and has not been seen since. */
let missing = new Set();

const door = byId('door');
const chat = byId('chat');
const log = byId('log');
const scroller = byId('scroller');
const text = /** @type {HTMLTextAreaElement} */ (byId('text'));
const nameField = /** @type {HTMLInputElement} */ (byId('name'));
const roomField = /** @type {HTMLInputElement} */ (byId('room'));
const newRoom = /** @type {HTMLInputElement} */ (byId('new-room'));
const retry = /** @type {HTMLButtonElement} */ (byId('retry'));

// -- Coming and going ------------------------------------------------------------------------

// A reload is not a goodbye: whoever was inside a moment ago goes straight back in.
if (name !== '' && recall(sessionStorage, 'hawser-chat-inside') !== '') {
  room = outbox.items[0]?.room ?? room;
  goIn();
} else {
  showDoor();
}

function showDoor(problem = '') {
  link.close();
  isIn = false;
  remember(sessionStorage, 'hawser-chat-inside', '');
  chat.hidden = true;
  door.hidden = false;
  document.title = 'hawser chat';
  nameField.value = name;
  roomField.value = room;
  byId('join-problem').textContent = problem;
  (name === '' ? nameField : roomField).focus();
}

byId('join').addEventListener('submit', (event) => {
  event.preventDefault();
  name = nameField.value.trim();
  room = roomField.value.trim() || 'lobby';
  if (name === '') return nameField.focus();
  remember(localStorage, 'hawser-chat-name', name);
  goIn();
});

function goIn() {
  door.hidden = true;
  chat.hidden = false;
  byId('room-name').textContent = room;
  drawWaiting();
  link.open();
  text.focus();
}

byId('leave').addEventListener('click', () => {
  if (mayLeave()) {
    closePanel();
    log.replaceChildren();
    shownRoom = '';
    showDoor();
  }
});

byId('open-room').addEventListener('submit', (event) => {
  event.preventDefault();
  const wanted = newRoom.value.trim();
  newRoom.value = '';
  if (wanted !== '') location.hash = encodeURIComponent(wanted);
  closePanel();
});

// Every room is an address: links, bookmarks and the Back button work without further ado.
addEventListener('hashchange', () => {
  const wanted = roomInAddress();
  if (chat.hidden) roomField.value = wanted;
  if (chat.hidden || wanted === room) return;
  closePanel();
  if (!mayLeave()) return putRoomInAddress();
  room = wanted;
  isIn = false;
  askToJoin();
});

/** What is unsent belongs to this room; leaving it behind would be losing it without a word. */
function mayLeave() {
  if (outbox.isEmpty) return true;
  tellWriter('Some messages are not sent yet. Wait for them, or discard them, before you go.');
  return false;
}

function roomInAddress() {
  try {
    return decodeURIComponent(location.hash.slice(1)) || 'lobby';
  } catch {
    return 'lobby';
  }
}

function putRoomInAddress() {
  history.replaceState(null, '', `#${encodeURIComponent(room)}`);
}

// -- The link --------------------------------------------------------------------------------

function askToJoin() {
  link.send({ type: 'join', room, name, key });
}

link.onstate = ({ state, retryAt = 0, reason = '' }) => {
  isIn = false;
  inFlight = '';
  clearTimeout(answerTimer);
  clearInterval(countdownTimer);
  byId('status-countdown').textContent = '';
  retry.disabled = state === 'connecting' || state === 'open';
  if (state === 'open') return askToJoin();
  if (state === 'connecting') return showState('connecting', 'Connecting');

  const isOffline = state === 'waiting' && !navigator.onLine;
  if (state === 'stopped') showState('stopped', 'Disconnected');
  else showState(isOffline ? 'offline' : 'waiting', isOffline ? 'Offline' : 'Reconnecting');
  byId('trouble').hidden = false;
  byId('trouble-text').textContent =
    reason ||
    (isOffline ? 'This device seems to be offline. ' : 'The connection is lost. ') +
      'What you write is kept, and sent when it is back.';
  retry.textContent = state === 'stopped' ? 'Connect again' : 'Try now';
  if (state === 'waiting' && !isOffline) {
    const count = () => {
      const seconds = Math.max(1, Math.ceil((retryAt - Date.now()) / 1000));
      byId('status-countdown').textContent = `in ${seconds} s`;
    };
    count();
    countdownTimer = setInterval(count, 1000);
  }
  drawWaiting();
};

/** @param {string} state for the style sheet @param {string} words for the person */
function showState(state, words) {
  byId('status').dataset.state = state;
  // Written only when it changes: a screen reader reads out what is written.
  if (byId('status-text').textContent !== words) byId('status-text').textContent = words;
}

retry.addEventListener('click', () => link.open());

/** @type {Record<string, (message: any) => void>} */
const hear = {
  welcome(message) {
    const isReturn = shownRoom === message.room;
    if (!isReturn) log.replaceChildren();
    isIn = true;
    you = message.you;
    shownRoom = room = message.room;
    putRoomInAddress();
    remember(sessionStorage, 'hawser-chat-inside', 'yes');
    showState('open', 'Connected');
    byId('trouble').hidden = true;
    byId('room-name').textContent = room;
    text.placeholder = `Message #${room}`;
    missing = new Set(isReturn ? people.keys() : []);
    people.clear();
    for (const person of message.people) {
      people.set(person.id, person);
      missing.delete(person.id);
    }
    rooms = message.rooms;
    drawPeople();
    // Not news, so not to be read out line by line.
    log.setAttribute('aria-busy', 'true');
    for (const said of message.history) showMessage(said);
    if (isReturn) notice('Connected again', { at: Date.now() });
    else if (message.history.length === 0)
      silence = notice('Nothing has been said here yet. Send someone the address of this page.');
    log.setAttribute('aria-busy', 'false');
    if (!isReturn) scrollToEnd();
    showTitle();
    flush();
  },

  said({ message }) {
    showMessage(message);
    if (message.id === inFlight) answered();
    if (document.hidden && message.from !== you.id) unread++;
    showTitle();
  },

  refused({ id, reason, retryIn }) {
    if (id === undefined) {
      if (isIn) return;
      if (retryIn !== undefined) return void setTimeout(askToJoin, retryIn);
      if (shownRoom === '') return showDoor(reason);
      // Still in the room we came from.
      room = shownRoom;
      isIn = true;
      putRoomInAddress();
      return tellWriter(reason);
    }
    if (retryIn !== undefined) {
      clearTimeout(answerTimer);
      drawWaiting('Sending slowly: many messages at once.');
      setTimeout(() => {
        if (inFlight !== id) return;
        inFlight = '';
        flush();
      }, retryIn);
      return;
    }
    outbox.refuse(id, reason);
    if (id === inFlight) answered();
  },

  joined({ person, at }) {
    people.set(person.id, person);
    drawPeople();
    // A reload is a leaving and a coming; two lines about it would be one too many.
    const last = /** @type {HTMLElement | null} */ (log.lastElementChild);
    const justLeft = last?.dataset.left === person.id;
    if (justLeft) last?.remove();
    const isBack = missing.delete(person.id) || justLeft;
    notice(isBack ? 'came back' : 'joined', { name: person.name, at });
  },

  left({ person, at }) {
    people.delete(person.id);
    drawPeople();
    notice('left', { name: person.name, at }).dataset.left = person.id;
  },

  rooms(message) {
    rooms = message.rooms;
    drawPeople();
  },

  alive() {
    // That it came was the answer.
  },
};

link.onmessage = (message) => hear[message.type]?.(message);

// -- Writing ---------------------------------------------------------------------------------

byId('composer').addEventListener('submit', (event) => {
  event.preventDefault();
  const words = text.value.trim();
  if (words === '') return text.focus();
  if ([...words].length > MAX_TEXT) return text.focus(); // the counter says so
  if (outbox.isFull)
    return tellWriter('Too many messages are waiting already. This one stays here for now.');
  outbox.add(room, words);
  text.value = '';
  measure();
  drawWaiting();
  flush();
  scrollToEnd();
  text.focus();
});

text.addEventListener('keydown', (event) => {
  // While an input method composes a character, Enter belongs to the input method.
  if (event.key !== 'Enter' || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  /** @type {HTMLFormElement} */ (byId('composer')).requestSubmit();
});

text.addEventListener('input', measure);

/** As tall as what is in it, and a counter when the end comes near. */
function measure() {
  text.style.height = 'auto';
  text.style.height = `${text.scrollHeight}px`;
  const length = [...text.value.trim()].length;
  const isLong = length > MAX_TEXT;
  tellWriter(length > MAX_TEXT * 0.9 ? `${length} of ${MAX_TEXT} characters` : '', isLong);
  text.setAttribute('aria-invalid', String(isLong));
}

function tellWriter(/** @type {string} */ words, isProblem = words !== '') {
  byId('count').textContent = words;
  byId('count').classList.toggle('problem', isProblem);
}

function flush() {
  const next = outbox.next;
  if (!isIn || inFlight !== '' || next === undefined) return;
  inFlight = next.id;
  link.send({ type: 'say', id: next.id, text: next.text });
  answerTimer = setTimeout(() => link.probe(), ANSWER_TIMEOUT);
}

function answered() {
  clearTimeout(answerTimer);
  inFlight = '';
  drawWaiting();
  flush();
}

function drawWaiting(fateOfSending = '') {
  const items = outbox.items.map((item) => {
    const fate = item.problem
      ? `Not sent. ${item.problem}`
      : isIn
        ? fateOfSending
        : 'Waiting for the connection.';
    const discard = () => {
      outbox.remove(item.id);
      drawWaiting();
      text.focus();
    };
    const edit = () => {
      text.value = [item.text, text.value].filter(Boolean).join('\n');
      discard();
      measure();
    };
    return waitingItem(item, you.name, fate, { edit, discard });
  });
  byId('waiting').replaceChildren(...items);
  if (isAtEnd) scrollToEnd();
}

// -- Reading ---------------------------------------------------------------------------------

function showMessage(/** @type {any} */ message) {
  const isOwn = message.from === you.id;
  if (isOwn && outbox.remove(message.id)) drawWaiting();
  // After a reconnection the history brings some that are here already.
  if (log.querySelector(`[data-id="${CSS.escape(message.id)}"]`)) return;
  silence?.remove();
  add(messageItem(message, isOwn));
}

/** @param {string} words @param {{ name?: string, at?: number }} [about] */
function notice(words, about) {
  const item = noticeItem(words, about);
  add(item);
  return item;
}

/** New lines never pull the page away from someone who is reading further up. */
function add(/** @type {HTMLElement} */ item) {
  append(log, item);
  if (isAtEnd) scrollToEnd();
  else if (item.classList.contains('message')) byId('jump-text').textContent = 'New messages';
}

function drawPeople() {
  showPeople(byId('people'), people.values(), you.id);
  byId('people-count').textContent =
    people.size === 1 ? 'only you here' : `${people.size} people here`;
  // The list of rooms comes a little later than the news of one person in our own.
  const others = rooms.filter(({ name }) => name !== room);
  showRooms(byId('rooms'), [{ name: room, people: people.size }, ...others], room);
}

function scrollToEnd() {
  scroller.scrollTop = scroller.scrollHeight;
  isAtEnd = true;
  showJump();
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
new ResizeObserver(() => isAtEnd && scrollToEnd()).observe(scroller);

byId('jump').addEventListener('click', () => {
  scrollToEnd();
  text.focus();
});

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) unread = 0;
  showTitle();
});

function showTitle() {
  document.title = `${unread > 0 ? `(${unread}) ` : ''}#${shownRoom} · hawser chat`;
}

// -- The panel with rooms and people: beside the conversation, or over it on a narrow screen ------

const panelOpen = byId('panel-open');

panelOpen.addEventListener('click', () => {
  chat.classList.add('panel-is-open');
  byId('scrim').hidden = false;
  byId('conversation').inert = true;
  panelOpen.setAttribute('aria-expanded', 'true');
  byId('panel-close').focus();
});

byId('panel-close').addEventListener('click', closePanel);
byId('scrim').addEventListener('click', closePanel);
byId('panel').addEventListener('click', (event) => {
  if (/** @type {Element} */ (event.target).closest('a')) closePanel();
});
addEventListener('keydown', (event) => event.key === 'Escape' && closePanel());

function closePanel() {
  if (!chat.classList.contains('panel-is-open')) return;
  chat.classList.remove('panel-is-open');
  byId('scrim').hidden = true;
  byId('conversation').inert = false;
  panelOpen.setAttribute('aria-expanded', 'false');
  panelOpen.focus();
}
