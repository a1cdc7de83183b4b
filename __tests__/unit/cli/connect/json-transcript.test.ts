import { JsonTranscript } from '../../../../src/cli/connect/json-transcript.js';
import { Terminal } from '../../../../src/cli/terminal.js';
import { HandshakeError } from '../../../../src/client/handshake-error.js';
import type { WebSocketConnection } from '../../../../src/connection/connection.js';
import { FakeSurroundings } from '../../../support/terminal.js';

const url = 'ws://example.com/';
const time = '2026-01-02T03:04:05.678Z';

describe('the transcript for programs', () => {
  it('is one JSON object for each event', () => {
    const around = new FakeSurroundings();
    const terminal = new Terminal(around);
    const tell = new JsonTranscript(terminal, url, 'base64', () => new Date(time));
    const response = { status: 101, headers: { server: 'x' } };
    const opened = { subprotocol: 'chat', extensions: '', response };
    tell.opened(opened as unknown as WebSocketConnection, 12);
    const bare = { subprotocol: '', extensions: '' };
    tell.opened(bare as unknown as WebSocketConnection, 1);
    tell.sent('½\x9d');
    tell.received(Buffer.of(1, 2, 255));
    tell.pinged(Buffer.from('hi'));
    tell.ponged(0.5);
    const info = { code: 1008, reason: 'no', clean: true, initiator: 'peer' } as const;
    tell.closed(info, 1000);
    tell.closed({ ...info, cause: new Error('why') }, 1);
    tell.waits(500);
    expect(around.errors.text).toBe('');
    expect(around.output.text).toContain('"data":"½\\u009d"');
    const events = around.output.lines.map((line) => JSON.parse(line) as object);
    const close = { type: 'close', code: 1008, reason: 'no', clean: true, initiator: 'peer' };
    expect(events).toEqual(
      [
        { type: 'open', url, milliseconds: 12, ...opened, response: undefined, ...response },
        { type: 'open', url, milliseconds: 1, subprotocol: '', extensions: '' },
        { type: 'message', direction: 'sent', opcode: 1, length: 4, data: '½\x9d' },
        {
          type: 'message',
          direction: 'received',
          opcode: 2,
          length: 3,
          encoding: 'base64',
          data: 'AQL/',
        },
        { type: 'ping', direction: 'received', length: 2 },
        { type: 'pong', direction: 'received', milliseconds: 0.5 },
        { ...close, milliseconds: 1000 },
        { ...close, cause: 'why', milliseconds: 1 },
        { type: 'wait', milliseconds: 500 },
      ].map((event) => ({ time, ...event })),
    );
  });

  it('has all that is known of a failure', () => {
    const around = new FakeSurroundings();
    const tell = new JsonTranscript(new Terminal(around), url, 'hex');
    const parts = { url: new URL(url), status: 404, headers: {}, body: Buffer.from('nothing') };
    tell.failed(new HandshakeError('ERR_HANDSHAKE_REFUSED', parts));
    tell.failed(new HandshakeError('ERR_HANDSHAKE_TIMEOUT', { url: new URL(url) }));
    const [refused, late] = around.output.lines.map((line) => JSON.parse(line) as object);
    expect(refused).toMatchObject({
      type: 'error',
      code: 'ERR_HANDSHAKE_REFUSED',
      url,
      status: 404,
      body: 'nothing',
      explanation: [
        'ws://example.com/: The server refused: 404 Not Found.',
        '  nothing',
        'No WebSocket is served at this path.',
      ],
    });
    expect(late).toMatchObject({ type: 'error', code: 'ERR_HANDSHAKE_TIMEOUT' });
  });
});
