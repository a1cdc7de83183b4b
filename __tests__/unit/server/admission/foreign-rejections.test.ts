import { Readable } from 'node:stream';
import {
  rejectionOfHttpError,
  statusAdvice,
  withResponses,
} from '../../../../src/server/admission/foreign-rejections.js';
import { UpgradeRejection } from '../../../../src/protocol/handshake/upgrade-rejection.js';
import { ask, MemoryLogger, serve } from '../../../support/server.js';

const LIMIT = 64 * 1024;

/** What a Response stands for, in the words of a rejection. */
async function rejectionOf(response: unknown): Promise<UpgradeRejection> {
  const thrown = await Promise.resolve(
    withResponses(() => {
      throw response;
    }),
  ).catch((error: unknown) => error);
  expect(thrown).toBeInstanceOf(UpgradeRejection);
  return thrown as UpgradeRejection;
}

/** An error as http-errors makes it. */
function httpError(status: number, expose: boolean, headers?: Record<string, string>): Error {
  return Object.assign(new Error('the message'), { status, statusCode: status, expose, headers });
}

describe('a Response', () => {
  it.each<[string, (response: Response) => unknown]>([
    [
      'thrown',
      (response) => {
        throw response as unknown as Error;
      },
    ],
    ['returned', (response) => response],
    [
      'thrown later',
      async (response) => {
        await Promise.resolve();
        throw response as unknown as Error;
      },
    ],
    ['returned later', (response) => Promise.resolve(response)],
  ])('that authorize has %s is the rejection', async (_how, act) => {
    const { port, log, wss } = await serve({
      authorize: () => {
        const headers = { 'WWW-Authenticate': 'Bearer', 'Content-Type': 'application/json' };
        return act(new Response('{"login":true}', { status: 401, headers })) as undefined;
      },
    });
    const { status, body, header } = await (await ask(port)).response();
    expect([status, body]).toEqual([401, '{"login":true}']);
    expect(header('WWW-Authenticate')).toBe('Bearer');
    expect(header('Content-Type')).toBe('application/json');
    expect(header('Content-Length')).toBe('14');
    expect(log.lines).toEqual(['warn rejected an upgrade from 127.0.0.1 with 401: {"login":true}']);
    expect(wss.stats()).toMatchObject({ upgradesPending: 0, upgradesRejected: { 401: 1 } });
  });

  it('without a body has the name of its status, and each cookie', async () => {
    const headers = new Headers({ Location: '/login' });
    headers.append('Set-Cookie', 'a=1');
    headers.append('Set-Cookie', 'b=2');
    const { body, headers: fields } = await rejectionOf(
      new Response(null, { status: 302, headers }),
    );
    expect([body, fields]).toEqual([
      undefined,
      { location: '/login', 'Set-Cookie': ['a=1', 'b=2'] },
    ]);
  });

  it('has no header about how its body was sent elsewhere', async () => {
    const headers = { 'Content-Encoding': 'gzip', 'Content-Length': '99', Connection: 'close' };
    const rejection = await rejectionOf(new Response('decoded', { status: 403, headers }));
    expect([rejection.body, rejection.headers]).toEqual([
      'decoded',
      { 'content-type': 'text/plain;charset=UTF-8' },
    ]);
  });

  it('has no body that is longer than 64 KiB, and the rest of it is not read', async () => {
    expect((await rejectionOf(new Response('x'.repeat(LIMIT), { status: 400 }))).body).toHaveLength(
      LIMIT,
    );
    let pulled = 0;
    let isCancelled = false;
    const endless = new ReadableStream({
      pull: (controller) => {
        pulled++;
        controller.enqueue(new Uint8Array(1024).fill(0x78));
      },
      cancel: () => {
        isCancelled = true;
      },
    });
    const { body, headers } = await rejectionOf(
      new Response(endless, { status: 400, headers: { 'Content-Type': 'text/plain' } }),
    );
    expect([body, headers, isCancelled]).toEqual([undefined, {}, true]);
    expect(pulled).toBeLessThan(70);
  });

  it.each<[string, () => Response | Promise<Response>]>([
    ['is not UTF-8', () => new Response(Uint8Array.of(0xff), { status: 400 })],
    ['ends inside a character', () => new Response(Uint8Array.of(0xc3), { status: 400 })],
    [
      'fails',
      () =>
        new Response(
          new ReadableStream({
            pull: () => {
              throw new Error('the disk is gone');
            },
          }),
          { status: 400 },
        ),
    ],
    [
      'was read before',
      async () => {
        const response = new Response('once', { status: 400 });
        await response.text();
        return response;
      },
    ],
  ])('has no body that %s', async (_fault, make) => {
    const { body, headers } = await rejectionOf(await make());
    expect([body, headers]).toEqual([undefined, {}]);
  });

  it('may be one of node-fetch, whose body is a stream of Node', async () => {
    const response = {
      status: 403,
      headers: new Headers(),
      body: Readable.from([Buffer.from('no')]),
      [Symbol.toStringTag]: 'Response',
    };
    expect(await rejectionOf(response)).toMatchObject({ status: 403, body: 'no' });
  });

  it('whose body takes too long is 503, as every authorize that does', async () => {
    const { port, clock, wss } = await serve({
      upgradeTimeout: 500,
      authorize: () => {
        throw new Response(new ReadableStream(), { status: 401 }) as unknown as Error;
      },
    });
    const client = await ask(port);
    while (wss.stats().upgradesPending === 0) await new Promise(setImmediate);
    clock.advance(500);
    expect((await client.response()).status).toBe(503);
  });

  it.each([200, 204])('with status %d does not reject, and is an error', async (status) => {
    const { port, log } = await serve({
      authorize: () => new Response(null, { status }) as unknown as undefined,
    });
    expect((await (await ask(port)).response()).status).toBe(500);
    expect(log.lines[0]).toBe('error an upgrade failed with an exception of the application');
    expect(log.causes).toEqual([expect.any(TypeError)]);
  });

  it('is the only value that is changed', async () => {
    const [value, error] = [{ context: 1 }, new Error('a mistake')];
    const fail = (): never => {
      throw error;
    };
    expect(withResponses(() => value)).toBe(value);
    expect(withResponses(() => undefined)).toBeUndefined();
    expect(withResponses(() => null)).toBeNull();
    expect(await withResponses(() => Promise.resolve(value))).toBe(value);
    expect(() => withResponses(fail)).toThrow(error);
    await expect(withResponses(() => Promise.reject(error))).rejects.toBe(error);
  });
});

describe('an error of http-errors', () => {
  it('has its status and headers, and its message where it may be shown', async () => {
    const thrown = [httpError(401, true, { 'WWW-Authenticate': 'Basic' }), httpError(403, false)];
    const { port, log } = await serve({
      authorize: () => {
        throw thrown.shift()!;
      },
    });
    const shown = await (await ask(port)).response();
    expect([shown.status, shown.body]).toEqual([401, 'the message\n']);
    expect(shown.header('WWW-Authenticate')).toBe('Basic');
    const hidden = await (await ask(port)).response();
    expect([hidden.status, hidden.body]).toEqual([403, 'Forbidden\n']);
    expect(log.causes).toEqual([]);
  });

  it('with a status of the server is logged too', async () => {
    const error = httpError(503, false, { 'Retry-After': '5' });
    const { port, log } = await serve({ authorize: () => Promise.reject(error) });
    const response = await (await ask(port)).response();
    expect([response.status, response.body]).toEqual([503, 'Service Unavailable\n']);
    expect(response.header('Retry-After')).toBe('5');
    expect(log.causes).toEqual([error]);
    expect(log.lines[0]).toBe('error an upgrade failed with an exception of the application');
  });

  it('may have its status under either name', () => {
    expect(rejectionOfHttpError({ status: 404, expose: false })?.status).toBe(404);
    expect(rejectionOfHttpError({ statusCode: 404, expose: true })).toMatchObject({
      status: 404,
      body: undefined,
    });
  });

  it.each([
    undefined,
    null,
    'text',
    httpError(302, true),
    httpError(600, true),
    Object.assign(httpError(401, true), { expose: undefined }),
    httpError(401, true, { Connection: 'close' }),
    httpError(401, true, { 'a b': 'c' }),
    { isBoom: true },
  ])('is not %p', (error) => {
    expect(rejectionOfHttpError(error)).toBeUndefined();
  });
});

it('an error of Boom has the status, headers and message of its output', () => {
  const headers = { 'WWW-Authenticate': 'Basic' };
  const payload = { statusCode: 401, error: 'Unauthorized', message: 'log in' };
  const error = { isBoom: true, message: 'secret', output: { statusCode: 401, headers, payload } };
  expect(rejectionOfHttpError(error)).toMatchObject({ status: 401, headers, body: 'log in' });
});

describe('another error with a status', () => {
  it('is answered with 500, and the log says how to answer with its status', async () => {
    const logger = new MemoryLogger();
    const error = Object.assign(new Error('secret'), { statusCode: 401 });
    const { port } = await serve({ logger, authorize: () => Promise.reject(error) });
    const response = await (await ask(port)).response();
    expect([response.status, response.body]).toEqual([500, 'Internal Server Error\n']);
    expect(logger.lines[0]).toBe(
      'error an upgrade failed with an exception of the application; it has status 401: to answer with that, throw new UpgradeRejection(401)',
    );
  });

  it('is answered with 500 also where reading it throws', async () => {
    const { port } = await serve({
      authorize: () => {
        throw new Proxy(new Error('mine'), {
          get() {
            throw new Error('no member of it can be read');
          },
        });
      },
    });
    expect((await (await ask(port)).response()).status).toBe(500);
    expect((await (await ask(port)).response()).status).toBe(500);
  });

  it.each([
    [{ status: 403 }, '; it has status 403: to answer with that, throw new UpgradeRejection(403)'],
    [{ status: 200 }, ''],
    [{ statusCode: '401' }, ''],
    [undefined, ''],
  ])('%j has the advice %p', (error, advice) => {
    expect(statusAdvice(error)).toBe(advice);
  });
});
