import { formatExtensions, parseExtensions } from '../../../src/protocol/handshake/extensions.js';
import { ClientDeflate } from '../../../src/ws/client-deflate.js';
import { ConnectionParts } from '../../../src/ws/connection-parts.js';
import type { PerMessageDeflateOptions } from '../../../src/ws/deflate-options.js';

type Options = true | PerMessageDeflateOptions;
const parts = new ConnectionParts('client', {});

function accept(options: Options, answer: string) {
  const header = ['permessage-deflate', ...(answer === '' ? [] : [answer])].join('; ');
  return new ClientDeflate(options).accept(parseExtensions(header)![0]!.params, parts);
}

describe('ClientDeflate', () => {
  it.each<[Options, string]>([
    [true, '; client_max_window_bits'],
    [{}, '; client_max_window_bits'],
    [{ clientMaxWindowBits: undefined }, '; client_max_window_bits'],
    [{ clientMaxWindowBits: true, serverMaxWindowBits: true }, '; client_max_window_bits'],
    [{ clientMaxWindowBits: false }, ''],
    [{ clientMaxWindowBits: 10 }, '; client_max_window_bits=10'],
    [
      {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        serverMaxWindowBits: 9,
        clientMaxWindowBits: false,
      },
      '; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9',
    ],
  ])('offers with %j what ws offers: permessage-deflate%s', (options, params) => {
    const { offer } = new ClientDeflate(options);
    expect(formatExtensions([offer])).toBe(`permessage-deflate${params}`);
  });

  it.each<[PerMessageDeflateOptions]>([
    [{ serverMaxWindowBits: 16 }],
    [{ clientMaxWindowBits: 7 }],
    [{ threshold: -1 }],
  ])('rejects %j', (options) => {
    expect(() => new ClientDeflate(options)).toThrow(TypeError);
  });

  it('takes what the server answers', () => {
    const answer = 'client_no_context_takeover; client_max_window_bits=12';
    const { parameters, response } = accept(true, answer)!.negotiated;
    expect(response).toBe('');
    expect(parameters).toEqual({
      serverNoContextTakeover: false,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 15,
      clientMaxWindowBits: 12,
    });
  });

  it('has contexts for a side that takes its window over, and shares them otherwise', () => {
    expect(accept(true, '')!.negotiated.bytes).toBeGreaterThan(0);
    const none = 'server_no_context_takeover; client_no_context_takeover';
    expect(accept(true, none)!.negotiated.bytes).toBe(0);
  });

  it('shares what compresses among clients with the same options', () => {
    expect(accept(true, '')!.budget).toBe(accept(true, '')!.budget);
    expect(accept(true, '')!.budget).not.toBe(accept({}, '')!.budget);
  });

  it.each<[PerMessageDeflateOptions]>([
    [{ serverMaxWindowBits: 9 }],
    [{ serverNoContextTakeover: true }],
  ])('goes on like ws if the server ignores %j', (options) => {
    expect(accept(options, '')!.negotiated.parameters).toMatchObject({
      serverMaxWindowBits: 15,
      serverNoContextTakeover: false,
    });
  });

  it.each<[PerMessageDeflateOptions, string]>([
    [{}, 'foo'],
    [{ clientMaxWindowBits: false }, 'client_max_window_bits=12'],
    [{ clientMaxWindowBits: 10 }, 'client_max_window_bits=12'],
    [{ clientNoContextTakeover: false }, 'client_no_context_takeover'],
  ])('does not accept after the options %j the answer %s', (options, answer) => {
    expect(accept(options, answer)).toBeUndefined();
  });
});
