import { TextTranscript } from '../../../../src/cli/connect/transcript.js';
import { Terminal } from '../../../../src/cli/terminal.js';
import { HandshakeError } from '../../../../src/client/handshake-error.js';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { FakeSurroundings } from '../../../support/terminal.js';

const URL_SHOWN = 'ws://example.com/';

function transcript({ isTTY = false, showsPings = false } = {}) {
  const around = new FakeSurroundings({ isTTY, env: { NO_COLOR: '1' } });
  const terminal = new Terminal(around);
  return { around, tell: new TextTranscript(terminal, URL_SHOWN, 'hex', showsPings) };
}

const connection = (subprotocol = '', extensions = ''): WebSocketConnection =>
  ({ subprotocol, extensions }) as unknown as WebSocketConnection;

describe('the transcript for pipes', () => {
  it('has messages on stdout as they came, and the rest on stderr', () => {
    const { around, tell } = transcript({ showsPings: true });
    tell.opened(connection('chat\x1b', 'permessage-deflate'), 12.3);
    expect(tell.received('a\x1b[2J\nb')).toBe(true);
    tell.received(Buffer.of(1, 255));
    tell.sent();
    tell.pinged(Buffer.from('\x07 hi'));
    tell.pinged(Buffer.alloc(0));
    tell.ponged(0.5);
    tell.closed({ code: 1006, reason: '', clean: false, initiator: 'transport' }, 1000);
    tell.waits(500);
    expect(around.output.text).toBe('a\x1b[2J\nb\n01ff\n');
    expect(around.errors.lines).toEqual([
      'Connected to ws://example.com/ after 12.3 ms, subprotocol chat\\x1b, permessage-deflate.',
      'Ping from the server: \\x07 hi',
      'Ping from the server',
      'Pong after 0.5 ms',
      'Connection lost after 1 s with 1006 (no Close was received)',
      'The next attempt begins in 500 ms.',
    ]);
  });

  it('explains a failure', () => {
    const { around, tell } = transcript();
    const cause = Object.assign(new Error('refused'), { code: 'ECONNREFUSED' });
    const url = new URL(URL_SHOWN);
    tell.failed(new HandshakeError('ERR_HANDSHAKE_UNREACHABLE', { url, detail: 'refused', cause }));
    expect(around.errors.lines).toEqual([
      'ws://example.com/: Nothing listens there: the connection was refused.',
      'refused (ECONNREFUSED)',
      'Check the port, and that the server runs and listens on this address.',
    ]);
  });
});

describe('the transcript for a terminal', () => {
  it('escapes what came, and shows its kind', () => {
    const { around, tell } = transcript({ isTTY: true });
    tell.opened(connection(), 12);
    tell.received('a\x1b[2J\n< fake');
    tell.received(Buffer.of(1, 255));
    tell.pinged(Buffer.alloc(0));
    tell.closed({ code: 1000, reason: '', clean: true, initiator: 'local' }, 1000);
    expect(around.output.lines).toEqual([
      'Connected to ws://example.com/ after 12 ms. Ctrl-D closes.',
      '< a\\x1b[2J',
      '  < fake',
      '< (binary, 2 bytes) 01ff',
      'Closed after 1 s with 1000 (normal closure)',
    ]);
  });
});
