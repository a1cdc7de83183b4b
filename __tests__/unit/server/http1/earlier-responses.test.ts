import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type Duplex, PassThrough } from 'node:stream';
import { earlierResponses } from '../../../../src/server/http1/earlier-responses.js';
import { upgradeRequest } from '../../../support/raw-client.js';
import { connect, eventually, listen, settle } from '../../../support/server.js';

const plain = (url: string): string => `GET ${url} HTTP/1.1\r\nHost: localhost\r\n\r\n`;

/** A server that has got requests for these paths and then an upgrade, and answers when the test does. */
async function setUp(...urls: string[]) {
  const responses: ServerResponse[] = [];
  const server = createServer((_request, response) => responses.push(response));
  let upgraded: Duplex | undefined;
  let earlier: ReturnType<typeof earlierResponses>;
  server.on('upgrade', (_request: IncomingMessage, socket: Duplex) => {
    earlier = earlierResponses(socket);
    upgraded = socket;
    socket.on('error', () => undefined);
  });
  const client = await connect(await listen(server));
  let text = '';
  client.socket.on('data', (chunk: Buffer) => (text += chunk.toString('latin1')));
  client.send(urls.map(plain).join('') + upgradeRequest());
  await eventually('the upgrade', () => upgraded !== undefined);
  const state = { done: false };
  void earlier?.then(() => (state.done = true));
  return { client, responses, socket: upgraded!, earlier, state, received: () => text };
}

describe('the responses to earlier requests', () => {
  it.each([null, true, {}, { once: 'no function' }])(
    'do not exist where the private field of another runtime has %p in it',
    (_httpMessage) => {
      const socket = Object.assign(new PassThrough(), { _httpMessage }) as unknown as Duplex;
      expect(earlierResponses(socket)).toBeUndefined();
    },
  );

  it('do not exist on a new connection, after a complete response, or on any Duplex', async () => {
    expect((await setUp()).earlier).toBeUndefined();
    const server = createServer((_request, response) => response.end('plain'));
    let earlier: unknown = 'not asked';
    server.on('upgrade', (_request, socket: Duplex) => {
      earlier = earlierResponses(socket);
    });
    const client = await connect(await listen(server));
    client.send(plain('/'));
    await client.response();
    client.send(upgradeRequest());
    await eventually('the upgrade', () => earlier !== 'not asked');
    expect(earlier).toBeUndefined();
  });

  it('are waited for, one after the other', async () => {
    const { responses, state, received } = await setUp('/1', '/2', '/3');
    responses[1]!.end('second');
    await settle();
    expect(state.done).toBe(false);
    responses[0]!.end('first');
    await eventually('the second', () => received().includes('second'));
    expect(state.done).toBe(false);
    responses[2]!.end('third');
    await eventually('all', () => state.done);
    await eventually('the third', () => /first[^]*second[^]*third/.test(received()));
  });

  it('go on when the socket can take more', async () => {
    const { responses, state, socket, received } = await setUp('/large');
    const [response] = responses;
    const size = 8 * 1024 * 1024;
    response!.setHeader('Content-Length', size);
    expect(response!.write(Buffer.alloc(size - 1, 'x'))).toBe(false);
    response!.once('drain', () => response!.end('!'));
    await eventually('all', () => state.done);
    await eventually('the end', () => received().endsWith('x!'));
    expect(socket.listenerCount('drain')).toBe(0);
  });

  it('let the socket read again, which Node has stopped because they are slow', async () => {
    const size = 4 * 1024 * 1024;
    const server = createServer((_request, response) => response.end(Buffer.alloc(size)));
    let received = '';
    server.on('upgrade', (_request, socket: Duplex) => {
      void earlierResponses(socket)!.then(() => {
        socket.on('data', (chunk: Buffer) => (received += String(chunk)));
      });
    });
    const client = await connect(await listen(server));
    let length = 0;
    client.socket.on('data', (chunk: Buffer) => (length += chunk.length));
    // The second one is more than the socket can take, so that nothing is read any more.
    client.send(plain('/1') + plain('/2') + upgradeRequest());
    await eventually('both', () => length > 2 * size);
    client.send('hello');
    await eventually('what comes afterwards', () => received !== '');
    expect(received).toBe('hello');
  });

  it("get no 'drain' that they do not wait for", async () => {
    const { responses, socket, state } = await setUp('/');
    const drained = jest.fn();
    responses[0]!.on('drain', drained);
    socket.emit('drain');
    expect(drained).not.toHaveBeenCalled();
    responses[0]!.end();
    await eventually('the end', () => state.done);
  });

  it('are over when one is destroyed', async () => {
    const { responses, state, socket } = await setUp('/');
    responses[0]!.destroy();
    await eventually('its end', () => state.done);
    expect(socket.destroyed).toBe(true);
  });
});
