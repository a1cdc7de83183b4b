import { Deadlines } from '../../../src/connection/limits/deadlines.js';
import type { PermessageDeflate } from '../../../src/connection/deflate/permessage-deflate.js';
import {
  type ExtensionOffer,
  parseExtensions,
} from '../../../src/protocol/handshake/extensions.js';
import { DeflateBudget, type DeflateManners } from '../../../src/server/deflate-budget.js';
import type { DeflateOptions } from '../../../src/server/options/options.js';
import { resolveOptions } from '../../../src/server/options/resolve-options.js';
import { HandClock } from '../../support/server.js';

const offers = (header: string): ExtensionOffer[] => parseExtensions(header)!;
const PLAIN = offers('permessage-deflate');
const BROWSER = offers('permessage-deflate; client_max_window_bits');

function make(options: DeflateOptions | true, manners?: DeflateManners): DeflateBudget {
  const { perMessageDeflate } = resolveOptions({ perMessageDeflate: options }, []);
  if (perMessageDeflate === false) throw new Error('it is off');
  return new DeflateBudget(perMessageDeflate, new Deadlines(new HandClock()), manners);
}

/** Opens a connection for these offers. */
function open(compressions: DeflateBudget, offered = BROWSER): PermessageDeflate {
  return compressions.open(compressions.negotiate(offered)!);
}

const MESSAGE = Buffer.from('message '.repeat(50));

describe('Compressions, negotiating', () => {
  it.each<[DeflateOptions | true, ExtensionOffer[], string]>([
    [true, PLAIN, 'permessage-deflate; client_no_context_takeover'],
    [true, BROWSER, 'permessage-deflate; client_no_context_takeover'],
    [{ contextTakeover: 'both' }, BROWSER, 'permessage-deflate; client_max_window_bits=12'], // prettier-ignore
    [{ contextTakeover: 'server', windowBits: 15 }, BROWSER, 'permessage-deflate; client_no_context_takeover'], // prettier-ignore
    [{ contextTakeover: 'client', windowBits: 9 }, PLAIN, 'permessage-deflate'], // prettier-ignore
  ])('with %p answers %j', (options, offered, response) => {
    expect(make(options).negotiate(offered)?.response).toBe(response);
  });

  it('allows the client another window than its own', () => {
    const { parameters } = make(true, { clientWindowBits: 10 }).negotiate(BROWSER)!;
    expect(parameters).toMatchObject({ serverMaxWindowBits: 15, clientMaxWindowBits: 10 });
  });

  it.each(['x-webkit-deflate-frame', 'permessage-deflate; server_max_window_bits=16', ''])(
    'accepts nothing of %p',
    (header) => {
      const offered = header === '' ? [] : offers(header);
      expect(make(true).negotiate(offered)).toBeUndefined();
    },
  );
});

describe('Compressions, what connections share', () => {
  it('is one object for all connections with the same windows and no takeover', () => {
    const compressions = make(true);
    const first = open(compressions);
    expect(open(compressions)).toBe(first);
    expect(open(compressions, PLAIN)).toBe(first);
    const narrow = offers('permessage-deflate; server_max_window_bits=9');
    expect(open(compressions, narrow)).not.toBe(first);
    expect(open(compressions, offers('permessage-deflate; client_max_window_bits=9'))).not.toBe(
      first,
    );
    expect(open(compressions, narrow)).toBe(open(compressions, narrow));
    expect(compressions.bytes).toBe(0);
    first.close(); // one of the connections goes
    expect(open(compressions)).toBe(first);
    expect(first.inflate(first.deflate(MESSAGE)!, 1000)).toStrictEqual(MESSAGE);
  });

  it('is not the same for the other role', () => {
    const compressions = make(true);
    const negotiated = compressions.negotiate(offers('permessage-deflate; client_max_window_bits=9'))!; // prettier-ignore
    const [server, client] = [compressions.open(negotiated), compressions.open(negotiated, 'client')]; // prettier-ignore
    expect([server.windowBits, client.windowBits]).toStrictEqual([15, 9]);
  });

  it('does not include contexts of their own', () => {
    const compressions = make({ contextTakeover: 'both' });
    expect(open(compressions)).not.toBe(open(compressions));
  });

  it('has the threshold, level and memLevel of the options', () => {
    const compression = open(make({ threshold: 7, level: 0 }));
    expect(compression.threshold).toBe(7);
    expect(compression.deflate(MESSAGE)!.length).toBeGreaterThan(MESSAGE.length);
  });

  it('has another threshold for a window that is kept, if it is told', () => {
    const options: DeflateOptions = { contextTakeover: 'both', threshold: 7 };
    expect(open(make(options)).threshold).toBe(7);
    expect(open(make(options, { takeoverThreshold: 2 })).threshold).toBe(2);
  });
});

describe('Compressions, the budget of memory', () => {
  it('counts the contexts of the connections that are open', () => {
    const compressions = make({ contextTakeover: 'both' });
    const negotiated = compressions.negotiate(BROWSER)!;
    expect(negotiated.bytes).toBe(22 * 1024);
    expect(negotiated.bytes).toBeGreaterThan(0);
    expect(compressions.bytes).toBe(0); // not open yet
    const [one, other] = [compressions.open(negotiated), open(compressions)];
    expect(compressions.bytes).toBe(2 * negotiated.bytes);
    one.close();
    expect(compressions.bytes).toBe(negotiated.bytes);
    other.close();
    expect(compressions.bytes).toBe(0);
  });

  it("counts zlib's compressor where that is chosen", () => {
    const bytes = (options: DeflateOptions): number =>
      make({ contextTakeover: 'server', ...options }).negotiate(BROWSER)!.bytes;
    expect(bytes({})).toBe(18 * 1024);
    expect(bytes({ compressor: 'zlib' })).toBe(2 ** 14 + 2 ** 14 + 72 * 1024);
  });

  it('compresses with the compressor that was chosen', () => {
    const length = (options: DeflateOptions): number =>
      open(make({ contextTakeover: 'server', ...options })).deflate(MESSAGE)!.length;
    expect(length({ compressor: 'zlib', level: 0 })).toBeGreaterThan(MESSAGE.length);
    expect(length({})).toBe(14);
    expect(length({ compressor: 'compact' })).toBe(14);
    expect(length({ compressor: 'zlib' })).toBe(16);
    expect(length({ compressor: 'zlib', memLevel: 9 })).toBe(16);
  });

  it('counts them as large as memLevel makes them', () => {
    const bytes = [1, 9].map(
      (memLevel) =>
        make({ contextTakeover: 'server', compressor: 'zlib', memLevel }).negotiate(BROWSER)!.bytes,
    );
    expect(bytes[1]! - bytes[0]!).toBe(2 ** 18 - 2 ** 10);
  });

  it('shares where it is used up, until a connection has gone', () => {
    const each = make({ contextTakeover: 'both' }).negotiate(BROWSER)!.bytes;
    const compressions = make({ contextTakeover: 'both', memoryBudget: 2 * each + each / 2 });
    const takeover = 'permessage-deflate; client_max_window_bits=12';
    const shared = 'permessage-deflate; client_no_context_takeover; client_max_window_bits=12';
    const connections = [open(compressions), open(compressions)];
    expect(compressions.bytes).toBe(2 * each);
    const third = compressions.negotiate(BROWSER)!;
    expect([third.response, third.bytes]).toStrictEqual([shared, 0]);
    expect(compressions.open(third).isShareable).toBe(true);
    expect(compressions.bytes).toBe(2 * each);
    connections[0]!.close();
    expect(compressions.negotiate(BROWSER)!.response).toBe(takeover);
  });

  it('may be used up to its last byte', () => {
    const { bytes } = make({ contextTakeover: 'both' }).negotiate(BROWSER)!;
    expect(make({ contextTakeover: 'both', memoryBudget: bytes }).negotiate(BROWSER)!.bytes).toBe(bytes); // prettier-ignore
    expect(make({ contextTakeover: 'both', memoryBudget: bytes - 1 }).negotiate(BROWSER)!.bytes).toBe(0); // prettier-ignore
  });

  it('costs nothing a client that takes nothing over', () => {
    const header = 'permessage-deflate; server_no_context_takeover; client_no_context_takeover';
    expect(make({ contextTakeover: 'both', memoryBudget: 1 }).negotiate(offers(header))!.bytes).toBe(0); // prettier-ignore
  });
});
