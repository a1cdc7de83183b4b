import { once } from 'node:events';
import { type ClientOptions, type RawData, WebSocket } from 'ws';

/** A client that others wrote (`ws`), with an inbox to wait on. */
export class Client {
  /** Messages not yet asked for: a string, or the bytes of a Binary message. */
  readonly inbox: (string | Buffer)[] = [];
  readonly socket: WebSocket;
  readonly closed: Promise<{ code: number; reason: string }>;
  #isClosed = false;
  #wake = () => {};

  constructor(url: string | URL, options: ClientOptions = {}) {
    this.socket = new WebSocket(url, options);
    this.socket.on('message', (data: RawData, isBinary) => {
      this.inbox.push(isBinary ? (data as Buffer) : (data as Buffer).toString());
      this.#wake();
    });
    // A reset is one of the ways in which a connection may end; the test looks at how it closed.
    this.socket.on('error', () => {});
    this.closed = new Promise((resolve) => {
      this.socket.on('close', (code, reason) => {
        this.#isClosed = true;
        this.#wake();
        resolve({ code, reason: String(reason) });
      });
    });
    clients.add(this);
  }

  static async open(url: string | URL, options?: ClientOptions): Promise<Client> {
    const client = new Client(url, options);
    await once(client.socket, 'open');
    return client;
  }

  send(data: string | Buffer): void {
    this.socket.send(data);
  }

  async next(): Promise<string | Buffer> {
    for (;;) {
      const message = this.inbox.shift();
      if (message !== undefined) return message;
      if (this.#isClosed) throw new Error('The connection closed before the next message.');
      await new Promise<void>((wake) => (this.#wake = wake));
    }
  }
}

/** What the chat says; which fields there are depends on `type`. */
export interface Said {
  type: string;
  room: string;
  you: Person;
  person: Person;
  people: Person[];
  history: Message[];
  message: Message;
  rooms: { name: string; people: number; said: number }[];
  id?: string;
  reason: string;
  retryIn?: number;
  ticket: string;
  figures: {
    seconds: number;
    extensions: string;
    bufferedAmount: number;
    sent: Traffic;
    received: Traffic;
  };
  flood?: {
    total: number;
    sent: number;
    held: number;
    peak: number;
    longestWait: number;
    isOver: boolean;
  };
  ending?: { code: number; initiator: string; clean: boolean; cause?: { code: string } };
  stats: Record<string, unknown>;
  n: number;
  count: number;
  turns: number;
}

interface Person {
  id: string;
  name: string;
  colour: number;
}

interface Traffic {
  messages: number;
  bytes: number;
  wire: number;
}

interface Message {
  id: string;
  from: string;
  name: string;
  colour: number;
  text: string;
  at: number;
  n: number;
}

let count = 0;
/** Names that no other visitor and no other message has. */
export const token = (): string => `token-${process.pid}-${++count}`;

/** A visitor of the chat. */
export class Visitor extends Client {
  readonly key = token();

  /** Connects and joins; what the server said in answer is `welcome`. */
  static async join(
    url: URL,
    name: string,
    { room = 'lobby', key = token() } = {},
  ): Promise<{ visitor: Visitor; welcome: Said }> {
    const visitor = await Visitor.connect(url);
    visitor.tell({ type: 'join', room, name, key });
    return { visitor, welcome: await visitor.hears('welcome') };
  }

  static async connect(url: URL): Promise<Visitor> {
    const address = new URL('/chat', url.href.replace(/^http/, 'ws'));
    const visitor = new Visitor(address, { rejectUnauthorized: false });
    await once(visitor.socket, 'open');
    return visitor;
  }

  tell(message: unknown): void {
    this.send(JSON.stringify(message));
  }

  /** What the server sees of this connection. */
  async looks(): Promise<Said> {
    this.tell({ type: 'look' });
    return this.hears('seen');
  }

  say(text: string, id = token()): string {
    this.tell({ type: 'say', id, text });
    return id;
  }

  /** The next message of one of these types; others before it are passed over. */
  async hears(...types: string[]): Promise<Said> {
    for (;;) {
      const said = JSON.parse((await this.next()) as string) as Said;
      if (types.includes(said.type)) return said;
    }
  }

  /** Everything heard until now: whatever the server sent before it answered this probe. */
  async heard(): Promise<Said[]> {
    this.tell({ type: 'probe' });
    const all: Said[] = [];
    for (;;) {
      const said = JSON.parse((await this.next()) as string) as Said;
      if (said.type === 'alive') return all;
      all.push(said);
    }
  }
}

const clients = new Set<Client>();

/** For `afterEach`. */
export function dropClients(): void {
  for (const client of clients) client.socket.terminate();
  clients.clear();
}
