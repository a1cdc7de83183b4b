/** A WebSocket of hawser/ws over TCP, and the bare client at its other end. */
import { once } from 'node:events';
import { createServer, type AddressInfo, type Socket } from 'node:net';
import type { ConnectionOptions } from '../../src/ws/hawser-options.js';
import { WebSocket } from '../../src/ws/web-socket.js';
import { RawClient } from './raw-client.js';
import { later } from './server.js';

export interface WsWorld {
  readonly webSocket: WebSocket;
  /** The WebSocket's own socket. */
  readonly socket: Socket;
  readonly client: RawClient;
  /** Opens the WebSocket, if it was made with `isOpen: false`. */
  open(): void;
}

/** A server's WebSocket, opened by `setSocket`. */
export async function wsWorld(
  options: ConnectionOptions = {},
  { isOpen = true }: { isOpen?: boolean } = {},
): Promise<WsWorld> {
  const server = createServer({ allowHalfOpen: true }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const client = await RawClient.connect((server.address() as AddressInfo).port);
  const [socket] = await accepted;
  server.close();
  later(() => {
    client.destroy();
    socket.destroy();
  });
  socket.write('HTTP/1.1 101 Switching Protocols\r\n\r\n');
  await client.response();
  const webSocket = new WebSocket(null);
  const open = (): void => {
    webSocket.setSocket(socket, Buffer.alloc(0), options);
  };
  if (isOpen) open();
  return { webSocket, socket, client, open };
}
