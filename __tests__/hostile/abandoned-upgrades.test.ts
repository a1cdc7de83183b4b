/** Clients that send an upgrade request and leave: their `authorize` still runs, and counts until it ends. */
import { type ServerOptions, UpgradeRejection } from '../../src/index.js';
import { Host, stopHosts } from '../support/host.js';

import { eventually, HandClock, MemoryLogger } from '../support/server.js';
import { VERSIONS } from '../support/versions.js';

afterEach(stopHosts);

describe.each(VERSIONS)('over %s', (version) => {
  /** A server whose `authorize` waits for the test. */
  async function serve(options: ServerOptions) {
    const clock = new HandClock();
    const running = new Set<() => void>();
    let most = 0;
    const host = await Host.startOver(version, {
      clock,
      logger: new MemoryLogger(),
      authorize: async () => {
        await new Promise<void>((goOn) => {
          running.add(goOn);
          most = Math.max(most, running.size);
        });
        throw new UpgradeRejection(401);
      },
      ...options,
    });
    /** Asks, and leaves as soon as `authorize` runs, or stays for the refusal. */
    const hitAndRun = async (): Promise<number | undefined> => {
      const { upgradesAbandoned } = host.server.stats();
      const before = running.size;
      const client = await host.request();
      let status: number | undefined;
      client.response().then(
        (response) => (status = response.status),
        () => undefined, // a client that leaves gets no answer
      );
      await eventually('an answer', () => status !== undefined || running.size > before);
      if (status !== undefined) {
        client.destroy();
        return status;
      }
      client.reset();
      await eventually(
        'it to be gone',
        () => host.server.stats().upgradesAbandoned > upgradesAbandoned,
      );
      return undefined;
    };
    const goOn = (): void => {
      for (const one of running) one();
      running.clear();
    };
    return { host, clock, hitAndRun, goOn, most: () => most };
  }

  describe.each([
    ['maxPendingUpgrades', { maxPendingUpgrades: 3 }, 503],
    ['maxConnections', { maxConnections: 3 }, 503],
    ['maxConnectionsPerAddress', { maxConnectionsPerAddress: 3 }, 429],
  ])('%s', (_name, limit, status) => {
    test('bounds the calls of authorize that run at once, however fast their clients leave', async () => {
      const { host, hitAndRun, goOn, most } = await serve(limit);
      const ends: unknown[] = [];
      for (let i = 0; i < 20; i++) ends.push(await hitAndRun());
      expect(most()).toBe(3);
      expect(ends).toStrictEqual([...Array<undefined>(3), ...Array<number>(17).fill(status)]);
      expect(host.server.stats().upgradesPending).toBe(3);
      goOn();
      await eventually('their places', () => host.server.stats().upgradesPending === 0);
      expect(await hitAndRun()).toBeUndefined();
      goOn();
    });

    test('is released after upgradeTimeout if authorize never answers', async () => {
      const { clock, hitAndRun } = await serve({ ...limit, upgradeTimeout: 500 });
      for (let i = 0; i < 3; i++) expect(await hitAndRun()).toBeUndefined();
      clock.advance(499);
      expect(await hitAndRun()).toBe(status);
      clock.advance(1);
      expect(await hitAndRun()).toBeUndefined();
    });
  });
});
