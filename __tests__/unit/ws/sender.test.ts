import { once } from 'node:events';
import { FIN, Opcode, RSV1 } from '../../../src/protocol/framing/frame.js';
import { Sender } from '../../../src/ws/sender.js';
import { clientFrame, describeFrame, parseFrames, serverFrame } from '../../support/frames.js';
import { settle } from '../../support/server.js';
import { wsWorld } from '../../support/ws-socket.js';

describe('Sender.frame', () => {
  it('encodes a frame that is unmasked, and not the last of its message unless told', () => {
    const frame = Buffer.concat(Sender.frame('a', { opcode: Opcode.Text }));
    expect(parseFrames(frame).map(describeFrame)).toEqual(['text nofin 61']);
  });

  it('sets the bits that it is told', () => {
    const [frame] = Sender.frame(Buffer.from('a'), { opcode: 2, fin: true, rsv1: true });
    expect(frame![0]).toBe(FIN | RSV1 | Opcode.Binary);
  });

  it('masks a copy of the data', () => {
    const data = Buffer.from('abc');
    const frame = Sender.frame(data, { opcode: 1, fin: true, mask: true, readOnly: false });
    const [read] = parseFrames(Buffer.concat(frame), 'client');
    expect(read).toMatchObject({ masked: true, payload: Buffer.from('abc') });
    expect(data).toEqual(Buffer.from('abc'));
  });
});

describe('sendFrame', () => {
  it.each<[string, Buffer[], string]>([
    ['a whole message', Sender.frame('a', { opcode: 1, fin: true }), 'text 61'],
    [
      'a message in two buffers, as ws makes it',
      [Buffer.from([0x82, 1]), Buffer.from('b')],
      'binary 62',
    ],
    ['a part of a message', Sender.frame('a', { opcode: 1 }), 'text nofin 61'],
    ['a Ping', Sender.frame('a', { opcode: 9, fin: true }), 'ping 61'],
    [
      'a frame of an extension',
      Sender.frame('a', { opcode: 1, fin: true, rsv1: true }),
      'rsv4 text 61',
    ],
    [
      'text that is not UTF-8',
      Sender.frame(Buffer.from([255]), { opcode: 1, fin: true }),
      'text ff',
    ],
  ])('sends %s', async (_name, list, words) => {
    const { webSocket, client } = await wsWorld();
    const sent = jest.fn();
    webSocket._sender!.sendFrame(list, sent);
    expect(await client.words()).toBe(words);
    await settle();
    expect(sent.mock.calls).toEqual([[]]);
  });

  it('sends two frames of one list as they are', async () => {
    const { webSocket, client } = await wsWorld();
    const list = [
      serverFrame({ opcode: 1, payload: 'a' }),
      serverFrame({ opcode: 1, payload: 'b' }),
    ];
    webSocket._sender!.sendFrame(list);
    expect([await client.words(), await client.words()]).toEqual(['text 61', 'text 62']);
  });

  it('sends one list to many, and reads it once', async () => {
    const worlds = [await wsWorld(), await wsWorld(), await wsWorld()];
    const list = Sender.frame('all', { opcode: 1, fin: true });
    const masked = [clientFrame({ opcode: 1, payload: 'never' })];
    for (const { webSocket } of worlds) {
      webSocket._sender!.sendFrame(list);
      list.length = 0; // a second look would find nothing
      expect(masked).toHaveLength(1);
    }
    for (const { client } of worlds) expect(await client.words()).toBe('text 616c6c');
  });

  it.each<[string, Buffer[]]>([
    ['a message', Sender.frame('a', { opcode: 1, fin: true })],
    ['a part of a message', Sender.frame('a', { opcode: 1 })],
  ])('does not send %s when the connection is not open any more', async (_name, list) => {
    const { webSocket, client } = await wsWorld();
    const failed = new Promise<Error | undefined>((resolve) => {
      webSocket.close();
      webSocket._sender!.sendFrame(list, resolve);
    });
    webSocket._sender!.sendFrame(list);
    expect(await failed).toBeInstanceOf(Error);
    await client.close();
    expect(client.received()).toEqual(['close']);
    const closed = once(webSocket, 'close');
    client.destroy();
    await closed;
  });
});
