import { type ClientOptions, type PerMessageDeflateOptions, type RawData, WebSocket } from 'ws';
import { Inbox, type Message } from '../support/host.js';
import type { DeflateOffer, Ended, Peer } from './peer.js';

/** A connection of `ws`. */
export async function openWs(
  url: string,
  subprotocols: string[] = [],
  offer?: DeflateOffer,
  options: ClientOptions = {},
): Promise<Peer> {
  // Its types do not know that `true` makes it offer the parameter without a value.
  const perMessageDeflate = {
    ...(offer ?? { clientMaxWindowBits: true }),
    threshold: 0,
  } as PerMessageDeflateOptions;
  const socket = new WebSocket(url, subprotocols, { perMessageDeflate, ...options });
  const inbox = new Inbox<Message>();
  const pongs = new Inbox<string>();
  socket.on('message', (data: RawData, isBinary: boolean) => {
    inbox.put(isBinary ? (data as Buffer) : (data as Buffer).toString());
  });
  socket.on('pong', (payload: Buffer) => pongs.put(payload.toString()));
  const ended = new Promise<Ended>((done) => {
    socket.on('close', (code, reason) => {
      done({ code, reason: reason.toString() });
    });
  });
  await new Promise<void>((opened, failed) => {
    socket.once('open', opened);
    socket.on('error', failed); // after 'open' it changes nothing
  });
  const send = (data: Message, fin = true): Promise<void> =>
    new Promise((sent, failed) => {
      socket.send(data, { fin }, (error) => {
        if (error) failed(error);
        else sent();
      });
    });
  return {
    subprotocol: socket.protocol,
    send: async (...messages) => {
      await Promise.all(messages.map((message) => send(message)));
    },
    receive: (count) => inbox.take(count),
    close: async (code, reason) => {
      socket.close(code, reason);
    },
    ended: () => ended,
    ping: async (payload) => {
      socket.ping(payload);
      expect(await pongs.take(1)).toEqual([payload]);
    },
    sendFragments: async (fragments) => {
      await Promise.all(fragments.map((one, i) => send(one, i === fragments.length - 1)));
    },
    leave: async () => {
      socket.terminate();
    },
  };
}
