import { ClientCompression } from '../../../src/client/client-compression.js';
import { Deadlines } from '../../../src/connection/limits/deadlines.js';
import { formatExtensions, parseExtensions } from '../../../src/protocol/handshake/extensions.js';
import type { DeflateOptions } from '../../../src/server/options/options.js';
import {
  type ResolvedDeflateOptions,
  resolveOptions,
} from '../../../src/server/options/resolve-options.js';
import type { NegotiatedCompression } from '../../../src/server/deflate-budget.js';
import { HandClock } from '../../support/server.js';

function compression(perMessageDeflate: DeflateOptions): ClientCompression {
  const resolved = resolveOptions<undefined>({ perMessageDeflate }, []).perMessageDeflate;
  return new ClientCompression(
    resolved as ResolvedDeflateOptions,
    new Deadlines(new HandClock()),
    perMessageDeflate.windowBits !== undefined,
  );
}

const offered = (options: DeflateOptions) => formatExtensions([compression(options).offer()]);
const params = (answer: string) => parseExtensions(`permessage-deflate${answer}`)![0]!.params;

describe('ClientCompression', () => {
  it.each<[DeflateOptions, string]>([
    [{}, '; server_no_context_takeover; client_no_context_takeover; client_max_window_bits'],
    [{ contextTakeover: 'both' }, '; client_max_window_bits=12'],
    [
      { contextTakeover: 'both', windowBits: 12 },
      '; server_max_window_bits=12; client_max_window_bits=12',
    ],
    [
      { contextTakeover: 'server', windowBits: 15 },
      '; client_no_context_takeover; client_max_window_bits',
    ],
    [
      { contextTakeover: 'client', windowBits: 15 },
      '; server_no_context_takeover; client_max_window_bits',
    ],
    [
      { contextTakeover: 'both', windowBits: 15, memoryBudget: 1000 },
      '; server_no_context_takeover; client_no_context_takeover; client_max_window_bits',
    ],
  ])('offers with %j: permessage-deflate%s', (options, text) => {
    expect(offered(options)).toBe(`permessage-deflate${text}`);
  });

  it('counts what its own window takes, and stops offering contexts when the budget is spent', () => {
    const options = { contextTakeover: 'client', windowBits: 10 } as const;
    const alone = compression(options);
    const answer = '; server_no_context_takeover; server_max_window_bits=10';
    const first = alone.accept(params(answer), alone.offer()) as NegotiatedCompression;
    expect(first.parameters.clientNoContextTakeover).toBe(false);
    const limited = compression({ ...options, memoryBudget: first.bytes });
    const { bytes } = limited.accept(params(answer), limited.offer()) as NegotiatedCompression;
    expect(bytes).toBe(first.bytes);
    expect(formatExtensions([limited.offer()])).not.toContain('client_no_context_takeover');
    const open = limited.open(first);
    expect(formatExtensions([limited.offer()])).toContain('client_no_context_takeover');
    open.close();
    expect(formatExtensions([limited.offer()])).not.toContain('client_no_context_takeover');
  });

  it('has the contexts of its own side: the server’s takeover costs only its window', () => {
    const both = { contextTakeover: 'both', compressor: 'zlib', windowBits: 15 } as const;
    const own = compression(both);
    const bytes = (answer: string) =>
      (own.accept(params(answer), own.offer()) as NegotiatedCompression).bytes;
    expect(bytes('; client_no_context_takeover')).toBe(32 * 1024);
    expect(bytes('; server_no_context_takeover')).toBeGreaterThan(100 * 1024);
    expect(bytes('; server_no_context_takeover; client_no_context_takeover')).toBe(0);
  });

  it('finds a parameter that the server ignored', () => {
    const none = compression({});
    expect(none.accept(params(''), none.offer())).toMatchObject({
      fault: { code: 'ignored-parameter', name: 'server_no_context_takeover' },
    });
  });
});
