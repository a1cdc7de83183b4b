import { type LoadReport, reportText, warningsOf } from '../../../../src/cli/load/report.js';

const summary = (p99: number) => ({ count: 9, p50: 1, p90: 2, p99, 'p99.9': 4, max: 50 });

const report = (parts: Partial<LoadReport> = {}): LoadReport => ({
  url: 'ws://example.com/',
  connections: 10,
  opened: 10,
  failures: {},
  handshake: summary(3),
  closedEarly: {},
  closed: { 1000: 10 },
  milliseconds: 2000,
  planned: 200,
  sent: 200,
  size: 128,
  received: 200,
  receivedBytes: 25_600,
  lost: 0,
  unexpected: 0,
  latency: summary(3),
  lateness: summary(1.5),
  eventLoopDelay: summary(0.25),
  cpu: 0.12,
  ...parts,
});

describe('the report of a load', () => {
  it('has everything that a reader must know', () => {
    expect(reportText(report())).toEqual([
      'connections   10 of 10 opened, handshake p50 1 ms, p90 2 ms, p99 3 ms, p99.9 4 ms, max 50 ms',
      'closed        10 with 1000 (normal closure)',
      'sent          200, 100/s, 128 bytes each',
      'received      200, 0 lost (0 %)',
      'latency       p50 1 ms, p90 2 ms, p99 3 ms, p99.9 4 ms, max 50 ms',
      '              from the planned time of each message to its answer',
      'generator     messages left p99 1.5 ms late, event-loop delay p99 0.25 ms, CPU 12 %',
    ]);
  });

  it('hides no failure', () => {
    const bad = report({
      opened: 7,
      failures: { 'status 503': 2, ECONNRESET: 1 },
      closedEarly: { 1013: 1, 1006: 1 },
      closed: { 1000: 5 },
      planned: 300,
      received: 150,
      lost: 150,
      unexpected: 3,
    });
    expect(reportText(bad).slice(0, 11).join('\n')).toBe(
      [
        'connections   7 of 10 opened, handshake p50 1 ms, p90 2 ms, p99 3 ms, p99.9 4 ms, max 50 ms',
        '              2 failed: status 503',
        '              1 failed: ECONNRESET',
        'closed early  1 with 1006 (no Close was received)',
        '              1 with 1013 (the server is overloaded; try again later)',
        'closed        5 with 1000 (normal closure)',
        'sent          200, 100/s, 128 bytes each',
        '              100 more found no open connection',
        'received      150, 150 lost (50 %)',
        '              3 more that were not sent, or came twice',
        'latency       p50 1 ms, p90 2 ms, p99 3 ms, p99.9 4 ms, max 50 ms',
      ].join('\n'),
    );
  });

  it('of receiving alone has what came', () => {
    const receiving = report({
      planned: 0,
      sent: 0,
      received: 0,
      unexpected: 50,
      latency: undefined,
      lateness: undefined,
      eventLoopDelay: undefined,
    });
    expect(reportText(receiving).slice(2)).toEqual([
      'received      50, 25/s, 25600 bytes',
      'generator     CPU 12 %',
    ]);
  });

  it('of nothing at all has no rates', () => {
    const nothing = report({ opened: 0, handshake: undefined, milliseconds: 0, planned: 0 });
    expect(reportText(nothing)[0]).toBe('connections   0 of 10 opened');
    expect(reportText(nothing)[2]).toContain('0/s');
  });
});

describe('a generator that was the limit', () => {
  it.each([
    ['late', { lateness: summary(30) }, '1 % of its work was more than 30 ms late'],
    ['late', { eventLoopDelay: summary(11) }, '1 % of its work was more than 11 ms late'],
    ['busy', { cpu: 0.97 }, 'it used 97 % of a core'],
    [
      'both',
      { cpu: 1.2, lateness: summary(30) },
      '1 % of its work was more than 30 ms late, and it used 120 % of a core',
    ],
    ['late without any answer', { latency: undefined, lateness: summary(30) }, 'late'],
  ])('is told when it was %s', (_what, parts, reason) => {
    const [warning, advice] = warningsOf(report(parts));
    expect(warning).toContain(`the limit was this generator, not the server`);
    expect(warning).toContain(reason);
    expect(advice).toContain('Do not trust the latencies.');
  });

  it.each([
    ['it was in time', {}],
    ['nothing was measured', { lateness: undefined, eventLoopDelay: undefined }],
    ['the server was much slower', { lateness: summary(30), latency: summary(900) }],
  ])('is not told when %s', (_what, parts) => {
    expect(warningsOf(report(parts))).toEqual([]);
  });
});
