import * as fc from 'fast-check';
import { type ExtensionOffer, parseExtensions } from '../../src/protocol/handshake/extensions.js';
import {
  acceptDeflate,
  type DeflatePolicy,
  formatDeflate,
} from '../../src/protocol/deflate/negotiation.js';
import { character, check } from '../support/arbitraries.js';

const name = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom(
      'server_no_context_takeover',
      'client_no_context_takeover',
      'server_max_window_bits',
      'client_max_window_bits',
    ),
  },
  { weight: 1, arbitrary: fc.constantFrom('constructor', '__proto__', 'toString', 'x') },
);
const value = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 6, arbitrary: fc.integer({ min: 7, max: 16 }).map(String) },
  { weight: 1, arbitrary: fc.constantFrom('08', '1e1', '+8', '0', '1000', 'constructor') },
);
/** Each kind of parameter gets the kind of value that is its own, most of the time. */
const param = fc.oneof(
  { weight: 1, arbitrary: fc.record({ name, value }) },
  {
    weight: 6,
    arbitrary: fc.record({ name, value }).map((one) => ({
      name: one.name,
      value: one.name.endsWith('takeover') ? undefined : one.value,
    })),
  },
);
const offer: fc.Arbitrary<ExtensionOffer> = fc.record({
  name: fc.oneof(
    { weight: 9, arbitrary: fc.constant('permessage-deflate') },
    { weight: 1, arbitrary: fc.constantFrom('permessage-bzip2', 'constructor', '__proto__') },
  ),
  params: fc.array(param, { maxLength: 5 }),
});
const offers = fc.array(offer, { maxLength: 5 });
const policy: fc.Arbitrary<DeflatePolicy> = fc.record({
  contextTakeover: fc.constantFrom('none', 'server', 'client', 'both'),
  windowBits: fc.integer({ min: 8, max: 15 }),
});

/** An offer in one word a parameter, and in order, so that one expression tells good from bad. */
function isAcceptable(one: ExtensionOffer): boolean {
  const words = one.params.map((each) =>
    each.value === undefined ? each.name : `${each.name}=${each.value}`,
  );
  return (
    one.name === 'permessage-deflate' &&
    /^(client_max_window_bits(=([89]|1[0-5]))?\s)?(client_no_context_takeover\s)?(server_max_window_bits=([89]|1[0-5])\s)?(server_no_context_takeover\s)?$/.test(
      words
        .sort()
        .map((word) => `${word}\n`)
        .join(''),
    )
  );
}

/** What a client checks before it believes a response to its offer (sections 5.1 and 7.1). */
function expectClientToAgree(offered: ExtensionOffer, response: ExtensionOffer): void {
  const [asked, told] = [offered, response].map(
    ({ params }) => new Map(params.map((each) => [each.name, each.value])),
  ) as [Map<string, string | undefined>, Map<string, string | undefined>];
  expect(isAcceptable(response)).toBe(true);
  // What was asked is answered, and the server says nothing about itself that was not.
  for (const name of ['server_no_context_takeover', 'server_max_window_bits']) {
    expect(told.has(name)).toBe(asked.has(name));
  }
  if (asked.has('server_max_window_bits')) {
    expect(Number(told.get('server_max_window_bits'))).toBeLessThanOrEqual(
      Number(asked.get('server_max_window_bits')),
    );
  }
  if (told.has('client_max_window_bits')) {
    expect(asked.has('client_max_window_bits')).toBe(true);
    expect(Number(told.get('client_max_window_bits'))).toBeLessThanOrEqual(
      Number(asked.get('client_max_window_bits') ?? 15),
    );
  }
}

const answer = (list: readonly ExtensionOffer[], wanted: DeflatePolicy): string | undefined => {
  const accepted = acceptDeflate(list, wanted);
  return accepted && formatDeflate(accepted);
};

describe('Whatever a client offers', () => {
  it('the first acceptable offer is taken, and its client can agree to the response', () =>
    check(
      3000,
      fc.property(offers, policy, (list, wanted) => {
        const taken = list.find(isAcceptable);
        const response = answer(list, wanted);
        expect(response !== undefined).toBe(taken !== undefined);
        if (taken === undefined || response === undefined) return;
        const parsed = parseExtensions(response)!;
        expect(parsed).toHaveLength(1);
        expectClientToAgree(taken, parsed[0]!);
      }),
    ));

  it('the parameters are what the response says, and no more than the policy allows', () =>
    check(
      3000,
      fc.property(offers, policy, (list, wanted) => {
        const accepted = acceptDeflate(list, wanted);
        fc.pre(accepted !== undefined);
        const [{ params }] = parseExtensions(formatDeflate(accepted)) as [ExtensionOffer];
        const told = new Map(params.map((each) => [each.name, each.value]));
        const bits = (which: string): number => Number(told.get(which) ?? 15);
        expect(accepted).toMatchObject({
          clientNoContextTakeover: told.has('client_no_context_takeover'),
          clientMaxWindowBits: bits('client_max_window_bits'),
        });
        // The server may do with less than it says.
        expect(accepted.serverMaxWindowBits).toBeLessThanOrEqual(bits('server_max_window_bits'));
        if (told.has('server_no_context_takeover')) {
          expect(accepted.serverNoContextTakeover).toBe(true);
        }
        expect(accepted.serverMaxWindowBits).toBeLessThanOrEqual(wanted.windowBits);
        const keeps = [
          ...(accepted.serverNoContextTakeover ? [] : ['server']),
          ...(accepted.clientNoContextTakeover ? [] : ['client']),
        ];
        const may = {
          none: [],
          server: ['server'],
          client: ['client'],
          both: ['server', 'client'],
        };
        expect(may[wanted.contextTakeover]).toEqual(expect.arrayContaining(keeps));
      }),
    ));

  it('offering what was answered is answered with the same', () =>
    check(
      1500,
      fc.property(offers, policy, (list, wanted) => {
        const response = answer(list, wanted);
        fc.pre(response !== undefined);
        expect(answer(parseExtensions(response)!, wanted)).toBe(response);
      }),
    ));

  it('what is acceptable does not depend on the policy, so that shared mode is always there to fall back to', () =>
    check(
      1500,
      fc.property(offers, policy, policy, (list, one, other) => {
        expect(answer(list, one) === undefined).toBe(answer(list, other) === undefined);
      }),
    ));

  it('neither white space nor quotes change the answer', () =>
    check(
      1500,
      fc.property(offers, policy, fc.infiniteStream(fc.nat(3)), (list, wanted, choices) => {
        const pick = (...ways: string[]): string => ways[choices.next().value! % ways.length]!;
        const space = (): string => pick('', ' ', '\t', '  ');
        const header = list
          .map(({ name: extension, params }) =>
            [
              extension,
              ...params.map((each) => {
                if (each.value === undefined) return each.name;
                const { value: plain } = each;
                const written = pick(plain, `"${plain}"`, `"\\${plain}"`, plain);
                return `${each.name}${space()}=${space()}${written}`;
              }),
            ].join(`${space()};${space()}`),
          )
          .join(`${space()},${pick('', ',', ' , ')}${space()}`);
        expect(answer(parseExtensions(header)!, wanted)).toBe(answer(list, wanted));
      }),
    ));

  it('any text is a legal answer, a refusal, or a malformed header, and never an exception', () =>
    check(
      3000,
      fc.property(
        fc
          .array(
            fc.oneof(
              fc.constantFrom(
                ...['permessage-deflate', 'server_max_window_bits', 'client_max_window_bits'],
                ...['client_no_context_takeover', '"', '\\', ';', ';', ',', '=', ' ', '10', '"9"'],
              ),
              fc.string({ unit: character, maxLength: 3 }),
            ),
            { maxLength: 20 },
          )
          .map((parts) => parts.join('')),
        policy,
        (header, wanted) => {
          const list = parseExtensions(header);
          fc.pre(list !== undefined);
          expect(answer(list, wanted) ?? 'permessage-deflate').toMatch(/^permessage-deflate\b/);
        },
      ),
    ));
});
