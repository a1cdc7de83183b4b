import { once } from 'node:events';
import { Agent } from 'node:http';
import { addressOf, connect } from '../../../src/client/connect.js';
import type { ConnectOptions } from '../../../src/client/connect-options.js';
import { serve } from '../../support/server.js';

describe('connect', () => {
  it('has messages of the type that the options say', async () => {
    const { wss, port } = await serve();
    wss.on('connection', (conn) => conn.send('hello'));
    const conn = await connect<Buffer>(`ws://127.0.0.1:${port}/`, { textAs: 'buffer' });
    expect(await once(conn, 'message')).toEqual([Buffer.from('hello'), false]);
    conn.terminate();
  });

  it.each<[unknown, RegExp]>([
    ['chat', /^connect: expected a URL such as 'wss:\/\/example.com\/', got chat \(string\)/],
    [7, /^connect: expected a URL/],
    ['ws://example.com/#a', /^connect: a WebSocket URL has no fragment .* leave out #a/],
    ['ftp://example.com/', /^connect: expected a URL with ws:, .* got ftp:/],
    ['ws+unix:/run/a.sock:/', /for a Unix socket use the option socketPath/],
    ['ws+unix:', /for a Unix socket use the option socketPath/],
  ])('rejects the URL %p with a TypeError', async (url, sentence) => {
    const rejected = connect(url as string);
    await expect(rejected).rejects.toThrow(TypeError);
    await expect(rejected).rejects.toThrow(sentence);
  });

  it('rejects wrong options with a TypeError', async () => {
    const unknown = connect('ws://example.com/', { maxpayload: 1 } as ConnectOptions);
    await expect(unknown).rejects.toThrow(/^connect: unknown option maxpayload .* maxPayload/);
    const wrong = connect('ws://example.com/', { maxPayload: -1 });
    await expect(wrong).rejects.toThrow(/^connect: expected option maxPayload/);
    const agent = new Agent();
    await expect(connect('wss://127.0.0.1:1/', { agent })).rejects.toThrow(/Protocol "https:" not/);
  });

  it('takes a URL object as well, and leaves it as it is', () => {
    const url = new URL('https://example.com/a');
    expect(addressOf(url).url.href).toBe('wss://example.com/a');
    expect(url.href).toBe('https://example.com/a');
  });
});
