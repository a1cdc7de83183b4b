import { condition } from '../../../../src/cli/load/conditions.js';
import type { LoadReport } from '../../../../src/cli/load/report.js';

const summary = { count: 9, p50: 1, p90: 2, p99: 30, 'p99.9': 40, max: 50 };
const report = {
  connections: 10,
  opened: 8,
  handshake: summary,
  closedEarly: { 1013: 2, 1006: 1 },
  planned: 200,
  received: 198,
  lost: 2,
  latency: summary,
} as unknown as LoadReport;
const silent = { ...report, latency: undefined, handshake: undefined };

describe('a condition', () => {
  it.each([
    ['p50>1ms', false],
    ['p50>=1ms', true],
    ['p90 < 3', true],
    ['p99>0.02s', true],
    ['p99.9<=40ms', true],
    ['max>1m', false],
    ['handshake>20ms', true],
    ['lost>0', true],
    ['lost>1%', false],
    ['lost>=1%', true],
    ['received<200', true],
    ['refused>1', true],
    ['closed>3', false],
  ])('%s is %s', (text, isTrue) => {
    expect(condition.read(text)!.text).toBe(text);
    expect(condition.read(text)!.isTrueOf(report)).toBe(isTrue);
  });

  it('of a latency is true if there was no answer: a server that is down passes no check', () => {
    for (const name of ['p50', 'p90', 'p99', 'p99.9', 'max', 'handshake']) {
      expect(condition.read(`${name}>1h`)!.isTrueOf(silent)).toBe(true);
    }
  });

  it.each(['', 'p99', 'p99=5', 'p98>5', 'p99>5%', 'p99>fast', 'lost>5ms', 'toString>1', 'lost>'])(
    'is not %j',
    (text) => {
      expect(condition.read(text)).toBeUndefined();
    },
  );

  it('says which there are', () => {
    expect(condition.expected).toContain('p99>50ms');
    expect(condition.expected).toContain('received');
  });
});
