/** A peer whose messages are not taken must still not keep a connection from closing (CVE-2024-23672). */
import { clientClose, clientFrame } from '../support/frames.js';
import { Host, stopHosts } from '../support/host.js';
import type { RawClient } from '../support/raw-client.js';
import { VERSIONS } from '../support/versions.js';

describe.each(VERSIONS)('over %s', (version) => {
  afterEach(stopHosts);

  /** A paused connection whose peer has sent far more than is held for it. */
  async function stuffed(closeTimeout?: number): Promise<{
    client: RawClient;
    ours: Awaited<ReturnType<Host['connection']>>;
  }> {
    const host = await Host.startOver(version, closeTimeout === undefined ? {} : { closeTimeout });
    const client = await host.open();
    const ours = await host.connection();
    ours.connection.pause();
    client.send(
      Buffer.concat(
        Array<Buffer>(64).fill(clientFrame({ opcode: 1, payload: 'x'.repeat(60_000) })),
      ),
    );
    // A ping after 64 KiB is read only when reading resumes: so wait until the held messages reach their limit.
    await new Promise((resolve) => setTimeout(resolve, 50));
    return { client, ours };
  }

  test('close() of a paused connection reads on to the peer’s Close and ends cleanly', async () => {
    const { client, ours } = await stuffed();
    client.send(clientClose(1000));
    const closed = ours.connection.close(4000, 'enough');
    expect(await client.close()).toEqual({ code: 4000, reason: 'enough' });
    client.finish();
    expect(await closed).toMatchObject({ clean: true, initiator: 'local' });
  });

  test('close() of a paused connection whose peer never answers ends within closeTimeout', async () => {
    const { client, ours } = await stuffed(400);
    expect(await ours.connection.close()).toMatchObject({
      code: 1006,
      clean: false,
      cause: { code: 'ERR_CLOSE_TIMEOUT' },
    });
    client.destroy();
  });

  test('the server closes although a connection is paused', async () => {
    const host = await Host.startOver(version, { closeTimeout: 60_000 });
    const client = await host.open();
    const { connection } = await host.connection();
    connection.pause();
    client.send(clientFrame({ opcode: 2, payload: Buffer.alloc(1_000_000) }));
    const report = await host.server.close({ timeout: 200 });
    expect(report).toMatchObject({ total: 1, clean: 0, terminated: 1 });
    await client.ended();
    client.destroy();
  });
});
