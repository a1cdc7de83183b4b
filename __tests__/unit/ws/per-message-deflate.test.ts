import * as ws from 'ws';
import { extension } from '../../../src/ws/extension.js';
import {
  PerMessageDeflate,
  type PerMessageDeflateSide,
} from '../../../src/ws/per-message-deflate.js';

// @types/ws does not know it yet.
const Theirs = (ws as unknown as { PerMessageDeflate: typeof PerMessageDeflate }).PerMessageDeflate;
type Given = PerMessageDeflateSide;
type End = InstanceType<typeof PerMessageDeflate>;

/** @types/ws has no constructor with `maxPayload`; ws has had two places for it. */
const theirs = (options: Given): End => new Theirs(options);
const accepted = (end: End, header: string): unknown => {
  try {
    return { ...end.accept(extension.parse(header)['permessage-deflate']!) };
  } catch (error) {
    return (error as Error).constructor === Object ? error : 'refused';
  }
};
const run = (end: End, how: 'compress' | 'decompress', data: Buffer, fin = true): Promise<Buffer> =>
  new Promise((done, fail) => {
    end[how](data, fin, (error, result) => {
      if (error) fail(error);
      else done(result!);
    });
  });
/** Both ends after the negotiation of `parameters`. */
function pair(parameters = '', maxPayload = 0): { server: End; client: End } {
  const server = new PerMessageDeflate({ isServer: true, maxPayload });
  const client = new PerMessageDeflate({ maxPayload });
  const header = `permessage-deflate${parameters}`;
  server.accept(extension.parse(header)['permessage-deflate']!);
  client.accept(extension.parse(header)['permessage-deflate']!);
  return { server, client };
}

const TEXT = Buffer.from('a hawser is a rope '.repeat(50));

describe('PerMessageDeflate', () => {
  it('has the name of the extension', () => {
    expect(PerMessageDeflate.extensionName).toBe('permessage-deflate');
  });

  it.each<[Given | undefined]>([
    [undefined],
    [{ serverNoContextTakeover: true, clientNoContextTakeover: true }],
    [{ serverMaxWindowBits: 10, clientMaxWindowBits: 11 }],
    [{ clientMaxWindowBits: false }],
  ])('offers with %j what ws offers', (options) => {
    expect(new PerMessageDeflate(options).offer()).toEqual(new Theirs(options).offer());
  });

  it.each<[Given, string]>([
    [{ isServer: true }, 'permessage-deflate'],
    [
      { isServer: true },
      'permessage-deflate; server_no_context_takeover; server_max_window_bits=9',
    ],
    [{ isServer: true, clientNoContextTakeover: true }, 'permessage-deflate'],
    [{ isServer: true, clientMaxWindowBits: 10 }, 'permessage-deflate; client_max_window_bits'],
    [{ isServer: true }, 'permessage-deflate; unknown'],
    [{}, 'permessage-deflate; server_max_window_bits=12'],
    [{}, 'permessage-deflate; client_no_context_takeover; client_max_window_bits=12'],
    [{ clientMaxWindowBits: 10 }, 'permessage-deflate; client_max_window_bits=12'],
    [{}, 'permessage-deflate; client_max_window_bits'],
    [{ serverNoContextTakeover: true }, 'permessage-deflate'],
  ])('accepts or refuses with %j what ws does of %j', (options, header) => {
    const ours = new PerMessageDeflate(options);
    expect(ours.params).toBeNull();
    const expected = accepted(theirs(options), header);
    expect(accepted(ours, header)).toEqual(expected);
    expect(ours.params).toEqual(expected === 'refused' ? null : expected);
  });

  it.each(['', '; server_no_context_takeover; client_no_context_takeover'])(
    'decompresses what ws compresses, and the other way round, with "%s"',
    async (parameters) => {
      const { client } = pair(parameters);
      const offers = (): ReturnType<typeof extension.parse>[string] =>
        extension.parse(`permessage-deflate${parameters}`)['permessage-deflate']!;
      const other = theirs({ isServer: true });
      other.accept(offers());
      for (let round = 0; round < 2; round++) {
        expect(await run(client, 'decompress', await run(other, 'compress', TEXT))).toEqual(TEXT);
        expect(await run(other, 'decompress', await run(client, 'compress', TEXT))).toEqual(TEXT);
      }
      other.cleanup();
    },
  );

  it('refers to the message before only where the window is kept', async () => {
    const { server: keeps } = pair();
    const { server: forgets } = pair('; server_no_context_takeover');
    const sizes = async (end: End): Promise<number[]> => [
      (await run(end, 'compress', TEXT)).length,
      (await run(end, 'compress', TEXT)).length,
    ];
    const [first, second] = await sizes(keeps);
    expect(second).toBeLessThan(first!);
    const [alone, again] = await sizes(forgets);
    expect(again).toBe(alone);
  });

  it('compresses and decompresses a message in parts', async () => {
    const { server, client } = pair('; server_no_context_takeover');
    const parts = [TEXT.subarray(0, 100), Buffer.alloc(0), TEXT.subarray(100)];
    const payloads: Buffer[] = [];
    for (const [i, part] of parts.entries()) {
      payloads.push(await run(server, 'compress', part, i === 2));
    }
    expect(await run(client, 'decompress', payloads[0]!, false)).toHaveLength(0);
    expect(await run(client, 'decompress', payloads[1]!, false)).toHaveLength(0);
    expect(await run(client, 'decompress', payloads[2]!)).toEqual(TEXT);
    const text = await new Promise<Buffer>((done) => {
      server.compress('é', true, (_error, payload) => {
        done(payload!);
      });
    });
    expect((await run(client, 'decompress', text)).toString()).toBe('é');
  });

  it('gives the codes of ws for what cannot be decompressed', async () => {
    const { server, client } = pair('', 100);
    const long = await run(server, 'compress', TEXT);
    await expect(run(client, 'decompress', long)).rejects.toMatchObject({
      name: 'RangeError',
      message: 'Max payload size exceeded',
      code: 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH',
    });
    await expect(run(client, 'decompress', Buffer.from('ffff', 'hex'))).rejects.toMatchObject({
      code: 'Z_DATA_ERROR',
    });
  });

  it('throws at the call for a wrong value, and without a negotiation', () => {
    expect(() => new PerMessageDeflate({ serverMaxWindowBits: 16 })).toThrow(TypeError);
    const end = new PerMessageDeflate();
    const early = new Error('PerMessageDeflate: accept() must come before compress and decompress');
    expect(() => {
      end.compress(TEXT, true, jest.fn());
    }).toThrow(early);
    end.accept([{}]);
    end.cleanup();
    expect(() => {
      end.decompress(TEXT, true, jest.fn());
    }).toThrow(early);
    new PerMessageDeflate().cleanup();
  });
});
