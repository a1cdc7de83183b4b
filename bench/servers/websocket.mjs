// `websocket` (WebSocket-Node).
import { isLoaded, listen, load, LONGEST_MESSAGE, requested, versionOf } from './common.mjs';

const { server: WebSocketServer } = load('websocket');

export function claim() {
  return {
    version: versionOf('websocket'),
    mode: isLoaded('bufferutil')
      ? 'with bufferutil (native, its own dependency)'
      : 'pure JavaScript',
  };
}

/** @type {import('./host.mjs').Peer['serve']} */
export function serve({ kind, messages }) {
  return listen((server) => {
    const wss = new WebSocketServer({
      httpServer: server,
      autoAcceptConnections: true,
      keepalive: false,
      fragmentOutgoingMessages: false,
      maxReceivedFrameSize: LONGEST_MESSAGE,
      maxReceivedMessageSize: LONGEST_MESSAGE,
    });
    wss.on('connect', (connection) => {
      connection.on('message', (message) => {
        if (kind === 'echo') {
          if (message.type === 'utf8') connection.sendUTF(message.utf8Data);
          else connection.sendBytes(message.binaryData);
        } else if (kind === 'stream') {
          stream(connection, requested(message.binaryData));
        } else {
          for (const bytes of messages) wss.broadcastBytes(bytes);
        }
      });
    });

    function stream(connection, count) {
      let sent = 0;
      const go = () => {
        while (sent < count) {
          connection.sendBytes(messages[sent++ % messages.length]);
          if (connection.outputBufferFull) return;
        }
        connection.removeListener('drain', go);
      };
      connection.on('drain', go);
      go();
    }
  });
}
