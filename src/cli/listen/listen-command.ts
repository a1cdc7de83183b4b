import { type Arguments, readQuantity, UsageError } from '../arguments.js';
import type { Command } from '../command.js';
import { byteRate, duration, wholeNumber } from '../quantities.js';
import { Listener } from './listener.js';

const PORT = 8080;
const MAX_CONNECTIONS = 1000;
/** Each connection is a process then. */
const MAX_PROGRAMS = 100;

/** `hawser listen`. */
export const listenCommand: Command = {
  name: 'listen',
  operands: '[port]',
  summary: `Be a WebSocket server, on port ${PORT} of this machine if none is given, and show what arrives.`,
  options: {
    host: {
      value: 'ADDRESS',
      help: 'listen on this address (default: 127.0.0.1, this machine alone)',
    },
    origin: { value: 'ORIGIN', isRepeatable: true, help: "let pages of this site in; '*' for any" },
    subprotocol: {
      value: 'NAME',
      isRepeatable: true,
      help: 'accept a subprotocol; may be repeated',
    },
    compress: { help: 'accept permessage-deflate' },
    max: {
      value: 'N',
      help: `connections at once (default: ${MAX_CONNECTIONS}; ${MAX_PROGRAMS} with --exec)`,
    },
    quiet: { help: 'show connections, and no messages' },
    echo: { help: 'send each message back' },
    relay: { help: 'send each message to all other connections' },
    exec: { value: 'COMMAND', help: 'run it for each connection: messages are its lines' },
    delay: { value: 'MS', help: 'answer, or close, so much later' },
    'drop-after': {
      value: 'N',
      help: 'lose each connection after so many messages, without a Close',
    },
    close: { value: 'CODE', help: 'close each connection with this code' },
    refuse: { value: 'STATUS', help: 'refuse each handshake with this HTTP status' },
    slow: { value: 'RATE', help: 'read no faster than this: 1KB/s' },
    'no-pong': { help: 'answer no Ping' },
  },
  notes: [
    'Typed lines go to every connection. Ctrl-C closes all with 1001; the second one at once.',
    'The options from --delay on are faults, for the tests of clients.',
  ],
  run: (given, terminal) => new Listener(listenOptions(given), terminal).run(),
};

function listenOptions(given: Arguments): ConstructorParameters<typeof Listener>[0] {
  const [port = String(PORT), ...more] = given.positionals;
  if (more.length > 0) throw new UsageError(`expected one port, got also "${more.join(' ')}"`);
  const ways = ['echo', 'relay', 'exec'].filter((name) => given.has(name));
  if (ways.length > 1) throw new UsageError(`give one of --${ways.join(' and --')}`);
  const program = given.text('exec');
  const rate = given.quantity('slow', byteRate);
  const losesPings = given.has('no-pong');
  return {
    port: readQuantity('port', port, wholeNumber(0, 65_535)),
    host: given.text('host') ?? '127.0.0.1',
    origins: given.texts('origin'),
    subprotocols: given.texts('subprotocol'),
    compress: given.has('compress'),
    isQuiet: given.has('quiet'),
    maxConnections:
      given.quantity('max', wholeNumber(1, 1_000_000)) ??
      (program === undefined ? MAX_CONNECTIONS : MAX_PROGRAMS),
    answer: given.has('echo') ? 'echo' : given.has('relay') ? 'relay' : 'nothing',
    program,
    delay: given.quantity('delay', duration('ms')) ?? 0,
    dropAfter: given.quantity('drop-after', wholeNumber(1, 1_000_000_000)),
    closeCode: given.quantity('close', closeCode),
    refuseStatus: given.quantity('refuse', wholeNumber(300, 599)),
    socketFaults: rate !== undefined || losesPings ? { rate, losesPings } : undefined,
  };
}

/** The codes that may be in a Close frame (RFC 6455 section 7.4). */
const closeCode = {
  expected: 'a code from 1000 to 1003, 1007 to 1014 or 3000 to 4999',
  read: (text: string): number | undefined => {
    const code = wholeNumber(1000, 4999).read(text);
    const isReserved =
      code !== undefined && ((code > 1003 && code < 1007) || (code > 1014 && code < 3000));
    return isReserved ? undefined : code;
  },
};
