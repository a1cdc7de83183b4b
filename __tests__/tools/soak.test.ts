/**
 * The soak (`npm run soak`) in small: it passes for hawser as it is, and fails for hawser with any of the faults
 * that it is there to find. A fault is planted by a module that takes the package's place. The run asks for so many
 * messages that each fault comes up many times in them, however long they take.
 */
import { execFile } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { builtModules } from '../support/built-package.js';

const RUN = resolve(__dirname, '../../tools/soak/run.mjs');

/** Milliseconds after which a run has hung: it goes on for two minutes where there is hardly time for it. */
const HUNG = 300_000;

interface Results {
  holds: boolean;
  verdicts: { what: string; got: string; holds: boolean }[];
  found?: { faults: string[] };
}

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'hawser-soak-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true, force: true });
});

/** Messages of the well-behaved that a run sends back at least: on two cores it has as many after three seconds. */
const ECHOES = 200;
/** What is known at the end alone. Anything else ends a run that is over its time: it may ask for many more messages. */
const AT_THE_END = /lost|left|growth/;

/**
 * What a soak of a few seconds says of hawser with this fault, which is JavaScript, in it. `isTurn(data, n)` is true for
 * every `n`th message of the well-behaved peers, because only they would notice.
 */
function soak(
  name: string,
  fault: string,
  echoes = ECHOES,
): Promise<Results & { exitCode: number }> {
  const module = join(folder, `${name.replaceAll(/\W/g, '-')}.cjs`);
  writeFileSync(
    module,
    `const hawser = module.exports = require(${JSON.stringify(builtModules())});
     const { prototype } = hawser.WebSocketConnection;
     const send = prototype.send;
     const inside = (file) => require(${JSON.stringify(dirname(builtModules()))} + '/' + file);
     let count = 0;
     const isEcho = (data) => /^E \\w{6} /.test(Buffer.isBuffer(data) ? data.toString('latin1', 0, 9) : data);
     const isTurn = (data, every) => isEcho(data) && ++count % every === 0;
     ${fault}`,
  );
  const size = ['--seconds', '1', '--connections', '120', '--echoes', String(echoes)];
  const args = [RUN, ...size, '--json', '--dist', module];
  return new Promise((done, fail) => {
    execFile(
      process.execPath,
      [...args, '--results', `${module}.results`],
      { timeout: HUNG },
      (error, stdout, stderr) => {
        if (!stdout.startsWith('{')) fail(new Error(`the soak itself failed: ${stdout}${stderr}`));
        else done({ ...(JSON.parse(stdout) as Results), exitCode: Number(error?.code ?? 0) });
      },
    );
  });
}

/** The verdicts that went against the server. */
const failures = ({ verdicts }: Results): string[] =>
  verdicts.filter(({ holds }) => !holds).map(({ what }) => what);

test.concurrent(
  'the soak holds for hawser as it is',
  async () => {
    const results = await soak('as it is', '');
    expect(results.verdicts.filter(({ holds }) => !holds)).toEqual([]);
    expect(results).toMatchObject({ holds: true, exitCode: 0, found: { faults: [] } });
    expect(results.verdicts.length).toBeGreaterThan(12);
  },
  2 * HUNG,
);

const FAULTS: [name: string, verdict: string, fault: string][] = [
  [
    'that loses one of fifty messages',
    'messages lost',
    `prototype.send = function (data, ...rest) {
       return isTurn(data, 50) || send.call(this, data, ...rest);
     };`,
  ],
  [
    'that flips a bit in one of ten binary messages',
    'messages altered',
    `prototype.send = function (data, ...rest) {
       if (!Buffer.isBuffer(data) || !isTurn(data, 10)) return send.call(this, data, ...rest);
       const spoiled = Buffer.from(data);
       spoiled[spoiled.length - 1] ^= 1;
       return send.call(this, spoiled, ...rest);
     };`,
  ],
  [
    'that cuts the last byte off one of ten binary messages',
    'messages altered',
    `prototype.send = function (data, ...rest) {
       if (!Buffer.isBuffer(data) || !isTurn(data, 10)) return send.call(this, data, ...rest);
       return send.call(this, data.subarray(0, -1), ...rest);
     };`,
  ],
  [
    'that sends one of ten texts as Binary',
    'messages altered',
    `prototype.send = function (data, ...rest) {
       if (typeof data !== 'string' || !isTurn(data, 10)) return send.call(this, data, ...rest);
       return send.call(this, Buffer.from(data));
     };`,
  ],
  [
    'that sends one of ten messages to its neighbour',
    'messages altered',
    `let last, neighbour;
     prototype.send = function (data, ...rest) {
       if (isEcho(data) && this !== last) [neighbour, last] = [last, this];
       return send.call((isTurn(data, 10) && neighbour) || this, data, ...rest);
     };`,
  ],
  [
    'that lets a message overtake another',
    'messages out of order',
    `const held = new WeakMap();
     prototype.send = function (data, ...rest) {
       const before = held.get(this);
       if (before === undefined && isTurn(data, 20)) {
         held.set(this, data);
         return true;
       }
       const below = send.call(this, data, ...rest);
       held.delete(this);
       if (before !== undefined) send.call(this, before);
       return below;
     };`,
  ],
  [
    'that sends a message twice',
    'messages repeated',
    `prototype.send = function (data, ...rest) {
       if (isTurn(data, 50)) send.call(this, data, ...rest);
       return send.call(this, data, ...rest);
     };`,
  ],
  [
    'that cuts connections',
    'well-behaved peers cut',
    `prototype.send = function (data, ...rest) {
       if (isTurn(data, 50)) this.terminate();
       return send.call(this, data, ...rest);
     };`,
  ],
  [
    'that closes connections',
    'well-behaved peers cut',
    `prototype.send = function (data, ...rest) {
       const below = send.call(this, data, ...rest);
       if (isTurn(data, 50)) void this.close(1011);
       return below;
     };`,
  ],
  [
    'that refuses every other handshake',
    'well-behaved peers refused',
    `const { emit } = require('node:http').Server.prototype;
     require('node:http').Server.prototype.emit = function (event, request, socket, ...rest) {
       if (event !== 'upgrade' || ++count % 2 !== 0) return emit.call(this, event, request, socket, ...rest);
       return !!socket.on('error', () => {}).end('HTTP/1.1 500 Internal Server Error\\r\\nConnection: close\\r\\n\\r\\n');
     };`,
  ],
  [
    'that declines compression',
    'well-behaved peers refused',
    "inside('protocol/deflate/negotiation.js').acceptDeflate = () => undefined;",
  ],
  [
    'that grants a larger window than was asked for',
    'well-behaved peers refused',
    `const negotiation = inside('protocol/deflate/negotiation.js');
     const { formatDeflate } = negotiation;
     negotiation.formatDeflate = (accepted) => formatDeflate({ ...accepted, serverMaxWindowBits: 15 });`,
  ],
  [
    'that compresses with a larger window than it has granted',
    'messages altered',
    `const deflate = inside('protocol/deflate/contexts.js');
     const { createDeflater } = deflate;
     deflate.createDeflater = (options, ...rest) => createDeflater({ ...options, windowBits: 15 }, ...rest);
     const fixed = inside('protocol/deflate/compact/compact-deflater.js');
     fixed.CompactDeflater = class extends fixed.CompactDeflater {
       constructor(windowBits, long) {
         super(15, long);
       }
     };`,
  ],
  [
    'that refers to messages of other connections',
    'messages altered',
    `const deflate = inside('protocol/deflate/contexts.js');
     const { createDeflater } = deflate;
     deflate.createDeflater = (options, ...rest) => createDeflater({ ...options, takeover: true }, ...rest);`,
  ],
  [
    'that forgets what a compressed message may refer to',
    'well-behaved peers cut',
    `const deflate = inside('protocol/deflate/contexts.js');
     const { createInflater } = deflate;
     deflate.createInflater = (options, ...rest) => createInflater({ ...options, takeover: false }, ...rest);`,
  ],
  [
    'that does not mark what it has compressed',
    'messages altered',
    // The outbox writes the header of a message for one; what is broadcast is encoded as a whole frame.
    `const encoder = inside('protocol/framing/frame-encoder.js');
     const { writeHeader } = encoder;
     const { encodeFrame } = encoder.FrameEncoder.prototype;
     encoder.writeHeader = (target, at, first, length) => writeHeader(target, at, first & 0xbf, length);
     encoder.FrameEncoder.prototype.encodeFrame = function (first, payload) {
       return encodeFrame.call(this, first & 0xbf, payload);
     };`,
  ],
  [
    'that throws',
    'crashes of the server',
    `prototype.send = function (...args) {
       if (isTurn(args[0], 100)) throw new Error('planted');
       return send.apply(this, args);
     };`,
  ],
  [
    'that leaves a rejection unhandled',
    'crashes of the server',
    `prototype.send = function (...args) {
       if (isTurn(args[0], 100)) void Promise.reject(new Error('planted'));
       return send.apply(this, args);
     };`,
  ],
  [
    'that ends its process',
    'crashes of the server',
    `prototype.send = function (...args) {
       if (isTurn(args[0], 100)) process.exit(0);
       return send.apply(this, args);
     };`,
  ],
  [
    'that makes Node warn of it',
    'warnings of the process',
    `prototype.send = function (...args) {
       if (isTurn(args[0], 100)) process.emitWarning('planted');
       return send.apply(this, args);
     };`,
  ],
  [
    'that keeps a hundred kilobytes on the heap for every message',
    'growth of the heap, KiB',
    `const kept = [];
     prototype.send = function (...args) {
       if (isEcho(args[0])) kept.push(Array.from({ length: 100 * 128 }, () => kept.length));
       return send.apply(this, args);
     };`,
  ],
  [
    'that keeps a hundred kilobytes outside the heap for every message',
    'left outside the heap, KiB',
    `const kept = [];
     prototype.send = function (...args) {
       if (isEcho(args[0])) kept.push(Buffer.allocUnsafeSlow(100 * 1024));
       return send.apply(this, args);
     };`,
  ],
  [
    'that never lets go of a connection',
    'connections left at the end',
    `const { WebSocketServer } = hawser;
     module.exports = { ...hawser, WebSocketServer: class extends WebSocketServer {
       constructor(...args) {
         super(...args);
         this.on('connection', (conn) => ++count === 1 && conn.on('close', () => this.connections.add(conn)));
       }
     } };`,
  ],
  [
    'that never lets go of a socket',
    'sockets left at the end',
    `const net = require('node:net');
     const { listen } = net.Server.prototype;
     net.Server.prototype.listen = function (...args) {
       this.headersTimeout = this.requestTimeout = 0; // or Node lets go of it after a minute
       this.once('listening', () => net.connect(this.address().port, '127.0.0.1').write('GET / HTTP/1.1\\r\\n'));
       return listen.apply(this, args);
     };`,
  ],
];

describe('the soak fails for a server', () => {
  test.concurrent.each(FAULTS)(
    '%s',
    async (name, verdict, fault) => {
      const echoes = AT_THE_END.test(verdict) ? ECHOES : 10 * ECHOES;
      const results = await soak(name, fault, echoes);
      expect(results).toMatchObject({ holds: false, exitCode: 1 });
      expect(failures(results)).toContain(verdict);
    },
    2 * HUNG,
  );
});
