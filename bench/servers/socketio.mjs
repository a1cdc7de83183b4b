// Socket.IO on ws, or on hawser by the interface of ws: SOCKETIO_ENGINE tells.
import { listen, load, versionOf } from './common.mjs';

const { Server } = load('socket.io');
const engines = {
  ws: async () => load('ws').WebSocketServer,
  'hawser-ws': async () => (await import('../../entries/ws.cjs')).default.WebSocketServer,
};
const name = /** @type {keyof typeof engines} */ (process.env.SOCKETIO_ENGINE ?? 'ws');
const wsEngine = await engines[name]();

export function claim() {
  return { version: versionOf('socket.io'), mode: `wsEngine: ${name}` };
}

/** @type {import('./host.mjs').Peer['serve']} */
export function serve({ kind, select, messages }) {
  const texts = messages.map((message) => message.toString('latin1'));
  return listen((server) => {
    const options = { wsEngine, transports: ['websocket'], pingInterval: 3_600_000 };
    const io = new Server(server, options);
    const all = select === 'topic' ? io.to('all') : io;
    io.on('connection', (socket) => {
      void socket.join('all');
      if (kind === 'echo') socket.on('message', (text) => socket.emit('message', text));
      else socket.on('message', () => texts.forEach((text) => all.emit('message', text)));
    });
  });
}
