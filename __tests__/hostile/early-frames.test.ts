/** Frames that arrive with, or before the answer to, the handshake (CVE-2022-21676 crashed engine.io). */
import type { Http2ServerRequest } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import { clientClose, clientFrame } from '../support/frames.js';
import { Host, stopHosts } from '../support/host.js';
import type { RawClient } from '../support/raw-client.js';
import { MemoryLogger } from '../support/server.js';
import { ACCEPTED, VERSIONS } from '../support/versions.js';

afterEach(stopHosts);

const text = (payload: string): Buffer => clientFrame({ opcode: 1, payload });

describe.each(VERSIONS)('over %s', (version) => {
  /** Sends a handshake and frames in one packet, to a server with or without an asynchronous authorize. */
  const rush = (host: Host, ...frames: Buffer[]): Promise<RawClient> => host.request({}, ...frames);

  describe.each([
    ['at once', {}],
    ['later', { authorize: () => delay(20) }],
  ])('in one packet with a handshake that is answered %s', (_when, options) => {
    test.each([
      ['reserved bits', clientFrame({ opcode: 1, rsv: 3 }), 1002],
      ['a reserved opcode', clientFrame({ opcode: 15 }), 1002],
      ['no mask', clientFrame({ opcode: 1, payload: 'a', key: null }), 1002],
      ['a fragmented Ping', clientFrame({ opcode: 9, fin: false }), 1002],
      ['a continuation of nothing', clientFrame({ opcode: 0 }), 1002],
      ['a length that is too big', clientFrame({ opcode: 2, form: 64, length: 1n << 40n }), 1009],
      ['bad UTF-8', clientFrame({ opcode: 1, payload: Buffer.from([0xc0]) }), 1007],
      ['a bad Close', clientFrame({ opcode: 8, payload: 'x' }), 1002],
      ['a good Close', clientClose(4000), 4000],
    ])(
      'a frame with %s is answered with its code, and the handshake is accepted',
      async (_fault, frame, code) => {
        const host = await Host.startOver(version, options);
        const client = await rush(host, frame);
        expect((await client.response()).status).toBe(ACCEPTED[version]);
        expect((await client.close()).code).toBe(code);
        expect(await client.ended()).toBe('end');
        expect(client.frames).toHaveLength(1);
        client.destroy();
      },
    );

    test('messages are delivered in order, each once', async () => {
      const host = await Host.startOver(version, options);
      const words = Array.from({ length: 200 }, (_, i) => `word ${String(i)}`);
      const client = await rush(host, ...words.map(text), clientClose(1000));
      const ours = await host.connection();
      expect(await ours.receive(200)).toEqual(words);
      client.finish();
      expect(await ours.ended).toMatchObject({ code: 1000, clean: true });
    });

    test('the first bytes of a frame are joined with the rest of it', async () => {
      const host = await Host.startOver(version, options);
      const frame = text('in two pieces');
      const client = await rush(host, frame.subarray(0, 3));
      await client.response();
      client.send(frame.subarray(3));
      const ours = await host.connection();
      expect(await ours.receive(1)).toEqual(['in two pieces']);
      client.destroy();
    });
  });

  test('half a MiB sent while authorize runs is held back by the kernel, and all of it arrives', async () => {
    let admit = (): void => {};
    const admitted = new Promise<void>((resolve) => (admit = resolve));
    let early = 0;
    const host = await Host.startOver(version, {
      authorize: async (request) => {
        // Over HTTP/2 it is the session's socket; `session` is of an HTTP/2 request alone.
        const { stream } = request as unknown as Partial<Http2ServerRequest>;
        const { socket } = stream?.session ?? request;
        const before = socket.bytesRead;
        await admitted;
        early = socket.bytesRead - before;
      },
    });
    const message = 'x'.repeat(65_536);
    const client = await rush(host, ...Array<Buffer>(64).fill(text(message)));
    await delay(50);
    admit();
    const ours = await host.connection();
    expect(await ours.receive(64)).toEqual(Array(64).fill(message));
    // At most 64 KiB and the read that went past it, and what Node's stream holds for itself.
    expect(early).toBeLessThanOrEqual(4 * 65_536);
    client.destroy();
  });

  test('frames after a handshake that is rejected are discarded', async () => {
    const host = await Host.startOver(version, { path: '/elsewhere', logger: new MemoryLogger() });
    const client = await rush(host, text('hello'), clientFrame({ opcode: 15 }));
    expect((await client.response()).status).toBe(404);
    expect(await client.ended()).toBe('end');
    client.destroy();
  });
});
