import { EventEmitter, on, once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createConnectionPair, Opcode, WebSocketServer } from '../../src/index.js';

const nextTurn = () => new Promise((resolve) => setImmediate(resolve));

describe('what Node has for every EventEmitter', () => {
  test('events.once waits for a message, held or still to come', async () => {
    const { server, client } = createConnectionPair();
    client.send('held');
    await nextTurn();
    expect(await once(server, 'message')).toEqual(['held', false]);
    const message = once(server, 'message');
    client.send(Buffer.from('bytes'));
    expect(await message).toEqual([Buffer.from('bytes'), true]);
    await client.close();
  });

  test('events.once rejects with what went wrong', async () => {
    const { server, client } = createConnectionPair();
    const message = once(server, 'message');
    client.sendFrame('x', { opcode: Opcode.Text, rsv2: true });
    await expect(message).rejects.toMatchObject({ code: 'ERR_RESERVED_BIT' });
  });

  test('events.on goes through the messages and ends with the connection', async () => {
    const { server, client } = createConnectionPair();
    const messages = on(server, 'message', { close: ['close'] });
    for (const word of ['one', 'two', 'three']) client.send(word);
    void client.close();
    const heard: unknown[] = [];
    for await (const [data] of messages as AsyncIterable<[string]>) heard.push(data);
    expect(heard).toEqual(['one', 'two', 'three']);
  });

  test('a rejected listener is an error of its emitter with captureRejections', async () => {
    const before = EventEmitter.captureRejections;
    EventEmitter.captureRejections = true;
    try {
      const { server, client } = createConnectionPair();
      const error = once(server, 'error');
      const listener: () => unknown = () => Promise.reject(new Error('the application failed'));
      server.on('message', listener);
      client.send('x');
      expect(String((await error)[0])).toContain('the application failed');
      expect(server.readyState).toBe('open'); // it is the application's own failure
      await client.close();
    } finally {
      EventEmitter.captureRejections = before;
    }
  });

  test('an error monitor of a connection hears of a fault and changes nothing', async () => {
    const { server, client } = createConnectionPair();
    const heard: string[] = [];
    server.on(EventEmitter.errorMonitor, (error) => heard.push(error.name));
    client.sendFrame('x', { opcode: Opcode.Text, rsv2: true });
    const ended = new Promise<void>((resolve) => server.once('close', () => resolve()));
    await ended;
    expect(heard).toEqual(['ProtocolError']);
    expect(server.listenerCount('error')).toBe(0);
  });

  test('an error monitor of a server hears of a port in use before its listener does', async () => {
    const http = createServer().listen(0, '127.0.0.1');
    await once(http, 'listening');
    const { port } = http.address() as AddressInfo;
    const wss = new WebSocketServer({ port, host: '127.0.0.1' });
    const heard: string[] = [];
    wss.on(EventEmitter.errorMonitor, () => heard.push('monitor'));
    wss.on('error', () => heard.push('listener'));
    await once(wss, 'error');
    expect(heard).toEqual(['monitor', 'listener']);
    await wss.close();
    http.close();
  });

  test('newListener and removeListener are told', () => {
    const wss = new WebSocketServer({ noServer: true });
    const heard: unknown[] = [];
    wss.on('newListener', (event) => heard.push(event));
    wss.once('connection', () => undefined);
    expect(heard).toEqual(['connection']);
  });
});
