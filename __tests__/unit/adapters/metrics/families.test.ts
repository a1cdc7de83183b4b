import { FAMILIES } from '../../../../src/adapters/metrics/families.js';
import { type LagStats, type ServerStats, WebSocketServer } from '../../../../src/index.js';

describe('FAMILIES', () => {
  it('has a name of its own for each, and a sentence', () => {
    expect(new Set(FAMILIES.map(({ name }) => name)).size).toBe(FAMILIES.length);
    for (const { name, help } of FAMILIES) {
      expect(name).toMatch(/^hawser_[a-z_]+$/);
      expect(help).toMatch(/^[A-Z].*\.$/);
    }
  });

  it('reads every metric from the statistics of a server', async () => {
    const wss = new WebSocketServer({ noServer: true });
    const stats = { ...wss.stats(), closedByCode: { 1000: 1, 3000: 2, 3999: 3, 4000: 4 } };
    const values = Object.fromEntries(FAMILIES.map(({ name, read }) => [name, read(stats)]));
    const missing = Object.keys(values).filter((name) => values[name] === undefined);
    expect(missing.every((name) => name.startsWith('hawser_broker_'))).toBe(true);
    expect(values['hawser_closed_by_code']).toStrictEqual({ '1000': 1, '3xxx': 5, '4xxx': 4 });
    await wss.close();
  });

  it('reads every metric of a broker', () => {
    const broker = {
      ...{ state: 'up', published: 1, received: 2, lost: 3, interruptions: 4, secondsDown: 5 },
      ...{ buffered: 6, bufferDropped: 7, joinsPending: 8 },
    } as const;
    const read = (lag: LagStats): unknown[] =>
      FAMILIES.filter(({ name }) => name.startsWith('hawser_broker_')).map((family) =>
        family.read({ broker: { ...broker, lag } } as unknown as ServerStats),
      );
    expect(read({ p50: 1, p99: 2000 })).toStrictEqual([
      ...[1, 1, 2, 3, 4, 5, 6, 7, 8],
      { '0.5': 0.001, '0.99': 2 },
    ]);
    expect(read({ p50: undefined, p99: undefined }).at(-1)).toStrictEqual({});
  });
});
