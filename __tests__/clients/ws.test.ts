import { CERTIFICATE } from '../support/certificate.js';
import { compressedTraffic, everyOffer } from './compressed-traffic.js';
import { bytes, conversations } from './conversations.js';
import { Host, stopHosts } from '../support/host.js';
import { openWs } from './ws-peer.js';

const CAN = {
  pings: true,
  fragments: true,
  closesWithoutCode: true,
  keepsBom: true,
  leavesWith: 1006,
} as const;

describe('ws talks with hawser', () => {
  conversations(openWs, CAN);
});

describe('ws talks with hawser in compressed messages', () => {
  const perMessageDeflate = { contextTakeover: 'both', threshold: 0 } as const;
  conversations(openWs, CAN, '', { perMessageDeflate });
});

describe('ws exchanges compressed messages with hawser, asking for less', () => {
  const offers = everyOffer([8, 9, 10, 11, 12, 13, 14, 15]);
  compressedTraffic(openWs, { compresses: true, offers, windows: [15], messages: 20 });
});

describe('ws exchanges compressed messages with hawser, being told', () => {
  const windows = [8, 9, 10, 11, 12, 13, 14, 15];
  compressedTraffic(openWs, { compresses: true, offers: [undefined], windows, messages: 60 });
});

describe('ws talks with hawser over TLS', () => {
  afterEach(stopHosts);

  test('text, binary, pings and the closing handshake pass as they do without it', async () => {
    const host = await Host.startTls(CERTIFICATE);
    const peer = await openWs(host.url, [], undefined, { rejectUnauthorized: false });
    const ours = await host.connection();
    await peer.send('über TLS ⚓', bytes(1_048_576));
    const [text, binary] = await ours.receive(2);
    expect(text).toBe('über TLS ⚓');
    expect(bytes(1_048_576).equals(binary as Buffer)).toBe(true);
    ours.connection.send('zurück ⚓');
    ours.connection.send(bytes(1_048_576));
    const [answer, back] = await peer.receive(2);
    expect(answer).toBe('zurück ⚓');
    expect(bytes(1_048_576).equals(back as Buffer)).toBe(true);
    await peer.ping!('over TLS');
    await peer.close(4000, 'done');
    expect(await ours.ended).toMatchObject({ code: 4000, reason: 'done', clean: true });
    expect(await peer.ended()).toEqual({ code: 4000, reason: '' });
  });

  test('a shutdown of the server reaches the client', async () => {
    const host = await Host.startTls(CERTIFICATE);
    const peer = await openWs(host.url, [], undefined, { rejectUnauthorized: false });
    expect(await host.server.close({ reason: 'over' })).toMatchObject({ total: 1, clean: 1 });
    expect(await peer.ended()).toEqual({ code: 1001, reason: 'over' });
  });
});
