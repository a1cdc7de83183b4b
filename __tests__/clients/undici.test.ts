import { type MessageEvent, ping, WebSocket } from 'undici';
import { subscribe } from 'node:diagnostics_channel';
import { compressedTraffic } from './compressed-traffic.js';
import { conversations } from './conversations.js';
import { Inbox, type Message } from '../support/host.js';
import type { Ended, Peer } from './peer.js';

/** undici tells of Pongs only there. */
const pongs = new Inbox<string>();
subscribe('undici:websocket:pong', (told) => {
  pongs.put((told as { payload: Buffer }).payload.toString());
});

async function open(url: string, subprotocols: string[] = []): Promise<Peer> {
  const socket = new WebSocket(url, subprotocols);
  socket.binaryType = 'arraybuffer';
  const inbox = new Inbox<Message>();
  socket.addEventListener('message', ({ data }: MessageEvent) => {
    inbox.put(typeof data === 'string' ? data : Buffer.from(data as ArrayBuffer));
  });
  const ended = new Promise<Ended>((done) => {
    socket.addEventListener('close', ({ code, reason }) => {
      done({ code, reason });
    });
  });
  await new Promise<void>((opened, failed) => {
    socket.addEventListener('open', () => {
      opened();
    });
    socket.addEventListener('error', () => {
      failed(new Error('undici could not connect'));
    });
  });
  return {
    subprotocol: socket.protocol,
    send: async (...messages) => {
      for (const message of messages) socket.send(message);
    },
    receive: (count) => inbox.take(count),
    close: async (code, reason) => {
      socket.close(code, reason);
    },
    ended: () => ended,
    ping: async (payload) => {
      ping(socket, Buffer.from(payload));
      expect(await pongs.take(1)).toEqual([payload]);
    },
  };
}

describe('undici talks with hawser', () => {
  conversations(open, {
    pings: true,
    fragments: false,
    closesWithoutCode: true,
    keepsBom: false,
    leavesWith: undefined,
  });
});

describe('undici reads compressed messages from hawser', () => {
  const windows = [8, 9, 10, 11, 12, 13, 14, 15];
  // It offers, but compresses nothing itself.
  compressedTraffic(open, { compresses: false, offers: [undefined], windows, messages: 60 });
});
