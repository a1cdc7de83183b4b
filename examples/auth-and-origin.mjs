// Who may come in: pages of known origins only, and visitors with a valid token only.
//
// A browser sends cookies along with every WebSocket that any page opens, and no CORS check stands
// in between. That is why hawser accepts only the page's own origin unless it is told of others.
import { createServer } from 'node:http';
import { UpgradeRejection, WebSocketServer } from 'hawser';

// A real program asks a database, or checks a signature.
const sessions = new Map([
  ['s3cret', { name: 'Ada', role: 'captain' }],
  ['0ther', { name: 'Bo', role: 'deckhand' }],
]);

/** @typedef {{ name: string, role: string }} User */

const server = createServer();
/** @type {WebSocketServer<User>} */
const wss = new WebSocketServer(server, {
  origin: ['https://app.example', 'http://localhost:3000'],

  // May take its time: what the client sends meanwhile is kept, and `signal` aborts if it leaves.
  async authorize(request, { signal }) {
    const token = /(?:^|;\s*)session=([^;]*)/.exec(request.headers.cookie ?? '')?.[1] ?? '';
    const user = await findUser(token, signal);
    if (user === undefined) {
      throw new UpgradeRejection(401, {
        headers: { 'WWW-Authenticate': 'Cookie realm="harbour"' },
        body: 'Log in first.',
      });
    }
    return { context: user };
  },
});

wss.on('connection', (conn) => {
  // `context` has the type of what authorize returned: User here, never undefined.
  conn.send(`Welcome, ${conn.context.role} ${conn.context.name}.`);
});
wss.on('rejected', ({ status, reason }) => console.log('rejected', status, reason));

/** @param {string} token @param {AbortSignal} signal @returns {Promise<User | undefined>} */
async function findUser(token, signal) {
  signal.throwIfAborted();
  return sessions.get(token);
}

server.listen(Number(process.env.PORT ?? 8080), '127.0.0.1', () => {
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  console.log(`auth-and-origin: ws://127.0.0.1:${port}`);
});
