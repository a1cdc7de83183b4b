import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Arguments } from '../../../src/cli/arguments.js';
import { silentLogger } from '../../../src/cli/silent-logger.js';
import { CONNECT_OPTIONS, connectOptionsOf, urlOf } from '../../../src/cli/connect-arguments.js';

const parse = (...args: string[]): Arguments => new Arguments(args, CONNECT_OPTIONS);

describe('the URL', () => {
  it.each([
    ['wss://example.com/feed', 'wss://example.com/feed'],
    ['HTTP://example.com', 'HTTP://example.com'],
    ['localhost:8080', 'ws://localhost:8080'],
    [':8080/feed', 'ws://localhost:8080/feed'],
    ['example.com', 'ws://example.com'],
  ])('%s is %s', (given, url) => {
    expect(urlOf(parse(given))).toBe(url);
  });

  it('is one', () => {
    expect(() => urlOf(parse())).toThrow('expected a URL, such as ws://localhost:8080/');
    expect(() => urlOf(parse('a', 'b', 'c'))).toThrow('expected one URL, got also "b c"');
  });
});

describe('the options of connect', () => {
  const folder = mkdtempSync(join(tmpdir(), 'hawser-cli-'));
  const file = join(folder, 'ca.pem');
  writeFileSync(file, 'PEM');
  afterAll(() => rmSync(folder, { recursive: true }));

  it('are few without arguments', () => {
    const { logger, ...options } = connectOptionsOf(parse());
    expect(options).toEqual({ headers: [], subprotocols: [], tls: {}, maxPayload: 67_108_864 });
    expect(logger).toBe(silentLogger);
  });

  it('are what was asked for', () => {
    const options = connectOptionsOf(
      parse(
        ...['-H', 'A: 1: 2', '--header', 'B:', '--subprotocol', 'chat', '--subprotocol', 'v2'],
        ...['--origin', 'https://example.com', '--proxy', 'env', '--http2', '--compress'],
        ...['--insecure', '--ca', file, '--cert', file, '--key', file],
      ),
    );
    expect(options).toMatchObject({
      headers: [
        ['A', '1: 2'],
        ['B', ''],
      ],
      subprotocols: ['chat', 'v2'],
      origin: 'https://example.com',
      proxy: 'env',
      http2: true,
      perMessageDeflate: true,
      tls: { rejectUnauthorized: false, ca: 'PEM', cert: 'PEM', key: 'PEM' },
    });
  });

  it('need headers with a colon, and files that can be read', () => {
    expect(() => connectOptionsOf(parse('-H', 'A'))).toThrow(
      '--header: expected "Name: value", got "A"',
    );
    expect(() => connectOptionsOf(parse('--ca', join(folder, 'none')))).toThrow(/^--ca: ENOENT/);
  });
});
