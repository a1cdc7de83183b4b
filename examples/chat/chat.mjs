import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { WebSocketServer } from 'hawser';
import { Endings, Meter } from './hood.mjs';
import { burst as sendBurst, Floods } from './lab.mjs';
import { TokenBucket } from './limiter.mjs';
import { Rooms } from './rooms.mjs';
import { createWebServer } from './web-server.mjs';
import { MAX_TEXT, understand } from './words.mjs';

/** @typedef {import('./rooms.mjs').Room} Room */
/** @typedef {import('./rooms.mjs').Person} Person */

/** Close code of the older connection when the same visitor opens the room in another tab. */
const MOVED = 4001;
/** The list of rooms is sent to all visitors, so it is sent rarely and is short. */
const ROOM_LIST_PAUSE = 500;
const ROOM_LIST_LENGTH = 30;
/** How often each process tells the others which people it serves. */
const HERE_EVERY = 2000;
/** Messages that the page sends by itself, not its visitor. They have an allowance of their own. */
const BY_ITSELF = ['probe', 'typing', 'look'];

/**
 * The chat: a page and its conversations, on one server, which speaks HTTP/2 if it has a certificate (`tls`). A room is a topic. With a `broker` the rooms
 * are shared with other processes: what is published in one of them reaches the pages of all.
 *
 * @param options limits, each with a default; a test sets small ones
 */
export function createChat({
  burst = 10, // messages that a visitor may send at once,
  perSecond = 3, // and how many more become possible each second
  patience = 20, // refusals, after which a visitor is disconnected
  maxRooms = 200,
  maxPeople = 200,
  maxFloods = 4,
  historyLength = 100,
  historySize = 64 * 1024,
  keepEmpty = 5 * 60_000,
  maxPayload = 16 * 1024, // 2000 characters, each escaped as \uXXXX, and some reserve
  maxConnections = 1000,
  broker = /** @type {import('hawser').Broker | undefined} */ (undefined),
  tls = /** @type {{ cert: string, key: string | Buffer } | undefined} */ (undefined),
} = {}) {
  const { server, end } = createWebServer(tls);
  const wss = new WebSocketServer(/** @type {import('node:http').Server} */ (server), {
    path: '/chat',
    maxPayload,
    maxConnections,
    maxBufferedAmount: 1024 * 1024, // a page that reads this slowly will not catch up
    perMessageDeflate: { contextTakeover: 'both' }, // short messages that resemble each other
    maxRetained: 16 * 1024 * 1024,
    broker,
  });
  const rooms = new Rooms({ maxRooms, maxPeople, historyLength, historySize, keepEmpty });
  const endings = new Endings(maxConnections);
  const floods = new Floods(maxFloods);
  /** Tells the pages which of several processes a message is from. */
  const node = broker && `${process.pid}-${randomUUID()}`;
  const tellWhoIsHere = () => {
    for (const room of rooms.occupied) tellRoom(room, { type: 'here', people: peopleIn(room) });
  };
  const here = broker && setInterval(tellWhoIsHere, HERE_EVERY).unref();
  wss.on('brokerState', (state) => {
    wss.broadcast(JSON.stringify({ type: 'broker', state }));
  });
  /** @type {NodeJS.Timeout | undefined} */
  let roomList;

  wss.on('connection', (conn, request) => {
    const meter = new Meter(conn, request);
    const allowance = new TokenBucket({ capacity: burst, perSecond });
    const pageAllowance = new TokenBucket({ capacity: 30, perSecond: 15 });
    const strikes = new TokenBucket({ capacity: patience, perSecond: 1 });
    /** @type {Room | undefined} */
    let room;
    /** @type {Person | undefined} */
    let me;
    /** @type {ReturnType<Floods['announce']>} */
    let myFlood;

    conn.on('message', (data) => {
      // close() does not stop queued messages: a flood continues until the peer has answered.
      if (conn.readyState !== 'open') return;
      const said = understand(data);
      const id = said?.type === 'say' ? said.id : undefined;
      const bucket = BY_ITSELF.includes(said?.type ?? '') ? pageAllowance : allowance;
      if (!bucket.take()) {
        if (!strikes.take()) void conn.close(1008, 'Too many messages');
        else refuse('You are sending too fast. Wait a moment.', id, bucket.wait);
      } else if (said === undefined) refuse('The server did not understand that.');
      else answer[said.type](/** @type {any} */ (said));
    });

    conn.on('close', (code, reason, info) => {
      if (room === undefined || me === undefined) return;
      endings.note(me.id, info);
      // Unless another connection has taken this visitor's place.
      if (room.people.get(me.id) === me) depart(room, me);
    });

    /** @type {Record<import('./words.mjs').Words['type'], (said: any) => void>} */
    const answer = {
      join,
      say,
      typing() {
        if (room && me) tellRoom(room, { type: 'typing', person: shown(me) }, { except: conn });
      },
      probe: () => tell(conn, { type: 'alive' }),

      // From here on: requests of the drawer "Under the hood".
      look() {
        const { figures } = meter;
        const flood = myFlood?.flood.figures;
        tell(conn, {
          type: 'seen',
          figures,
          flood,
          ending: endings.of(me?.id),
          stats: wss.stats(),
        });
      },
      drop: () => conn.terminate(),
      async burst() {
        const report = await sendBurst(conn);
        if (report !== undefined) tell(conn, { type: 'burst', ...report });
      },
      slow() {
        // The second connection could come to another process, which does not know the ticket.
        if (broker) return refuse('This one needs a chat of one process: npm start.');
        myFlood = floods.announce();
        if (myFlood === undefined) refuse('Others are trying this now. Try again in a moment.');
        else tell(conn, { type: 'ticket', ticket: myFlood.ticket });
      },
      flood({ ticket }) {
        if (!floods.start(ticket, conn)) void conn.close(1008, 'No such ticket');
      },
    };

    /** @param {import('./words.mjs').Join} wish */
    function join(wish) {
      if (wish.name === '') return refuse('A name needs at least one letter that can be seen.');
      if (wish.room === '') return refuse('A room needs a name.');
      const next = rooms.open(wish.room);
      if (next === undefined) return refuse('There are too many rooms now. Choose an open one.');

      // The visitor may still be here: in another tab, or on a link that broke unnoticed.
      const id = publicId(wish.key);
      const before = next.people.get(id);
      const isBack = before !== undefined && before.wish === wish.name;
      if (before === undefined && next.isFull) return refuse('This room is full.');
      if (before !== undefined && before.conn !== conn) {
        before.conn.unsubscribe(topicOf(next));
        void before.conn.close(MOVED, 'Moved');
      }
      if (before !== undefined && !isBack) depart(next, before);
      if (room !== undefined && me !== undefined && me !== before) depart(room, me);

      const name = isBack ? before.name : next.freeName(wish.name);
      const colour = isBack ? before.colour : next.freeColour(id, name);
      room = next;
      me = { id, name, wish: wish.name, colour, conn };
      rooms.enter(room, me);
      tell(conn, {
        type: 'welcome',
        room: room.name,
        you: shown(me),
        people: peopleIn(room),
        history: broker ? [] : room.history,
        rooms: rooms.busiest(ROOM_LIST_LENGTH),
        node,
        broker: wss.stats().broker?.state,
      });
      conn.subscribe(topicOf(room)); // with a broker: and get what the topic has retained
      if (isBack) return; // the others did not notice, and do not need to
      tellRoom(room, { type: 'joined', person: shown(me), at: Date.now() }, { except: conn });
      announceRooms();
    }

    /** @param {import('./words.mjs').Say} words */
    function say({ id, text }) {
      if (room === undefined || me === undefined) return refuse('Join a room first.', id);
      if (text === '') return refuse('There was nothing in it.', id);
      if ([...text].length > MAX_TEXT) {
        return refuse(`A message has at most ${MAX_TEXT} characters.`, id);
      }
      const { id: from, name, colour } = me;
      const message = { id, from, name, colour, text, at: Date.now(), n: room.said + 1 };
      // A repeated message: its answer got lost with a connection, and the others already have it.
      if (room.has(id)) return tell(conn, { type: 'said', message });
      room.remember(message);
      // Only the topic knows what was said on other processes, so it keeps the history if there are any.
      tellRoom(room, { type: 'said', message }, broker && { key: id, retain: true });
      if (rooms.size > 1) announceRooms(); // the others mark this room as unread
    }

    /** @param {string} reason @param {string} [id] of the message @param {number} [retryIn] ms */
    function refuse(reason, id, retryIn) {
      tell(conn, { type: 'refused', reason, id, retryIn });
    }
  });

  /** @param {Room} room @param {Person} person */
  function depart(room, person) {
    rooms.leave(room, person);
    person.conn.unsubscribe(topicOf(room));
    tellRoom(room, { type: 'left', person: shown(person), at: Date.now() });
    announceRooms();
  }

  /** @param {Person['conn']} conn @param {object} message */
  function tell(conn, message) {
    conn.send(JSON.stringify(message));
  }

  /** @param {Room} room @param {object} message @param {import('hawser').PublishOptions} [options] */
  function tellRoom(room, message, options) {
    wss.publish(topicOf(room), JSON.stringify({ ...message, node }), options);
  }

  /** If a hundred people join within a moment, one new list is sent, not a hundred. */
  function announceRooms() {
    roomList ??= setTimeout(() => {
      roomList = undefined;
      wss.broadcast(JSON.stringify({ type: 'rooms', rooms: rooms.busiest(ROOM_LIST_LENGTH) }));
    }, ROOM_LIST_PAUSE).unref();
  }

  return {
    server,

    /** @param {{ port: number, host: string }} where @returns {Promise<number>} the port */
    async listen({ port, host }) {
      server.listen(port, host);
      await once(server, 'listening'); // rejects with the 'error' if there is one
      return /** @type {import('node:net').AddressInfo} */ (server.address()).port;
    },

    /** Refuses new visitors and closes the others with 1001, so that their pages try again. */
    async close() {
      const closed = new Promise((resolve) => server.close(resolve));
      clearTimeout(roomList);
      clearInterval(here);
      const report = await wss.close({ timeout: 3000 });
      end(); // page requests that are still being answered
      await closed;
      return report;
    },
  };
}

function topicOf(/** @type {Room} */ room) {
  return `room/${room.name}`;
}

function peopleIn(/** @type {Room} */ room) {
  return [...room.people.values()].map(shown);
}

/** The data of a person that others may see. */
function shown(/** @type {Person} */ { id, name, colour }) {
  return { id, name, colour };
}

/** An id that others may see. It must not reveal the visitor's secret key. */
function publicId(/** @type {string} */ key) {
  return createHash('sha256').update(key).digest('base64url').slice(0, 12);
}
