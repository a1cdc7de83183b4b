import { type ChildProcessByStdio, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { describeIf, runs } from '../support/requires.js';
import { compressedTraffic, everyOffer } from './compressed-traffic.js';
import { conversations } from './conversations.js';
import { Inbox, type Message } from '../support/host.js';
import type { DeflateOffer, Ended, Peer } from './peer.js';

const PYTHON = '/usr/bin/python3';

type Packed = { text: string } | { base64: string };
const pack = (message: Message): Packed =>
  typeof message === 'string' ? { text: message } : { base64: message.toString('base64') };
const unpack = (packed: Packed): Message =>
  'text' in packed ? packed.text : Buffer.from(packed.base64, 'base64');

/** A line that python-peer.py wrote. */
interface Line {
  id?: number;
  result?: unknown;
  error?: string;
  peer?: number;
  message?: Packed;
  code?: number;
  reason?: string;
}

describeIf(`websockets for ${PYTHON}`, runs(PYTHON, '-c', 'import websockets'))(
  'Python websockets talks with hawser',
  () => {
    let python: ChildProcessByStdio<Writable, Readable, null>;
    const answers = new Map<number, (line: Line) => void>();
    const peers = new Map<number, { inbox: Inbox<Message>; end: (ended: Ended) => void }>();
    let count = 0;

    beforeAll(() => {
      const program = join(__dirname, 'python-peer.py');
      python = spawn(PYTHON, [program], { stdio: ['pipe', 'pipe', 'inherit'] });
      createInterface(python.stdout).on('line', (text) => {
        const line = JSON.parse(text) as Line;
        if (line.id !== undefined) answers.get(line.id)?.(line);
        const peer = peers.get(line.peer ?? 0);
        if (line.message) peer?.inbox.put(unpack(line.message));
        else if (line.code) peer?.end({ code: line.code, reason: line.reason ?? '' });
      });
    });

    afterAll(async () => {
      python.stdin.end();
      await once(python, 'close');
    });

    async function command(op: string, number: number, words: object = {}): Promise<unknown> {
      const id = ++count;
      python.stdin.write(`${JSON.stringify({ id, op, number, ...words })}\n`);
      const { result, error } = await new Promise<Line>((answer) => answers.set(id, answer));
      if (error !== undefined) throw new Error(error);
      return result;
    }

    async function open(
      url: string,
      subprotocols: string[] = [],
      offer?: DeflateOffer,
    ): Promise<Peer> {
      const number = ++count;
      const inbox = new Inbox<Message>();
      const ended = new Promise<Ended>((end) => peers.set(number, { inbox, end }));
      const subprotocol = (await command('open', number, { url, subprotocols, offer })) as string;
      const tell = async (op: string, words?: object): Promise<void> => {
        await command(op, number, words);
      };
      return {
        subprotocol,
        send: (...messages) => tell('send', { messages: messages.map(pack) }),
        receive: (wanted) => inbox.take(wanted),
        close: (code, reason) => tell('close', { code, reason }),
        ended: () => ended,
        ping: (payload) => tell('ping', { payload }),
        sendFragments: (fragments) => tell('fragments', { messages: fragments.map(pack) }),
        leave: () => tell('leave'),
      };
    }

    conversations(open, {
      pings: true,
      fragments: true,
      closesWithoutCode: false,
      keepsBom: true,
      leavesWith: 1006,
    });

    describe('compressed', () => {
      const windows = [8, 9, 10, 11, 12, 13, 14, 15];
      compressedTraffic(open, {
        compresses: true,
        offers: [undefined],
        windows,
        messages: 40,
      });
      compressedTraffic(open, {
        compresses: true,
        offers: everyOffer([9, 12, 15]),
        windows: [15],
        messages: 12,
      });
    });
  },
);
