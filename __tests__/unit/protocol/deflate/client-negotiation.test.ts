import {
  formatExtensions,
  parseExtensions,
} from '../../../../src/protocol/handshake/extensions.js';
import {
  type DeflateAnswer,
  type DeflateOfferPolicy,
  offerDeflate,
  readDeflateAnswer,
} from '../../../../src/protocol/deflate/client-negotiation.js';
import {
  acceptDeflate,
  type DeflatePolicy,
  formatDeflate,
} from '../../../../src/protocol/deflate/negotiation.js';

/** What a client reads that has made this offer and gets this answer. */
function read(policy: DeflateOfferPolicy, answer: string): DeflateAnswer {
  const header = ['permessage-deflate', ...(answer === '' ? [] : [answer])].join('; ');
  return readDeflateAnswer(parseExtensions(header)![0]!.params, offerDeflate(policy));
}

describe('offerDeflate', () => {
  it.each<[DeflateOfferPolicy, string]>([
    [{}, ''],
    [{ clientMaxWindowBits: false, serverMaxWindowBits: undefined }, ''],
    [{ serverNoContextTakeover: false, clientNoContextTakeover: false }, ''],
    [{ clientMaxWindowBits: true }, '; client_max_window_bits'],
    [{ clientMaxWindowBits: 8 }, '; client_max_window_bits=8'],
    [{ serverMaxWindowBits: 15 }, '; server_max_window_bits=15'],
    [{ serverNoContextTakeover: true }, '; server_no_context_takeover'],
    [{ clientNoContextTakeover: true }, '; client_no_context_takeover'],
    [
      {
        serverNoContextTakeover: true,
        clientNoContextTakeover: true,
        serverMaxWindowBits: 9,
        clientMaxWindowBits: 10,
      },
      '; server_no_context_takeover; client_no_context_takeover; server_max_window_bits=9; client_max_window_bits=10',
    ],
  ])('offers %j as permessage-deflate%s', (policy, params) => {
    expect(formatExtensions([offerDeflate(policy)])).toBe(`permessage-deflate${params}`);
  });
});

describe('readDeflateAnswer (RFC 7692 section 7.1)', () => {
  it('agrees on the largest windows and on context takeover where neither side says more', () => {
    for (const policy of [{}, { clientMaxWindowBits: true }]) {
      expect(read(policy, '')).toStrictEqual({
        parameters: {
          serverNoContextTakeover: false,
          clientNoContextTakeover: false,
          serverMaxWindowBits: 15,
          clientMaxWindowBits: 15,
        },
      });
    }
  });

  it.each<[string, object]>([
    ['server_no_context_takeover', { serverNoContextTakeover: true }],
    ['client_no_context_takeover', { clientNoContextTakeover: true }],
    ['server_max_window_bits=8', { serverMaxWindowBits: 8 }],
  ])('lets the server answer %s unasked', (answer, parameters) => {
    expect(read({}, answer)).toMatchObject({ parameters });
  });

  it.each<[DeflateOfferPolicy, string, object]>([
    [{ clientMaxWindowBits: true }, 'client_max_window_bits=8', { clientMaxWindowBits: 8 }],
    [{ clientMaxWindowBits: true }, 'client_max_window_bits=15', { clientMaxWindowBits: 15 }],
    [{ clientMaxWindowBits: 12 }, 'client_max_window_bits=12', { clientMaxWindowBits: 12 }],
    [{ clientMaxWindowBits: 12 }, 'client_max_window_bits=9', { clientMaxWindowBits: 9 }],
    [{ serverMaxWindowBits: 12 }, 'server_max_window_bits=12', { serverMaxWindowBits: 12 }],
    [{ serverMaxWindowBits: 12 }, 'server_max_window_bits=8', { serverMaxWindowBits: 8 }],
  ])('reads after the offer %j the answer %s', (policy, answer, parameters) => {
    expect(read(policy, answer)).toMatchObject({ parameters });
  });

  it('keeps to what it has said of itself, even if the server does not answer it', () => {
    expect(read({ clientMaxWindowBits: 10, clientNoContextTakeover: true }, '')).toMatchObject({
      parameters: { clientMaxWindowBits: 10, clientNoContextTakeover: true },
    });
  });

  it.each<[DeflateOfferPolicy, string, object]>([
    [{}, 'foo', { code: 'unknown-parameter', name: 'foo', value: undefined }],
    [
      {},
      'server_no_context_takeover; server_no_context_takeover',
      { code: 'repeated-parameter', name: 'server_no_context_takeover', value: undefined },
    ],
    [
      {},
      'server_no_context_takeover=1',
      { code: 'invalid-value', name: 'server_no_context_takeover', value: '1' },
    ],
    [
      {},
      'client_no_context_takeover=true',
      { code: 'invalid-value', name: 'client_no_context_takeover', value: 'true' },
    ],
    [
      {},
      'server_max_window_bits',
      { code: 'invalid-value', name: 'server_max_window_bits', value: undefined },
    ],
    [
      {},
      'server_max_window_bits=16',
      { code: 'invalid-value', name: 'server_max_window_bits', value: '16' },
    ],
    // Without a value it may be in an offer only (section 7.1.2.2).
    [
      { clientMaxWindowBits: true },
      'client_max_window_bits',
      { code: 'invalid-value', name: 'client_max_window_bits', value: undefined },
    ],
    [
      {},
      'client_max_window_bits=15',
      { code: 'unoffered-parameter', name: 'client_max_window_bits' },
    ],
    [
      { clientMaxWindowBits: 9 },
      'client_max_window_bits=10',
      { code: 'larger-window', name: 'client_max_window_bits', offered: 9, answered: 10 },
    ],
    [
      { serverMaxWindowBits: 14 },
      'server_max_window_bits=15',
      { code: 'larger-window', name: 'server_max_window_bits', offered: 14, answered: 15 },
    ],
  ])('finds after the offer %j a fault in the answer %s', (policy, answer, fault) => {
    expect(read(policy, answer)).toStrictEqual({ fault });
  });

  it.each<[DeflateOfferPolicy, string, object]>([
    [
      { serverNoContextTakeover: true },
      'server_no_context_takeover',
      { serverNoContextTakeover: false },
    ],
    [{ serverMaxWindowBits: 10 }, 'server_max_window_bits', { serverMaxWindowBits: 15 }],
  ])('tells when a server ignored %j, and what it does instead', (policy, name, parameters) => {
    expect(read(policy, '')).toMatchObject({
      fault: { code: 'ignored-parameter', name, parameters },
    });
  });

  it('understands every answer of the server’s half, and both sides agree', () => {
    const windows = [undefined, 8, 9, 12, 15];
    const offers = windows.flatMap((serverMaxWindowBits) =>
      [false, true, 8, 11, 15].flatMap((clientMaxWindowBits) =>
        [false, true].flatMap((serverNoContextTakeover) =>
          [false, true].map((clientNoContextTakeover): DeflateOfferPolicy => ({
            serverMaxWindowBits,
            clientMaxWindowBits,
            serverNoContextTakeover,
            clientNoContextTakeover,
          })),
        ),
      ),
    );
    const policies = (['none', 'server', 'client', 'both'] as const).flatMap((contextTakeover) =>
      [8, 10, 15].map((windowBits): DeflatePolicy => ({ contextTakeover, windowBits })),
    );
    for (const offered of offers) {
      for (const policy of policies) {
        const offer = offerDeflate(offered);
        const accepted = acceptDeflate([offer], policy)!;
        const [answer] = parseExtensions(formatDeflate(accepted))!;
        const { fault, ...read } = readDeflateAnswer(answer!.params, offer);
        expect(fault).toBeUndefined();
        const { parameters } = read as Extract<DeflateAnswer, { parameters: object }>;
        expect(parameters.clientNoContextTakeover).toBe(accepted.clientNoContextTakeover);
        expect(parameters.clientMaxWindowBits).toBe(accepted.clientMaxWindowBits);
        // A server need not announce that it does less than it might.
        expect(parameters.serverMaxWindowBits).toBeGreaterThanOrEqual(accepted.serverMaxWindowBits);
        if (parameters.serverNoContextTakeover) expect(accepted.serverNoContextTakeover).toBe(true);
      }
    }
  });
});
