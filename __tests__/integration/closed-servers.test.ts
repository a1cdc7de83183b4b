/** What closed servers leave behind on a server of Node that lives on: the server in a process of its own. */
import { Child, stopChildren } from '../support/child.js';
import { VERSIONS, type Version } from '../support/versions.js';

afterAll(stopChildren);

const program = (version: Version): string => `
  const shared = new AbortController();
  const refs = [];
  commands.cycle = async (count) => {
    const kept = new hawser.WebSocketServer(server, { path: '/kept' });
    for (let i = 0; i < count; i++) {
      const wss = new hawser.WebSocketServer(server, { path: '/' + i });
      refs.push(new WeakRef(wss));
      await wss.close({ signal: shared.signal });
    }
    const ofItsOwn = { http2: ${version === 'HTTP/2'}, logger: { warn() {}, error() {} } };
    const own = new hawser.WebSocketServer({ port: 0, signal: shared.signal, ...ofItsOwn });
    refs.push(new WeakRef(own));
    await new Promise((resolve) => own.once('listening', resolve));
    await own.close();
    await kept.close();
    refs.push(new WeakRef(kept));
  };
  commands.alive = async () => {
    for (let i = 0; i < 20; i++) {
      await new Promise((resolve) => setImmediate(resolve));
      gc();
    }
    return refs.filter((ref) => ref.deref() !== undefined).length;
  };
  commands.listeners = () => server.eventNames().reduce((sum, name) => sum + server.listenerCount(name), 0);
  process.on('warning', (warning) => say('warning', warning.message));
  const last = new hawser.WebSocketServer(server); // for the test's own question at its end
`;

test.each(VERSIONS)(
  'closed servers are collected, though their server of %s and their signal live on',
  async (version) => {
    const child = await Child.serveOver(version, program(version), '--expose-gc');
    const before = await child.ask('listeners');
    await child.ask('cycle', 50);
    expect(await child.ask('alive')).toBe(0);
    expect(await child.ask('listeners')).toBe(before);
    await child.expectAlive();
    expect(child.said.filter(([word]) => word === 'warning')).toEqual([]);
    expect(child.stderr).toBe('');
  },
);
