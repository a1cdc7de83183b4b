import { createServer, type Server } from 'node:http';
import { createSecureServer } from 'node:http2';
import { Deadlines } from '../../../src/connection/limits/deadlines.js';
import { attach } from '../../../src/server/attach.js';
import { createLog } from '../../../src/server/logger.js';
import type { UpgradeEndpoint } from '../../../src/server/upgrade-endpoint.js';
import { HandClock, MemoryLogger } from '../../support/server.js';

const endpoint = { deadlines: new Deadlines(new HandClock()) } as UpgradeEndpoint;
const EVENTS = ['upgrade', 'stream', 'connect'];

function attached(server: Server, usesHttp2: boolean) {
  const logger = new MemoryLogger();
  const count = (): number[] => EVENTS.map((name) => server.listenerCount(name));
  const before = count();
  const detach = attach(server, endpoint, usesHttp2, createLog(logger, new HandClock()));
  return { logger, before, during: count(), count, detach };
}

describe('attach', () => {
  const http2 = (): Server => createSecureServer({ allowHTTP1: true }) as unknown as Server;

  it.each([
    ["to 'upgrade' of an http.Server", createServer, false, [2, 0, 0]],
    ["to 'upgrade' alone of an HTTP/2 server", http2, false, [2, 0, 0]],
    ['to both of an HTTP/2 server', http2, true, [2, 1, 1]],
  ])('listens %s, until it is detached', (_what, create, usesHttp2, added) => {
    const { before, during, count, detach, logger } = attached(create(), usesHttp2);
    expect(during.map((each, index) => each - before[index]!)).toEqual(added);
    detach();
    expect(count()).toEqual(before);
    expect(logger.lines).toEqual([]);
  });

  it.each([
    [true, 1],
    [false, 0],
  ])("warns beside other 'upgrade' listeners with HTTP/2: %p", (usesHttp2, warnings) => {
    const { logger } = attached(
      http2().on('upgrade', () => undefined),
      usesHttp2,
    );
    expect(logger.lines).toHaveLength(warnings);
    expect(logger.lines.join('')).toMatch(warnings === 0 ? /^$/ : /give http2: false/);
  });
});
