// faye-websocket.
import { HIGH_WATER_MARK, listen, load, LONGEST_MESSAGE, requested, versionOf } from './common.mjs';

const WebSocket = load('faye-websocket');

export function claim() {
  return { version: versionOf('faye-websocket'), mode: 'pure JavaScript' };
}

/** @type {import('./host.mjs').Peer['serve']} */
export function serve({ kind, messages }) {
  const clients = new Set();
  return listen((server) => {
    server.on('upgrade', (request, socket, head) => {
      const ws = new WebSocket(request, socket, head, [], { maxLength: LONGEST_MESSAGE });
      clients.add(ws);
      ws.on('close', () => clients.delete(ws));
      ws.on('message', ({ data }) => {
        if (kind === 'echo') ws.send(data);
        else if (kind === 'stream') stream(ws, socket, requested(data));
        else for (const message of messages) for (const client of clients) client.send(message);
      });
    });
  });

  /** The library says nothing about backpressure: the socket has to be asked. */
  function stream(ws, socket, count) {
    let sent = 0;
    const go = () => {
      while (sent < count && socket.writableLength < HIGH_WATER_MARK) {
        ws.send(messages[sent++ % messages.length]);
      }
      if (sent < count) socket.once('drain', go);
    };
    go();
  }
}
