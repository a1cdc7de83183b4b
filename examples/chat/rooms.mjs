/**
 * @typedef {object} Person
 * @property {string} id Public and stable: the same visitor has it again after a reconnection.
 * @property {string} name
 * @property {string} wish The name asked for: `name` may have got a number.
 * @property {number} colour One of the page's name colours, by its number.
 * @property {import('hawser').WebSocketConnection} conn
 *
 * @typedef {object} Message
 * @property {string} id
 * @property {string} from the id of its writer
 * @property {string} name
 * @property {number} colour
 * @property {string} text
 * @property {number} at
 * @property {number} n How many messages this room has had, this one included.
 *
 * @typedef {object} Limits
 * @property {number} maxRooms
 * @property {number} maxPeople in one room
 * @property {number} historyLength messages that a room remembers
 * @property {number} historySize UTF-16 units that a room remembers, whatever their number
 * @property {number} keepEmpty milliseconds that an empty room remembers: long enough for a reload
 */

/** How many name colours the page has. */
const COLOURS = 10;

/** One room: its people and its last messages. */
export class Room {
  /** @type {Map<string, Person>} by id */
  people = new Map();
  /** @type {Message[]} the oldest first */
  history = [];
  /** The number of messages so far, remembered or not. A page uses it to count unread ones. */
  said = 0;
  /** @type {NodeJS.Timeout | undefined} */
  forget;
  #historySize = 0;
  #limits;

  constructor(/** @type {string} */ name, /** @type {Limits} */ limits) {
    this.name = name;
    this.#limits = limits;
  }

  get isFull() {
    return this.people.size >= this.#limits.maxPeople;
  }

  /** Whether this message was already sent. A page that got no answer sends it again. */
  has(/** @type {string} */ id) {
    return this.history.some((message) => message.id === id);
  }

  remember(/** @type {Message} */ message) {
    const { historyLength, historySize } = this.#limits;
    this.said = message.n;
    this.history.push(message);
    this.#historySize += message.text.length;
    while (this.history.length > historyLength || this.#historySize > historySize) {
      const oldest = this.history.shift();
      if (oldest === undefined) break;
      this.#historySize -= oldest.text.length;
    }
  }

  /** Names are unique in a room, against impersonation: a second Ada becomes "Ada 2". */
  freeName(/** @type {string} */ wanted) {
    const taken = new Set([...this.people.values()].map((person) => sameName(person.name)));
    let name = wanted;
    for (let n = 2; taken.has(sameName(name)); n++) name = `${wanted} ${n}`;
    return name;
  }

  /**
   * The colour that is farthest from those of the others in the room. If there are several, a colour
   * derived from the name decides. A writer that the room remembers gets the same colour again.
   */
  freeColour(/** @type {string} */ id, /** @type {string} */ name) {
    const taken = [...this.people.values()].map(({ colour }) => colour);
    const former = this.history.find(({ from }) => from === id)?.colour;
    if (former !== undefined && !taken.includes(former)) return former;

    const favourite = [...name].reduce((sum, letter) => sum + (letter.codePointAt(0) ?? 0), 0);
    const all = Array.from({ length: COLOURS }, (_, n) => (favourite + n) % COLOURS);
    const room = (/** @type {number} */ colour) =>
      Math.min(...taken.map((other) => distance(colour, other)));
    return all.reduce((best, colour) => (room(colour) > room(best) ? colour : best));
  }
}

/** Steps from one colour to another, around the circle of hues. */
function distance(/** @type {number} */ a, /** @type {number} */ b) {
  const steps = Math.abs(a - b);
  return Math.min(steps, COLOURS - steps);
}

/** All rooms. Everything about them has a limit, because any visitor can open a room by naming it. */
export class Rooms {
  /** @type {Map<string, Room>} */
  #rooms = new Map();
  #limits;

  constructor(/** @type {Limits} */ limits) {
    this.#limits = limits;
  }

  /** The room of that name, opened if necessary; `undefined` if there are too many rooms. */
  open(/** @type {string} */ name) {
    const known = this.#rooms.get(name);
    if (known !== undefined) return known;
    if (this.#rooms.size >= this.#limits.maxRooms && !this.#evictAnEmptyOne()) return undefined;
    const room = new Room(name, this.#limits);
    this.#rooms.set(name, room);
    return room;
  }

  enter(/** @type {Room} */ room, /** @type {Person} */ person) {
    clearTimeout(room.forget);
    room.people.set(person.id, person);
  }

  leave(/** @type {Room} */ room, /** @type {Person} */ person) {
    room.people.delete(person.id);
    if (room.people.size > 0) return;
    clearTimeout(room.forget);
    room.forget = setTimeout(() => this.#rooms.delete(room.name), this.#limits.keepEmpty).unref();
  }

  /** The rooms with people. */
  get occupied() {
    return [...this.#rooms.values()].filter((room) => room.people.size > 0);
  }

  /** The rooms with people, for the list in the page, the busiest first. */
  busiest(/** @type {number} */ count) {
    return this.occupied
      .map((room) => ({ name: room.name, people: room.people.size, said: room.said }))
      .sort((a, b) => b.people - a.people || (a.name < b.name ? -1 : 1))
      .slice(0, count);
  }

  get size() {
    return this.#rooms.size;
  }

  #evictAnEmptyOne() {
    for (const room of this.#rooms.values()) {
      if (room.people.size > 0) continue;
      clearTimeout(room.forget);
      return this.#rooms.delete(room.name);
    }
    return false;
  }
}

function sameName(/** @type {string} */ name) {
  return name
    .normalize('NFKC')
    .replace(/[\u200C\u200D]/g, '')
    .toLowerCase();
}
