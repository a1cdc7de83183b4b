// Access control: only pages of known origins, and only visitors with a valid session, may connect.
//
// A browser sends cookies along with every WebSocket that any page opens, without a CORS check. That
// is why hawser accepts only its own origin unless you list others.
import { createServer } from 'node:http';
import { UpgradeRejection, WebSocketServer } from 'hawser';

// A real program queries a database, or verifies a signature.
const sessions = new Map([
  ['s3cret', { name: 'Ada', role: 'captain' }],
  ['0ther', { name: 'Bo', role: 'deckhand' }],
]);

/** @typedef {{ name: string, role: string }} User */

const server = createServer();
/** @type {WebSocketServer<User>} */
const wss = new WebSocketServer(server, {
  origin: ['https://app.example', 'http://localhost:3000'],

  // This may take a while: hawser keeps what the client sends meanwhile, and `signal` aborts if the
  // client leaves.
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
  // `context` has the type that authorize returns: here User, never undefined.
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
