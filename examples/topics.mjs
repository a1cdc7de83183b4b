// Rooms. A client sends {"join":"harbour"}, {"leave":"harbour"} or {"say":"hello","in":"harbour"}; all others
// in the room get what it says. The server announces the first and the last person of a room.
import { WebSocketServer } from 'hawser';

const ROOMS = new Set(['harbour', 'bridge', 'galley']); // a client must not make up topics of its own

const wss = new WebSocketServer({
  port: Number(process.env.PORT ?? 8080),
  host: '127.0.0.1',
  maxPayload: 4096,
});

wss.on('topicActive', (room) => console.log(`${room}: has its first visitor`));
wss.on('topicIdle', (room) => console.log(`${room}: empty`));

wss.on('connection', (conn) => {
  conn.on('message', (message) => {
    const request = parse(String(message));
    const { join, leave, say, in: room } = request;
    if (ROOMS.has(join)) conn.subscribe(join);
    if (ROOMS.has(leave)) conn.unsubscribe(leave);
    if (typeof say === 'string' && conn.topics.has(room)) {
      const count = wss.publish(room, JSON.stringify({ room, say }), { except: conn });
      conn.send(JSON.stringify({ deliveredTo: count, rooms: [...conn.topics] }));
    }
  });
});

/** What a client sent, or nothing if it is not an object in JSON. */
function parse(/** @type {string} */ text) {
  try {
    return Object(JSON.parse(text));
  } catch {
    return {};
  }
}

wss.on('listening', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (wss.address());
  console.log(`topics: ws://127.0.0.1:${port}`);
});
