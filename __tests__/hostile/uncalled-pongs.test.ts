/** Unsolicited Pongs, in every order (several at once crashed coder/websocket). */
import { clientFrame } from '../support/frames.js';
import { Host, stopHosts } from '../support/host.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);

  test('unsolicited, repeated, mismatched and late pongs change nothing and are answered by nothing', async () => {
    const host = await Host.startOver(version);
    const client = await host.open();
    const ours = await host.connection();
    const pong = (payload: string): Buffer => clientFrame({ opcode: 10, payload });
    client.send(Buffer.concat([pong(''), pong('never asked'), pong('x'.repeat(125))]));
    ours.connection.ping('asked');
    expect(await client.words()).toBe(`ping ${Buffer.from('asked').toString('hex')}`);
    client.send(
      Buffer.concat([pong('other'), pong('asked'), pong('asked'), pong('asked'), pong('Asked')]),
    );
    expect(await ours.pongs(8)).toEqual([
      '',
      'never asked',
      'x'.repeat(125),
      'other',
      'asked',
      'asked',
      'asked',
      'Asked',
    ]);
    const closed = ours.connection.close(1000);
    expect((await client.close()).code).toBe(1000);
    client.send(Buffer.concat([pong('asked'), pong('late'), clientFrame({ opcode: 8 })]));
    client.finish();
    expect(await closed).toMatchObject({ clean: true });
    expect(client.frames).toHaveLength(2);
  });

  test('a hundred thousand pongs in a row are read to the last', async () => {
    const host = await Host.startOver(version);
    const client = await host.open();
    const ours = await host.connection();
    client.send(Buffer.concat(Array<Buffer>(100_000).fill(clientFrame({ opcode: 10 }))));
    client.send(clientFrame({ opcode: 1, payload: 'behind them' }));
    expect(await ours.receive(1)).toEqual(['behind them']);
    expect(await ours.pongs(100_000)).toHaveLength(100_000);
    expect(ours.connection.bufferedAmount).toBe(0);
    client.destroy();
  });
});
