import {
  type ExtensionOffer,
  parseExtensions,
} from '../../../../src/protocol/handshake/extensions.js';
import {
  acceptDeflate,
  type AcceptedDeflate,
  type DeflatePolicy,
  formatDeflate,
} from '../../../../src/protocol/deflate/negotiation.js';

const BOTH: DeflatePolicy = { contextTakeover: 'both', windowBits: 15 };
const NONE: DeflatePolicy = { contextTakeover: 'none', windowBits: 15 };

/** The answer to a header that follows the grammar. */
function answer(header: string, policy: DeflatePolicy = BOTH): string | undefined {
  const accepted = accept(header, policy);
  return accepted && formatDeflate(accepted);
}

function accept(header: string, policy: DeflatePolicy): AcceptedDeflate | undefined {
  const offers = parseExtensions(header);
  if (offers === undefined) throw new Error(`not an extension header: ${header}`);
  return acceptDeflate(offers, policy);
}

describe('acceptDeflate (RFC 7692 section 7.1)', () => {
  it('agrees on the largest windows and on context takeover where neither side asks for less', () => {
    expect(accept('permessage-deflate', BOTH)).toStrictEqual({
      serverNoContextTakeover: false,
      clientNoContextTakeover: false,
      serverMaxWindowBits: 15,
      clientMaxWindowBits: 15,
      answersServerTakeover: false,
      answersServerWindow: false,
    });
  });

  it('agrees on all that a client asks for', () => {
    const header =
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=11';
    expect(accept(header, BOTH)).toStrictEqual({
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
      serverMaxWindowBits: 9,
      clientMaxWindowBits: 11,
      answersServerTakeover: true,
      answersServerWindow: true,
    });
  });

  it.each<[DeflatePolicy['contextTakeover'], string]>([
    ['both', 'permessage-deflate'],
    ['server', 'permessage-deflate; client_no_context_takeover'],
    ['client', 'permessage-deflate'],
    ['none', 'permessage-deflate; client_no_context_takeover'],
  ])(
    'tells a client unasked only what the client must not do, with %s',
    (contextTakeover, expected) => {
      for (const windowBits of [8, 9, 12, 15]) {
        const policy = { contextTakeover, windowBits };
        expect(answer('permessage-deflate', policy)).toBe(expected);
        expect(accept('permessage-deflate', policy)).toMatchObject({
          serverNoContextTakeover: ['client', 'none'].includes(contextTakeover),
          serverMaxWindowBits: windowBits,
        });
      }
    },
  );

  it.each<DeflatePolicy['contextTakeover']>(['none', 'server', 'client', 'both'])(
    'answers what the client asked for in every mode, as in %s',
    (contextTakeover) => {
      const header =
        'permessage-deflate; server_no_context_takeover; server_max_window_bits=13; client_max_window_bits=10';
      const response = answer(header, { contextTakeover, windowBits: 12 })!;
      expect(response).toMatch(/; server_no_context_takeover;/);
      expect(response).toMatch(/; server_max_window_bits=12; client_max_window_bits=10$/);
    },
  );

  it.each<[string, string]>([
    ['server_no_context_takeover', 'permessage-deflate; server_no_context_takeover'],
    ['client_no_context_takeover', 'permessage-deflate; client_no_context_takeover'],
    ['server_max_window_bits=8', 'permessage-deflate; server_max_window_bits=8'],
    ['server_max_window_bits=14', 'permessage-deflate; server_max_window_bits=14'],
    ['server_max_window_bits=15', 'permessage-deflate; server_max_window_bits=15'],
    ['server_max_window_bits="10"', 'permessage-deflate; server_max_window_bits=10'],
    ['client_max_window_bits', 'permessage-deflate'],
    ['client_max_window_bits=8', 'permessage-deflate; client_max_window_bits=8'],
    ['client_max_window_bits=14', 'permessage-deflate; client_max_window_bits=14'],
    ['client_max_window_bits=15', 'permessage-deflate'],
    [
      'client_max_window_bits=9; client_no_context_takeover; server_max_window_bits=10; server_no_context_takeover',
      'permessage-deflate; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=10; client_max_window_bits=9',
    ],
  ])('grants %s', (params, expected) => {
    expect(answer(`permessage-deflate; ${params}`)).toBe(expected);
  });

  it.each<[string, number, string]>([
    // The server's own window need not be announced; of the client's it may not speak unless that was offered.
    ['permessage-deflate', 12, ''],
    ['permessage-deflate; client_max_window_bits', 12, 'client_max_window_bits=12'],
    ['permessage-deflate; client_max_window_bits=10', 12, 'client_max_window_bits=10'],
    ['permessage-deflate; client_max_window_bits=14', 12, 'client_max_window_bits=12'],
    // No client is asked for 8 bits that has not named them: not every zlib can.
    ['permessage-deflate; client_max_window_bits=8', 8, 'client_max_window_bits=8'],
    ['permessage-deflate; client_max_window_bits=15', 8, 'client_max_window_bits=9'],
    ['permessage-deflate; server_max_window_bits=10', 12, 'server_max_window_bits=10'],
    ['permessage-deflate; server_max_window_bits=15', 12, 'server_max_window_bits=12'],
    [
      'permessage-deflate; client_max_window_bits; server_max_window_bits=9',
      8,
      'server_max_window_bits=8; client_max_window_bits=9',
    ],
  ])('answers %s with windows of at most %i bits', (header, windowBits, expected) => {
    expect(answer(header, { ...BOTH, windowBits })).toBe(
      ['permessage-deflate', ...(expected === '' ? [] : [expected])].join('; '),
    );
  });

  it('allows the client another window than its own', () => {
    const header = 'permessage-deflate; client_max_window_bits; server_max_window_bits';
    const policy: DeflatePolicy = { contextTakeover: 'both', windowBits: 12, clientWindowBits: 10 };
    expect(accept('permessage-deflate; client_max_window_bits', policy)).toMatchObject({
      serverMaxWindowBits: 12,
      clientMaxWindowBits: 10,
    });
    expect(answer(header, policy)).toBeUndefined(); // the server's window needs a value
  });

  it('takes the window of a client that cannot be told for the largest', () => {
    expect(accept('permessage-deflate', { ...BOTH, windowBits: 8 })).toMatchObject({
      serverMaxWindowBits: 8,
      clientMaxWindowBits: 15,
    });
  });

  it('may be asked again, with less, for a connection that is to hold nothing', () => {
    const header = 'permessage-deflate; client_max_window_bits';
    expect([answer(header, BOTH), answer(header, NONE)]).toStrictEqual([
      'permessage-deflate',
      'permessage-deflate; client_no_context_takeover',
    ]);
  });

  const BAD_BITS = ['0', '7', '16', '1000', '08', '010', '15.0', '1e1', '+8', '-8', '0x8', 'x'];

  it.each([
    'unknown',
    'unknown=1',
    'constructor',
    '__proto__',
    '__proto__=8',
    'toString',
    'hasOwnProperty=8',
    'Server_No_Context_Takeover',
    'CLIENT_MAX_WINDOW_BITS',
    'server_no_context_takeover=true',
    'server_no_context_takeover=8',
    'client_no_context_takeover=false',
    'client_no_context_takeover="1"',
    'server_no_context_takeover; server_no_context_takeover',
    'client_no_context_takeover; client_no_context_takeover',
    'server_max_window_bits=10; server_max_window_bits=10',
    'server_max_window_bits=10; server_max_window_bits=11',
    'client_max_window_bits; client_max_window_bits',
    'client_max_window_bits; client_max_window_bits=10',
    'client_max_window_bits=10; client_max_window_bits',
    'server_max_window_bits=10; unknown',
    'server_max_window_bits',
    ...BAD_BITS.map((bits) => `server_max_window_bits=${bits}`),
    ...BAD_BITS.map((bits) => `client_max_window_bits=${bits}`),
  ])('declines %s, and takes the next offer', (params) => {
    expect(answer(`permessage-deflate; ${params}`)).toBeUndefined();
    expect(answer(`permessage-deflate; ${params}, permessage-deflate`)).toBe('permessage-deflate');
  });

  // The header's grammar lets none of these come this far; the table of the parameters does not count on it.
  it.each(['', ' 8', '8 ', '8\n', '8\r\n', '１０', '٩', '8\0'])(
    'declines a window of %j bits, wherever it comes from',
    (value) => {
      for (const name of ['server_max_window_bits', 'client_max_window_bits']) {
        const offers = [{ name: 'permessage-deflate', params: [{ name, value }] }];
        expect(acceptDeflate(offers, BOTH)).toBeUndefined();
      }
    },
  );

  it.each([
    ['nothing', ''],
    ['another extension', 'x-webkit-deflate-frame'],
    ['names that begin or end alike', 'permessage-deflate2, xpermessage-deflate, permessage'],
    ['another case', 'Permessage-Deflate, PERMESSAGE-DEFLATE'],
    ['names that every object has', 'constructor, __proto__, toString; toString'],
    ['nothing but faults', 'permessage-deflate; a, permessage-deflate; b'],
  ])('declines %s', (_what, header) => {
    expect(answer(header)).toBeUndefined();
  });

  it("takes the first that will do, in the client's order", () => {
    expect(
      answer(
        'unknown, permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=10, permessage-deflate',
      ),
    ).toBe('permessage-deflate; server_max_window_bits=10');
  });

  it('looks at five parameters of an offer at most, and at no offer after the one it accepts', () => {
    let looks = 0;
    const param = (name: string, value?: string): { name: string; value: string | undefined } => ({
      get name() {
        looks++;
        return name;
      },
      value,
    });
    const many = Array.from({ length: 1000 }, () => param('client_max_window_bits'));
    const distinct = [
      param('client_max_window_bits'),
      param('server_max_window_bits', '10'),
      param('client_no_context_takeover'),
      param('server_no_context_takeover'),
    ];
    const offer = (params: ExtensionOffer['params']): ExtensionOffer => ({
      name: 'permessage-deflate',
      params,
    });
    acceptDeflate([offer([...distinct, ...many])], BOTH);
    expect(looks).toBe(5);
    looks = 0;
    acceptDeflate([offer(distinct), ...many.map((one) => offer([one]))], BOTH);
    expect(looks).toBe(4);
  });
});
