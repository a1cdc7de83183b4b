// The page of the chat. Each part has a file: the link to the server (link.js), unsent messages
// (outbox.js), writing (composer.js), reading (reading.js), the view (view.js), and the drawer that
// shows how it works (hood.js). This file connects them.
import { Composer } from './composer.js';
import { Hood } from './hood.js';
import { Link } from './link.js';
import { Outbox, randomToken, recall, remember } from './outbox.js';
import { add, scrollToEnd, stayAtEnd } from './reading.js';
import './screen.js';
import { Sheet, uncover } from './sheets.js';
import { OthersTyping, OwnTyping } from './typing.js';
import { Unread } from './unread.js';
import { byId, messageItem, noticeItem, showPeople, showRooms, waitingItem } from './view.js';

/** @typedef {{ id: string, name: string, colour: number }} Person */

/** The server answers a message at once; when it does not, something is wrong with the link. */
const ANSWER_TIMEOUT = 4000;
/** Each process tells every two seconds which people it serves. One that is silent so long has died. */
const SILENCE = 10_000;

/** This visitor's secret. A connection that presents it belongs to the same person. */
const key = recall(sessionStorage, 'hawser-chat-key') || randomToken();
remember(sessionStorage, 'hawser-chat-key', key);

const link = new Link(new URL('/chat', location.href.replace(/^http/, 'ws')));
const outbox = new Outbox();
const composer = new Composer();
const hood = new Hood(link);
const unread = new Unread();
const ownTyping = new OwnTyping(() => isIn && link.send({ type: 'typing' }));
const othersTyping = new OthersTyping(byId('typing'));

let name = recall(localStorage, 'hawser-chat-name');
let room = roomInAddress();
/** @type {Person} */
let you = { id: '', name, colour: 0 };
/** The room whose conversation the log shows; empty before the first welcome. */
let shownRoom = '';
/** The server has said welcome, and would take a message now. */
let isIn = false;
/** The id of the message that waits for its answer. There is one at a time, which keeps the order. */
let inFlight = '';
/** @type {ReturnType<typeof setTimeout> | undefined} */
let answerTimer;
/** @type {ReturnType<typeof setInterval> | undefined} */
let countdownTimer;
/** Messages that arrived while the page was hidden. */
let unseen = 0;
/** @type {HTMLElement | undefined} the notice that nothing has been said, until something is */
let silence;
/** @type {Map<string, Person & { node?: string }>} */
const people = new Map();
/** The server's process that this page is connected to, if there are several. */
let node;
/** Whether the server reaches its other processes, if there are several. */
let broker;
/** @type {Map<string, number>} when another process last told which people it serves */
const toldAt = new Map();
/** @type {{ name: string, people: number, said: number }[]} */
let rooms = [];
/** People that were here when the connection was lost, and have not been seen since. */
let missing = new Set();

const door = byId('door');
const chat = byId('chat');
const log = byId('log');
const nameField = /** @type {HTMLInputElement} */ (byId('name'));
const roomField = /** @type {HTMLInputElement} */ (byId('room'));
const newRoom = /** @type {HTMLInputElement} */ (byId('new-room'));
const retry = /** @type {HTMLButtonElement} */ (byId('retry'));

new Sheet('panel', '(max-width: 52rem)');
new Sheet('hood', '(max-width: 74rem)').onchange = (isOpen) => {
  hood.show(isOpen);
  stayAtEnd();
};

// -- Coming and going ------------------------------------------------------------------------

// A reload does not leave the room: a visitor that was inside a moment ago joins again at once.
if (name !== '' && recall(sessionStorage, 'hawser-chat-inside') !== '') {
  room = outbox.items[0]?.room ?? room;
  goIn();
} else {
  showDoor();
}

function showDoor(problem = '') {
  link.close();
  leaveLine();
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
  composer.focus();
}

byId('leave').addEventListener('click', () => {
  uncover();
  if (!mayLeave()) return;
  log.replaceChildren();
  shownRoom = '';
  showDoor();
});

byId('open-room').addEventListener('submit', (event) => {
  event.preventDefault();
  const wanted = newRoom.value.trim();
  newRoom.value = '';
  if (wanted !== '') location.hash = encodeURIComponent(wanted);
  uncover();
});

byId('rooms').addEventListener('click', (event) => {
  if (/** @type {Element} */ (event.target).closest('a')) uncover();
});

// Every room has an address, so links, bookmarks and the Back button work.
addEventListener('hashchange', () => {
  const wanted = roomInAddress();
  if (chat.hidden) roomField.value = wanted;
  if (chat.hidden || wanted === room) return;
  uncover();
  if (!mayLeave()) return putRoomInAddress();
  room = wanted;
  isIn = false;
  askToJoin();
});

/** Unsent text belongs to this room. Leaving the room must not lose it silently. */
function mayLeave() {
  if (outbox.isEmpty) return true;
  composer.tell('Some messages are not sent yet. Wait for them, or discard them, before you go.');
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

/** Resets the state that belonged to the lost connection. */
function leaveLine() {
  isIn = false;
  inFlight = '';
  clearTimeout(answerTimer);
  clearInterval(countdownTimer);
  byId('status-countdown').textContent = '';
  othersTyping.clear();
  hood.enter(false);
}

link.onstate = ({ state, retryAt = 0, reason = '' }) => {
  leaveLine();
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
    composer.address(room);
    othersTyping.clear();
    missing = new Set(isReturn ? people.keys() : []);
    people.clear();
    node = message.node;
    toldAt.clear();
    for (const person of message.people) {
      people.set(person.id, { ...person, node });
      missing.delete(person.id);
    }
    // Not news, so not to be read out line by line.
    log.setAttribute('aria-busy', 'true');
    if (isReturn) notice('Connected again', { at: Date.now() });
    for (const said of message.history) showMessage(said);
    if (!isReturn && message.history.length === 0)
      silence = notice('Nothing has been said here yet. Send someone the address of this page.');
    log.setAttribute('aria-busy', 'false');
    if (!isReturn) scrollToEnd();
    hear.broker?.({ state: message.broker });
    showTitle();
    const last = message.history.at(-1);
    if (last !== undefined) unread.read(room, last.n);
    hear.rooms?.(message);
    flush();
    hood.enter(true);
  },

  said({ message, node: from }) {
    othersTyping.stop(message.from);
    const isNew = showMessage(message);
    if (from === node) unread.read(room, message.n); // each process counts its own
    if (message.id === inFlight) answered();
    if (isNew && document.hidden && message.from !== you.id) unseen++;
    showTitle();
  },

  refused({ id, reason, retryIn }) {
    if (id === undefined) {
      if (isIn) return hood.refused(reason);
      if (retryIn !== undefined) return void setTimeout(askToJoin, retryIn);
      if (shownRoom === '') return showDoor(reason);
      // Still in the room we came from.
      room = shownRoom;
      isIn = true;
      putRoomInAddress();
      return composer.tell(reason);
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

  joined({ person, at, node: from }) {
    // If the process that served this person has died, it could not tell that they left.
    const isKnown = people.has(person.id);
    people.set(person.id, { ...person, node: from });
    if (from !== node) toldAt.set(from, Date.now());
    drawPeople();
    // A reload is a leave and a join: one line about it is enough.
    const last = /** @type {HTMLElement | null} */ (log.lastElementChild);
    const justLeft = last?.dataset.left === person.id;
    if (justLeft) last?.remove();
    const isBack = missing.delete(person.id) || justLeft || isKnown;
    notice(isBack ? 'came back' : 'joined', { person, at });
  },

  left({ person, at, node: from }) {
    if (people.get(person.id)?.node !== from) return; // they are connected to another process now
    othersTyping.stop(person.id);
    people.delete(person.id);
    drawPeople();
    notice('left', { person, at }).dataset.left = person.id;
  },

  /** The people of this room that one process serves. */
  here({ people: list, node: from }) {
    if (from !== node) {
      toldAt.set(from, Date.now());
      const ids = new Set(list.map(({ id }) => id));
      removePeople((person) => person.node === from && !ids.has(person.id));
      for (const person of list) {
        missing.delete(person.id);
        if (people.get(person.id)?.node !== node) people.set(person.id, { ...person, node: from });
      }
    }
    const isSilent = (/** @type {string} */ one) => Date.now() - (toldAt.get(one) ?? 0) > SILENCE;
    for (const one of toldAt.keys()) {
      if (!isSilent(one)) continue;
      toldAt.delete(one);
      removePeople((person) => person.node === one);
    }
    drawPeople();
  },

  broker({ state }) {
    if (state === 'down' && broker !== 'down')
      notice('The other servers cannot be reached. Only people on this one read what you write.');
    if (state === 'up' && broker === 'down') notice('The other servers can be reached again.');
    broker = state;
  },

  rooms(message) {
    rooms = message.rooms;
    const current = rooms.find(({ name }) => name === room);
    if (current !== undefined) unread.read(room, current.said);
    drawPeople();
  },

  typing: ({ person }) => othersTyping.start(person),

  alive() {
    // That it came was the answer.
  },

  seen: (message) => hood.seen(message),
  ticket: (message) => hood.ticket(message),
  number: (message) => hood.number(message),
  burst: (message) => hood.burst(message),
};

link.onmessage = (message) => hear[message.type]?.(message);

// -- Writing ---------------------------------------------------------------------------------

composer.onsend = (words) => {
  if (outbox.isFull) return 'Too many messages are waiting already. This one stays here for now.';
  outbox.add(room, words);
  ownTyping.stop();
  drawWaiting();
  flush();
  scrollToEnd();
  return '';
};
composer.ontype = () => ownTyping.type();

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
      composer.focus();
    };
    const edit = () => {
      composer.edit(item.text);
      discard();
    };
    return waitingItem(item, you, fate, { edit, discard });
  });
  byId('waiting').replaceChildren(...items);
  stayAtEnd();
}

// -- Reading ---------------------------------------------------------------------------------

/** @returns {boolean} whether it was not shown already */
function showMessage(/** @type {any} */ message) {
  const isOwn = message.from === you.id;
  if (isOwn && outbox.remove(message.id)) drawWaiting();
  // After a reconnection the history brings some that are here already.
  if (log.querySelector(`[data-id="${CSS.escape(message.id)}"]`)) return false;
  silence?.remove();
  add(messageItem(message, isOwn));
  return true;
}

function removePeople(/** @type {(person: Person & { node?: string }) => boolean} */ isGone) {
  for (const person of [...people.values()]) if (isGone(person)) people.delete(person.id);
}

/** @param {string} words @param {{ person?: Person, at?: number }} [about] */
function notice(words, about) {
  const item = noticeItem(words, about);
  add(item);
  return item;
}

function drawPeople() {
  showPeople(byId('people'), people.values(), you.id);
  byId('people-count').textContent =
    people.size === 1 ? 'only you here' : `${people.size} people here`;
  // The list of rooms comes a little later than the news of one person in our own.
  const others = rooms
    .filter(({ name }) => name !== room)
    .map((other) => ({ ...other, unread: unread.count(other.name, other.said) }));
  const all = [{ name: room, people: people.size, unread: 0 }, ...others];
  showRooms(byId('rooms'), all, room);
  byId('panel-open').classList.toggle(
    'has-news',
    others.some((other) => other.unread > 0),
  );
}

document.addEventListener('visibilitychange', () => {
  if (!document.hidden) unseen = 0;
  showTitle();
});

function showTitle() {
  document.title = `${unseen > 0 ? `(${unseen}) ` : ''}#${shownRoom} · hawser chat`;
}
