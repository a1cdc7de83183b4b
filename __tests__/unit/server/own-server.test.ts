import { createLog } from '../../../src/server/logger.js';
import { createOwnServer } from '../../../src/server/own-server.js';
import { CERTIFICATE } from '../../support/certificate.js';
import { HandClock, MemoryLogger } from '../../support/server.js';

describe('the server of a WebSocketServer that has its own port', () => {
  it.each([
    ['HTTP/1.1', {}, false, 0],
    ['HTTP/1.1 over TLS', { tls: CERTIFICATE }, false, 0],
    ['HTTP/1.1 if it must not be HTTP/2', { http2: false }, false, 0],
    ['HTTP/2 over TLS', { http2: true, tls: CERTIFICATE }, true, 0],
    ['HTTP/2 with prior knowledge, with a warning', { http2: true }, true, 1],
  ])('speaks %s', (_what, options, isHttp2, warnings) => {
    const logger = new MemoryLogger();
    const { server } = createOwnServer(options, 1000, createLog(logger, new HandClock()));
    expect('updateSettings' in server).toBe(isHttp2);
    expect(logger.lines).toHaveLength(warnings);
    expect(logger.lines.join('')).toMatch(warnings === 0 ? /^$/ : /prior knowledge only/);
  });
});
