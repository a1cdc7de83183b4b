/** Protocols that came before RFC 6455: their framing has no masks and lengths without end (CVE-2026-54466). */
import { Host, stopHosts } from '../support/host.js';
import { RawClient, upgradeRequest } from '../support/raw-client.js';

afterEach(stopHosts);

test.each([
  ['hixie-75', { 'Sec-WebSocket-Key': null, 'Sec-WebSocket-Version': null }, ''],
  [
    'hixie-76',
    {
      'Sec-WebSocket-Key': null,
      'Sec-WebSocket-Version': null,
      'Sec-WebSocket-Key1': '4 @1  46546xW%0l 1 5',
      'Sec-WebSocket-Key2': '12998 5 Y3 1  .P00',
    },
    '^n:ds[4U',
  ],
  ['hybi-00 with a version', { 'Sec-WebSocket-Version': '0' }, ''],
  ['hybi-07', { 'Sec-WebSocket-Version': '7' }, ''],
  ['hybi-08', { 'Sec-WebSocket-Version': '8' }, ''],
  ['a list of versions', { 'Sec-WebSocket-Version': '13, 8, 7' }, ''],
  ['a version to come', { 'Sec-WebSocket-Version': '14' }, ''],
])('%s is answered 426 with the version that is spoken', async (_draft, headers, body) => {
  const host = await Host.start();
  const client = await RawClient.connect(host.port);
  client.send(upgradeRequest({ headers: { ...headers, Origin: null } }) + body);
  const { status, header } = await client.response();
  expect([status, header('Sec-WebSocket-Version'), header('Upgrade')]).toEqual([
    426,
    '13',
    'websocket',
  ]);
  expect(await client.ended()).toBe('end');
  client.destroy();
});
