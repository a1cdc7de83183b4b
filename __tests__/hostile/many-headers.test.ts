/** More headers than Node keeps: those after the limit are dropped, `Upgrade` among them (CVE-2024-37890). */
import { Host, stopHosts } from '../support/host.js';
import { RawClient, SAMPLE_KEY } from '../support/raw-client.js';

afterEach(stopHosts);

const NEEDED = [
  'Host: localhost',
  'Upgrade: websocket',
  'Connection: Upgrade',
  'Sec-WebSocket-Version: 13',
  `Sec-WebSocket-Key: ${SAMPLE_KEY}`,
];

/** Node's own limit. */
const KEPT = 1000;

const fillers = (count: number): string[] =>
  Array.from(
    { length: count },
    (_, i) => `${(i % 36).toString(36)}${(((i / 36) % 36) | 0).toString(36)}:`,
  );

async function status(lines: string[]): Promise<number> {
  const host = await Host.start();
  const client = await RawClient.connect(host.port);
  client.send(['GET / HTTP/1.1', ...lines, '', ''].join('\r\n'));
  const response = await client.response();
  client.destroy();
  // The next one is served as if nothing had been.
  const next = await RawClient.open(host.port);
  next.destroy();
  return response.status;
}

/** The status itself if it is a refusal of the client's request. */
const refused = (answer: number): number => ([400, 426, 431].includes(answer) ? answer : 400);

test.each([990, 994, 995, 996, 997, 998, 999, 1000, 1001, 2000, 2500])(
  'a request with the needed headers after %i others is upgraded or rejected',
  async (count) => {
    const answer = await status([...fillers(count), ...NEEDED]);
    expect(answer).toBe(count + NEEDED.length <= KEPT ? 101 : refused(answer));
  },
);

test.each([0, 1, 2, 3, 4, 5])(
  'a request with 2000 headers between the first %i needed ones and the rest is upgraded or rejected',
  async (count) => {
    const lines = [...NEEDED.slice(0, count), ...fillers(2000), ...NEEDED.slice(count)];
    const answer = await status(lines);
    expect(answer).toBe(count === 5 ? 101 : refused(answer));
  },
);
