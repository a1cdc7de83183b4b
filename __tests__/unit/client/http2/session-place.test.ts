import { readAddress, type Address } from '../../../../src/client/address.js';
import { OwnPlace, SharedPlace } from '../../../../src/client/http2/session-place.js';
import type { SessionWay } from '../../../../src/client/http2/session-socket.js';
import { CERTIFICATE } from '../../../support/certificate.js';
import { clientSession, handServer } from '../../../support/http2-servers.js';
import { eventually, later } from '../../../support/server.js';

function place(url: string, way: Partial<SessionWay> = {}): SharedPlace {
  const address = readAddress(new URL(url)) as Address;
  const made = new SharedPlace({
    address,
    transport: {},
    socketPath: undefined,
    proxy: undefined,
    ...way,
  });
  later(() => {
    made.leave();
  });
  return made;
}

describe('a place on a session of the application', () => {
  it('waits for the SETTINGS, and leaves the session alone', async () => {
    const { port } = await handServer();
    const session = clientSession(port);
    const unref = jest.spyOn(session, 'unref');
    const own = new OwnPlace(session);
    expect(await own.ready()).toBe(session);
    own.unref();
    own.leave();
    expect(unref).not.toHaveBeenCalled();
    expect(session.closed).toBe(false);
  });
});

describe('a place on a shared session', () => {
  it('is on one session for a server, until all have left', async () => {
    const { port, open, sessions } = await handServer();
    const url = `ws://127.0.0.1:${port}/`;
    const places = ['a', 'b', 'c'].map((path) => place(url + path));
    const got = await Promise.all(places.map((each) => each.ready()));
    expect(new Set(got).size).toBe(1);
    places[0]!.leave();
    places[0]!.leave();
    places[1]!.leave();
    expect(got[0]!.closed).toBe(false);
    places[2]!.leave();
    expect(got[0]!.closed).toBe(true);
    await eventually('the end of the session', () => open.size === 0);
    const after = place(url);
    expect(await after.ready()).not.toBe(got[0]);
    expect(sessions).toHaveLength(2);
  });

  it('is on another session when the server allows no more streams', async () => {
    const { port, sessions } = await handServer(undefined, {
      settings: { maxConcurrentStreams: 2 },
    });
    const places = Array.from({ length: 5 }, () => place(`ws://127.0.0.1:${port}/`));
    const got = await Promise.all(places.map((each) => each.ready()));
    expect(sessions).toHaveLength(3);
    for (const session of new Set(got)) {
      expect(got.filter((each) => each === session).length).toBeLessThanOrEqual(2);
    }
    places[0]!.leave();
    expect(await place(`ws://127.0.0.1:${port}/`).ready()).toBe(got[0]);
  });

  it('is nowhere if the server allows no streams at all', async () => {
    const { port } = await handServer(undefined, { settings: { maxConcurrentStreams: 0 } });
    await expect(place(`ws://127.0.0.1:${port}/`).ready()).rejects.toThrow(/allows no streams/);
  });

  it('can be given back before the session is there', async () => {
    const { port, open } = await handServer();
    const waiting = place(`ws://127.0.0.1:${port}/`);
    const other = place(`ws://127.0.0.1:${port}/`);
    const ready = waiting.ready();
    const otherReady = other.ready();
    waiting.leave();
    expect(await ready).toBe(await otherReady);
    other.leave();
    await eventually('the end of the session', () => open.size === 0);
  });

  it('keeps the process running until unref()', async () => {
    const { port } = await handServer();
    const [one, two] = [place(`ws://127.0.0.1:${port}/`), place(`ws://127.0.0.1:${port}/`)];
    const session = await one.ready();
    await two.ready();
    const [ref, unref] = [jest.spyOn(session, 'ref'), jest.spyOn(session, 'unref')];
    one.unref();
    expect(unref).not.toHaveBeenCalled();
    two.unref();
    expect(unref).toHaveBeenCalledTimes(1);
    await place(`ws://127.0.0.1:${port}/`).ready();
    expect(ref).toHaveBeenCalled();
  });

  it.each<[string, boolean, Partial<SessionWay>, Partial<SessionWay>]>([
    ['certificates', true, { transport: { ca: 'a' } }, { transport: { ca: 'a' } }],
    [
      'certificates that were read twice',
      true,
      { transport: { ca: [Buffer.from('a')] } },
      { transport: { ca: [Buffer.from('a')] } },
    ],
    ['other certificates', false, { transport: { ca: 'a' } }, { transport: { ca: 'b' } }],
    ['more certificates', false, { transport: { ca: ['a'] } }, { transport: { ca: ['a', 'b'] } }],
    ['fewer options', false, { transport: { ca: 'a' } }, { transport: {} }],
    [
      'other functions',
      false,
      { transport: { checkServerIdentity: () => undefined } },
      { transport: { checkServerIdentity: () => undefined } },
    ],
    ['other proxies', false, {}, { proxy: new URL('http://127.0.0.1:1') }],
    ['other sockets', false, {}, { socketPath: '/nowhere' }],
  ])('is shared with %s: %s', async (_what, isSame, one, other) => {
    const { port, sessions } = await handServer();
    const url = `ws://127.0.0.1:${port}/`;
    const first = await place(url, one).ready();
    const second = await place(url, other)
      .ready()
      .catch(() => undefined);
    expect(second === first).toBe(isSame);
    expect(sessions.length).toBeGreaterThan(0);
  });

  it('is not shared with another scheme, host or port', async () => {
    const { port } = await handServer();
    const { port: other } = await handServer();
    const { port: securePort } = await handServer(undefined, { isSecure: true });
    const transport = { ca: CERTIFICATE.cert };
    const urls = [
      `ws://127.0.0.1:${port}/`,
      `ws://127.0.0.1:${other}/`,
      `ws://localhost:${port}/`,
      `wss://localhost:${securePort}/`,
    ];
    const got = await Promise.all(urls.map((url) => place(url, { transport }).ready()));
    expect(new Set(got).size).toBe(4);
    const refused = place(`ws://localhost:${securePort}/`, { transport }).ready();
    await expect(refused).rejects.toThrow();
  });
});
