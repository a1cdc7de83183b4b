import { FAMILIES } from '../../../../src/adapters/metrics/families.js';
import { WebSocketServer } from '../../../../src/index.js';

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
    expect(Object.values(values)).not.toContain(undefined);
    expect(values['hawser_closed_by_code']).toStrictEqual({ '1000': 1, '3xxx': 5, '4xxx': 4 });
    await wss.close();
  });
});
