/** Messages within messages, and bytes of one connection among those of another (CVE-2022-25762). */
import { clientClose, clientFrame } from '../support/frames.js';
import { Host, stopHosts } from '../support/host.js';
import type { RawClient } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);

  const first = clientFrame({ opcode: 1, fin: false, payload: 'one, ' });

  test.each([
    ['a whole Text', clientFrame({ opcode: 1, payload: 'x' })],
    ['a whole Binary', clientFrame({ opcode: 2, payload: 'x' })],
    ['an empty Text', clientFrame({ opcode: 1 })],
    ['the first fragment of another Text', clientFrame({ opcode: 1, fin: false, payload: 'x' })],
    ['the first fragment of a Binary', clientFrame({ opcode: 2, fin: false, payload: 'x' })],
  ])(
    '%s inside an unfinished message is refused, and neither is delivered',
    async (_what, frame) => {
      const host = await Host.startOver(version);
      const client = await host.open();
      const ours = await host.connection();
      const delivered: unknown[] = [];
      ours.connection.on('message', (data) => delivered.push(data));
      client.send(Buffer.concat([first, frame, clientFrame({ opcode: 0, payload: 'two' })]));
      expect((await client.close()).code).toBe(1002);
      client.finish();
      await ours.ended;
      expect(delivered).toEqual([]);
    },
  );

  test('control frames between fragments are answered at once and do not disturb the message', async () => {
    const host = await Host.startOver(version);
    const client = await host.open();
    const ours = await host.connection();
    client.send(first);
    for (let i = 0; i < 100; i++) {
      client.send(clientFrame({ opcode: 9, payload: `ping ${String(i)}` }));
      client.send(clientFrame({ opcode: 0, fin: false, payload: `${String(i)}, ` }));
      expect((await client.frame()).payload.toString()).toBe(`ping ${String(i)}`);
    }
    client.send(clientFrame({ opcode: 0, payload: 'end' }));
    const [message] = await ours.receive(1);
    expect(message).toBe(
      `one, ${Array.from({ length: 100 }, (_, i) => `${String(i)}, `).join('')}end`,
    );
    client.destroy();
  });

  test('a Close between fragments ends the connection, and the half message is not delivered', async () => {
    const host = await Host.startOver(version);
    const client = await host.open();
    const ours = await host.connection();
    const delivered: unknown[] = [];
    ours.connection.on('message', (data) => delivered.push(data));
    client.send(
      Buffer.concat([first, clientClose(1000), clientFrame({ opcode: 0, payload: 'two' })]),
    );
    expect((await client.close()).code).toBe(1000);
    client.finish();
    expect(await ours.ended).toMatchObject({ code: 1000, clean: true });
    expect(delivered).toEqual([]);
  });

  test('messages sent to sixty connections in turn are never mixed while others are terminated and closed', async () => {
    const host = await Host.startOver(version);
    const clients = await Promise.all(Array.from({ length: 60 }, () => host.open()));
    const ours = await Promise.all(clients.map(() => host.connection()));
    // Each client asks for its own mark, so that we know which connection is whose.
    const marks = new Map<RawClient, string>();
    let mark = 0;
    for (const client of clients) {
      marks.set(client, `<${String(mark).padStart(2, '0')}>`);
      client.send(clientFrame({ opcode: 1, payload: marks.get(client)! }));
      mark++;
    }
    const named = await Promise.all(
      ours.map(async (each) => {
        const { connection } = each;
        const [name] = await each.receive(1);
        return { connection, name: name as string };
      }),
    );
    for (let round = 0; round < 40; round++) {
      for (const [i, { connection, name }] of named.entries()) {
        connection.send(name.repeat(1 + ((round * 7 + i) % 200)));
        if (round === 20 && i % 6 === 1) connection.terminate();
        if (round === 20 && i % 6 === 2) void connection.close(4000, name);
        if (i % 3 === 0) connection.ping(name);
        if (round % 10 === 0) connection.send(Buffer.from(name.repeat(5000)));
      }
      if (round % 5 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    for (const { connection } of named) void connection.close(4000, 'done');
    await Promise.all(
      clients.map(async (client) => {
        await client.close().catch(() => undefined); // terminated clients receive no Close
        client.send(clientClose(4000));
        client.finish();
        await client.ended();
      }),
    );
    for (const client of clients) {
      const own = marks.get(client)!;
      expect(client.frames).not.toHaveLength(0);
      for (const { opcode, payload } of client.frames) {
        if (opcode === 8) continue;
        expect(payload.toString().replaceAll(own, '')).toBe('');
      }
    }
  });
});
