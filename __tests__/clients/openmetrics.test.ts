import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { metrics } from '../../src/adapters/metrics.js';
import { WebSocketServer } from '../../src/index.js';
import { clientClose, clientFrame } from '../support/frames.js';
import { readOpenMetrics } from '../support/openmetrics.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';
import { describeIf, runs } from '../support/requires.js';

const PYTHON = '/usr/bin/python3';
const PROGRAM = `
import json, sys
from prometheus_client.openmetrics.parser import text_string_to_metric_families as read
print(json.dumps([[s.name, s.labels, s.value] for f in read(sys.stdin.read()) for s in f.samples]))
`;
const NAME = 'a "quoted" \\ name\n';

type Sample = [name: string, labels: Record<string, string>, value: number];

/** What the OpenMetrics reader of Prometheus's own client for Python sees; `undefined` if it refuses. */
function readByPython(text: string): Sample[] | undefined {
  const { status, stdout } = spawnSync(PYTHON, ['-c', PROGRAM], { input: text, encoding: 'utf8' });
  return status === 0 ? (JSON.parse(stdout) as Sample[]) : undefined;
}

/** The text of a server that has met a polite peer, a rude one and a stranger. */
async function livedText(): Promise<string> {
  const wss = new WebSocketServer({ port: 0, host: '127.0.0.1', path: '/here' });
  wss.on('connection', (conn) => conn.on('message', (data) => conn.send(data)));
  await once(wss, 'listening');
  const { port } = wss.address() as AddressInfo;
  for (const [target, frame] of [
    ['/here', clientClose(4000, 'enough')],
    ['/here', clientFrame({ opcode: 3 })],
    ['/elsewhere', Buffer.alloc(0)],
  ] as const) {
    const client = await RawClient.connect(port);
    client.send(upgradeRequest({ target }));
    await client.response();
    client.send(frame);
    await client.ended();
    client.finish();
  }
  await wss.close();
  return metrics({ [NAME]: wss });
}

describeIf(
  "Python's prometheus_client",
  runs(PYTHON, '-c', 'import prometheus_client.openmetrics.parser'),
)('the text of a server that has lived, read by Prometheus’s own client', () => {
  let text: string;
  beforeAll(async () => {
    text = await livedText();
  });

  test('has the values that it has for us, and the server’s name as it is', () => {
    const ours = [...readOpenMetrics(text).values()].flatMap(({ samples }) => [
      ...samples.values(),
    ]);
    const theirs = readByPython(text)!;
    expect(theirs.map(([, , value]) => value)).toStrictEqual(ours);
    for (const [, labels] of theirs) expect(labels['server']).toBe(NAME);
    const find = (name: string, labels: Record<string, string>) =>
      theirs.find(
        ([other, { server: _, ...rest }]) =>
          other === name && JSON.stringify(rest) === JSON.stringify(labels),
      )?.[2];
    expect(find('hawser_upgrades_accepted_total', {})).toBe(2);
    expect(find('hawser_upgrades_rejected_total', { status: '404' })).toBe(1);
    expect(find('hawser_closed_by_code_total', { code: '4xxx' })).toBe(1);
    expect(find('hawser_closed_by_cause_total', { cause: 'ERR_RESERVED_OPCODE' })).toBe(1);
  });

  test.each([
    ['a counter without _total', '_total', ''],
    ['no end', '# EOF\n', ''],
    ['a quote that is not escaped', '\\"', '"'],
  ])('would be refused with %s', (_what, from, to) => {
    expect(readByPython(text.replace(from, to))).toBeUndefined();
  });
});
