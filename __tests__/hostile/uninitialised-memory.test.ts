/** Numbers and typed arrays where bytes are expected must not send memory that was never written (CVE-2016-10518, CVE-2026-45736). */
import type { WebSocketConnection } from '../../src/index.js';
import { clientClose } from '../support/frames.js';
import { Host, stopHosts } from '../support/host.js';
import type { RawClient } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);

  let connection: WebSocketConnection;
  let client: RawClient;
  beforeEach(async () => {
    const host = await Host.startOver(version);
    client = await host.open();
    ({ connection } = await host.connection());
  });
  afterEach(() => {
    client.destroy();
  });

  class OwnBuffer extends Uint8Array {}

  const BYTES = Array.from({ length: 64 }, (_, i) => i + 1);
  const { buffer } = Uint8Array.from(BYTES);
  /** Every kind of bytes there is, each a view of the middle of a buffer whose rest must not leave. */
  const VIEWS: [string, ArrayBufferView][] = [
    ...[
      Int8Array,
      Uint8Array,
      Uint8ClampedArray,
      Int16Array,
      Uint16Array,
      Int32Array,
      Uint32Array,
      Float32Array,
      Float64Array,
      BigInt64Array,
      BigUint64Array,
      OwnBuffer,
    ].map((Kind): [string, ArrayBufferView] => {
      const count = 16 / Kind.BYTES_PER_ELEMENT;
      return [Kind.name, new Kind(buffer, 16, count)];
    }),
    ['DataView', new DataView(buffer, 16, 16)],
    ['Buffer', Buffer.from(buffer, 16, 16)],
  ];
  const SENT = Buffer.from(BYTES.slice(16, 32)).toString('hex');

  describe('the bytes on the wire are the bytes given', () => {
    test.each(VIEWS)('for a %s', async (_kind, view) => {
      connection.send(view);
      connection.ping(view);
      connection.pong(view);
      connection.sendFrame(view);
      for (const name of ['binary', 'ping', 'pong', 'binary']) {
        expect(await client.words()).toBe(`${name} ${SENT}`);
      }
    });

    test('for an ArrayBuffer and a SharedArrayBuffer', async () => {
      const shared = new SharedArrayBuffer(3);
      new Uint8Array(shared).set([1, 2, 3]);
      connection.send(Uint8Array.of(1, 2, 3).buffer);
      connection.send(shared);
      expect(await client.words()).toBe('binary 010203');
      expect(await client.words()).toBe('binary 010203');
    });

    test('for an array that is 20 floats long, which is 80 bytes and not 20', () => {
      expect(() => connection.ping(new Float32Array(20))).not.toThrow();
      expect(() => connection.ping(new Float32Array(32))).toThrow(RangeError);
    });
  });

  const NOT_BYTES: [string, unknown][] = [
    ['a number', 100],
    ['a bigint', 100n],
    ['a boolean', true],
    ['null', null],
    ['undefined', undefined],
    ['an object with a length', { length: 100 }],
    ['an array', [1, 2, 3]],
    ['a symbol', Symbol('x')],
  ];

  describe('what is not bytes is a TypeError, and nothing is written', () => {
    test.each(NOT_BYTES)('%s', async (_what, data) => {
      expect(() => connection.send(data as string)).toThrow(TypeError);
      expect(() => connection.sendFrame(data as string)).toThrow(TypeError);
      if (data !== undefined) {
        expect(() => connection.ping(data as string)).toThrow(TypeError);
        expect(() => connection.pong(data as string)).toThrow(TypeError);
      }
      connection.send('next');
      expect(await client.words()).toBe('text 6e657874');
    });

    test.each([...VIEWS, ...NOT_BYTES.filter(([, reason]) => reason !== undefined)])(
      '%s as the reason of a close',
      async (_what, reason) => {
        expect(() => connection.close(1000, reason as string)).toThrow(TypeError);
        expect(connection.readyState).toBe('open');
        connection.send('next');
        expect(await client.words()).toBe('text 6e657874');
      },
    );

    test.each([...VIEWS, ...NOT_BYTES.filter(([, reason]) => reason !== undefined)])(
      '%s as the reason of the answer to a close',
      async (_what, reason) => {
        let thrown: unknown;
        connection.on('closing', (_code, _reason, reply) => {
          try {
            reply(1000, reason as string);
          } catch (error) {
            thrown = error;
          }
          reply(4000, 'next');
        });
        client.send(clientClose());
        expect(await client.close()).toEqual({ code: 4000, reason: 'next' });
        expect(thrown).toMatchObject({ name: 'TypeError' });
      },
    );
  });
});
