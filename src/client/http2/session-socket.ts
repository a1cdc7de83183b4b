import { once } from 'node:events';
import type { RequestOptions } from 'node:https';
import type { Duplex } from 'node:stream';
import { ignoreErrors } from '../../server/socket-errors.js';
import type { Address } from '../address.js';
import { checkedMaker, openSecureSocket, openSocket } from '../connect-socket.js';
import { ProxyTunnel } from '../proxy-tunnel.js';

/** How a session reaches its server. */
export interface SessionWay {
  readonly address: Address;
  /** The options of sockets: those of TLS and of `net.connect`, and `createConnection`. */
  readonly transport: RequestOptions;
  readonly socketPath: string | undefined;
  readonly proxy: URL | 'env' | undefined;
}

/** A socket that is, or becomes, connected; `secureConnecting` and `alpnProtocol` are those of TLS. */
type SessionSocket = Duplex & {
  readonly connecting?: boolean;
  readonly secureConnecting?: boolean;
  readonly alpnProtocol?: string | false | null;
  setNoDelay?(on: boolean): unknown;
};

/** Opens the socket of one session. */
export class SocketOpener {
  readonly #way: SessionWay;
  readonly #tunnel: ProxyTunnel | undefined;
  #socket: SessionSocket | undefined;
  #isOver = false;

  constructor(way: SessionWay) {
    this.#way = way;
    this.#tunnel = way.proxy === undefined ? undefined : new ProxyTunnel(way.proxy, process.env);
  }

  /** @returns the socket, which ignores its errors. Rejects if the server is not reached, or chooses another protocol. */
  async open(): Promise<SessionSocket> {
    const { secure } = this.#way.address;
    const socket = (this.#socket = await this.#make());
    ignoreErrors(socket);
    if (this.#isOver) socket.destroy();
    if (secure ? socket.secureConnecting : socket.connecting) {
      await once(socket, secure ? 'secureConnect' : 'connect');
    }
    if (secure && socket.alpnProtocol !== 'h2') {
      throw new Error(
        `the server does not speak HTTP/2: in the TLS handshake it did not choose h2 (RFC 9113 section 3.2)`,
      );
    }
    socket.setNoDelay?.(true);
    return socket;
  }

  /** Give up, or free the socket. */
  destroy(): void {
    this.#isOver = true;
    this.#tunnel?.destroy();
    this.#socket?.destroy();
  }

  #make(): Promise<SessionSocket> {
    const { address, transport, socketPath } = this.#way;
    const { createConnection } = transport;
    const create =
      (createConnection && checkedMaker(createConnection)) ??
      this.#tunnel?.connectionTo(address) ??
      (address.secure ? openSecureSocket : openSocket);
    return new Promise((resolve, reject) => {
      const socket = create(
        {
          ...transport,
          host: address.host,
          port: address.port,
          socketPath,
          ALPNProtocols: ['h2'],
        } as never,
        (error: Error | null, made: SessionSocket) => {
          if (error === null) resolve(made);
          else reject(error);
        },
      );
      if (socket) resolve(socket);
    });
  }
}
