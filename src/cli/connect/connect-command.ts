import { reconnecting } from '../../client/index.js';
import { CONNECT_OPTIONS, connectOptionsOf, urlOf } from '../connect-arguments.js';
import type { Command } from '../command.js';
import { duration, durationOrForever, oneOf } from '../quantities.js';
import { UsageError } from '../arguments.js';
import { Conversation } from './conversation.js';
import { JsonTranscript } from './json-transcript.js';
import { TextTranscript } from './transcript.js';

const ENCODING = oneOf('hex', 'base64');

/** `hawser connect`. */
export const connectCommand: Command = {
  name: 'connect',
  operands: '<url>',
  summary: 'Talk to a WebSocket server: a line in, a line out.',
  options: {
    ...CONNECT_OPTIONS,
    ping: { value: 'SECONDS', help: 'send a Ping so often, and show the round trips' },
    reconnect: { help: 'connect again when the connection is lost' },
    binary: { value: 'hex|base64', help: 'lines stand for bytes, in both directions' },
    json: { help: 'print one JSON object for each event' },
    wait: {
      value: 'SECONDS',
      help: "after the input's end, wait for answers; or 'forever' (default: 1)",
    },
  },
  notes: [
    'Messages go to stdout, all else to stderr. Ctrl-D closes; so does Ctrl-C, and the second one at once.',
    'Exit status: 0 closed cleanly, 1 refused, 2 unreachable, 3 closed abnormally, 64 wrong arguments.',
  ],
  run: async (given, terminal) => {
    const url = urlOf(given);
    const encoding = given.quantity('binary', ENCODING);
    const connect = connectOptionsOf(given);
    const pingInterval = given.quantity('ping', duration('s'));
    if (pingInterval === 0) throw new UsageError('--ping: expected a time above 0');
    const options = {
      encoding,
      pingInterval,
      wait: given.quantity('wait', durationOrForever) ?? (terminal.isInteractive ? 0 : 1000),
    };
    const link = reconnecting(url, {
      connect,
      ...(given.has('reconnect') ? {} : { retry: () => false }),
    });
    const shown = withoutCredentials(url);
    const transcript = given.has('json')
      ? new JsonTranscript(terminal, shown, encoding ?? 'hex')
      : new TextTranscript(terminal, shown, encoding ?? 'hex', pingInterval !== undefined);
    return new Conversation(link, terminal, transcript, options).run();
  },
};

/** The URL without user and password, for the screen. It has been checked. */
function withoutCredentials(url: string): string {
  const shown = new URL(url);
  shown.username = shown.password = '';
  return shown.href;
}
