import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import type { StringListener } from '../../../src/ws/message-strings.js';
import { createWebSocketStream } from '../../../src/ws/stream.js';
import { clientClose, clientFrame } from '../../support/frames.js';
import { eventually, settle } from '../../support/server.js';
import { type WsWorld, wsWorld } from '../../support/ws-socket.js';

type Streamed = WsWorld & { duplex: Duplex; log: string[] };

/** A stream over a WebSocket, and what happens to it in words. */
async function streamed(
  options?: Parameters<typeof createWebSocketStream>[1],
  opening?: { isOpen: boolean },
): Promise<Streamed> {
  const world = await wsWorld({}, opening);
  const duplex = createWebSocketStream(world.webSocket, options);
  const log: string[] = [];
  for (const event of ['end', 'finish', 'close']) duplex.on(event, () => log.push(event));
  return { ...world, duplex, log };
}

/** Until `'close'`; `once` of Node would throw at an `'error'` before it. */
function closed(duplex: Duplex): Promise<void> {
  return new Promise((resolve) => duplex.once('close', resolve));
}

describe('a stream over a WebSocket', () => {
  it('sends each chunk as a message, and reads each message as a chunk', async () => {
    const { duplex, client } = await streamed();
    const chunks: unknown[] = [];
    duplex.on('data', (chunk) => chunks.push(chunk));
    duplex.write('one');
    duplex.write(Buffer.from('two'));
    expect([await client.words(), await client.words()]).toEqual([
      'binary 6f6e65',
      'binary 74776f',
    ]);
    client.send(clientFrame({ opcode: 1, payload: 'a' }));
    client.send(clientFrame({ opcode: 2, payload: 'b' }));
    await eventually('both', () => chunks.length === 2);
    expect(chunks).toEqual([Buffer.from('a'), Buffer.from('b')]);
  });

  it('reads Text as strings with readableObjectMode, and Binary as Buffers', async () => {
    const { duplex, client } = await streamed({ readableObjectMode: true });
    const chunks: unknown[] = [];
    duplex.on('data', (chunk) => chunks.push(chunk));
    client.send(clientFrame({ opcode: 1, payload: 'a' }));
    client.send(clientFrame({ opcode: 2, payload: 'b' }));
    await eventually('both', () => chunks.length === 2);
    expect(chunks).toEqual(['a', Buffer.from('b')]);
  });

  it.each([
    [{}, undefined, undefined],
    [{ readableObjectMode: true }, 'text', undefined],
    [{ encoding: 'hex' }, 'hex', 'hex'],
    [{ readableObjectMode: true, encoding: 'hex' }, 'text', 'hex'],
  ] as const)('says which strings it makes, with %j', async (options, ofText, ofBinary) => {
    const { webSocket } = await streamed(options);
    const [listener] = webSocket.listeners('message') as unknown as StringListener[];
    expect([listener!.stringAs(false), listener!.stringAs(true)]).toEqual([ofText, ofBinary]);
  });

  it('waits for the WebSocket to be open, with chunks and with the end', async () => {
    const world = await streamed({}, { isOpen: false });
    const { duplex, client } = world;
    duplex.write('one');
    duplex.end();
    await settle();
    world.open();
    expect([await client.words(), await client.words()]).toEqual(['binary 6f6e65', 'close']);
  });

  it('closes the WebSocket when it is ended, and ends when the peer has closed', async () => {
    const { duplex, client, log } = await streamed();
    duplex.resume();
    duplex.end('last');
    expect([await client.words(), await client.words()]).toEqual(['binary 6c617374', 'close']);
    const end = closed(duplex);
    client.send(clientClose());
    client.finish();
    await end;
    expect(log).toEqual(['finish', 'end', 'close']);
    expect(duplex.destroyed).toBe(true);
  });

  it('can be ended after the peer has closed', async () => {
    const { duplex, client, log } = await streamed();
    duplex.resume();
    client.send(clientClose(1000));
    client.finish();
    await once(duplex, 'end');
    await settle();
    expect([log, duplex.destroyed]).toEqual([['end'], false]);
    const end = closed(duplex);
    duplex.end();
    await end;
    expect(log).toEqual(['end', 'finish', 'close']);
  });

  it('can be ended after the peer has closed and before that is read', async () => {
    const { duplex, client, webSocket, log } = await streamed();
    client.send(clientFrame({ opcode: 1, payload: 'unread' }));
    client.send(clientClose(1000));
    client.finish();
    await once(webSocket, 'close');
    duplex.end();
    await once(duplex, 'finish');
    expect(duplex.destroyed).toBe(false);
    const end = closed(duplex);
    duplex.resume();
    await end;
    expect(log).toEqual(['finish', 'end', 'close']);
  });

  it('loses nothing to a reader that is slower than the peer, even if the peer closes', async () => {
    const { duplex, client, webSocket } = await streamed({ readableHighWaterMark: 10 });
    for (let i = 0; i < 100; i++) {
      client.send(clientFrame({ opcode: 2, payload: Buffer.alloc(5000, i) }));
    }
    client.send(clientClose(1000));
    client.finish();
    await eventually('a pause', () => webSocket.isPaused);
    let bytes = 0;
    for await (const chunk of duplex) {
      bytes += (chunk as Buffer).length;
      await settle();
    }
    expect(bytes).toBe(500_000);
  });

  it('terminates the WebSocket when it is destroyed, and closes after it', async () => {
    const { duplex, client, webSocket, log } = await streamed();
    webSocket.on('close', () => log.push('closed WebSocket'));
    duplex.on('error', ({ message }) => log.push(message));
    duplex.destroy(new Error('mine'));
    await closed(duplex);
    expect(log).toEqual(['closed WebSocket', 'mine', 'close']);
    await client.ended();
    expect(client.received()).toEqual([]);
  });

  it('can be destroyed when the WebSocket has closed', async () => {
    const { duplex, client, webSocket, log } = await streamed();
    client.destroy();
    await once(webSocket, 'close');
    duplex.on('error', ({ message }) => log.push(message));
    duplex.destroy(new Error('late'));
    await closed(duplex);
    expect(log).toEqual(['late', 'close']);
  });

  it('fails with the handshake that it gives up when it is destroyed', async () => {
    const { duplex, webSocket, log } = await streamed({}, { isOpen: false });
    duplex.on('error', ({ message }) => log.push(message));
    duplex.destroy();
    webSocket.emit('error', new Error('given up'));
    webSocket.emit('close', 1006, Buffer.alloc(0));
    await closed(duplex);
    expect(log).toEqual(['given up', 'close']);
  });

  it('is not disturbed by what the WebSocket emits after it was destroyed', async () => {
    const { duplex, webSocket, log } = await streamed();
    duplex.destroy();
    webSocket.emit('error', new Error('late'));
    await closed(duplex);
    expect(log).toEqual(['close']);
    expect(duplex.errored).toBeNull();
  });

  it('fails with what the peer did wrong, and lets the Close that says so leave', async () => {
    const { duplex, client, log } = await streamed();
    duplex.on('error', (error) => log.push((error as NodeJS.ErrnoException).code!));
    client.send(clientFrame({ opcode: 5 }));
    expect((await client.close()).code).toBe(1002);
    const end = closed(duplex);
    client.finish();
    await end;
    expect(log).toEqual(['WS_ERR_INVALID_OPCODE', 'close']);
  });

  it('does not end the process for a peer that breaks a rule where no listener hears of it', async () => {
    const { duplex, client } = await streamed();
    const end = closed(duplex);
    client.send(clientFrame({ opcode: 5 }));
    client.finish();
    await end;
    expect(duplex.errored).toMatchObject({ code: 'WS_ERR_INVALID_OPCODE' });
  });

  it('throws an error of the application that no listener hears', async () => {
    const { duplex } = await streamed();
    const unheard = new Error('unheard');
    expect(() => duplex.emit('error', unheard)).toThrow(/unheard/);
    expect(duplex.destroyed).toBe(true);
    await closed(duplex);
  });

  it('fails when the handshake of the WebSocket fails, with chunks that never leave', async () => {
    const { duplex, webSocket, log } = await streamed({}, { isOpen: false });
    duplex.on('error', ({ message }) => log.push(message));
    duplex.end();
    await settle();
    webSocket.emit('error', new Error('refused'));
    webSocket.emit('open'); // what waits for it finds no socket
    webSocket.emit('close', 1006, Buffer.alloc(0));
    await settle();
    expect(log).toEqual(['refused', 'close']);
  });
});
