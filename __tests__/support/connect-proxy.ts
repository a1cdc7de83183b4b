import { createServer, type IncomingMessage, type Server } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import { connect, type Socket } from 'node:net';
import { CERTIFICATE } from './certificate.js';
import { listen } from './server.js';

/** An HTTP proxy that knows CONNECT alone, and leads every target to one port of this machine. */
export interface ConnectProxy {
  readonly port: number;
  readonly requests: IncomingMessage[];
}

/** @param to the port that everything is led to. */
export async function connectProxy(to: number, isSecure = false): Promise<ConnectProxy> {
  const requests: IncomingMessage[] = [];
  const server: Server = isSecure ? createSecureServer(CERTIFICATE) : createServer();
  server.on('connect', (request: IncomingMessage, client: Socket, head: Buffer) => {
    requests.push(request);
    const target = connect(to, '127.0.0.1', () => {
      client.write('HTTP/1.1 200 Connection established\r\n\r\n');
      target.write(head);
      target.pipe(client).pipe(target);
    });
    for (const [one, other] of [
      [client, target],
      [target, client],
    ] as const) {
      one.on('error', () => {});
      one.on('close', () => other.destroy());
    }
  });
  return { port: await listen(server), requests };
}
