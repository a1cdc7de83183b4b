/** What closed servers leave behind on an http.Server that lives on: the server in a process of its own. */
import { Child, stopChildren } from '../support/child.js';

afterAll(stopChildren);

const PROGRAM = `
  const shared = new AbortController();
  const refs = [];
  commands.cycle = async (count) => {
    const kept = new hawser.WebSocketServer(server, { path: '/kept' });
    for (let i = 0; i < count; i++) {
      const wss = new hawser.WebSocketServer(server, { path: '/' + i });
      refs.push(new WeakRef(wss));
      await wss.close({ signal: shared.signal });
    }
    const own = new hawser.WebSocketServer({ port: 0, signal: shared.signal });
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
  commands.listeners = () => ['upgrade', 'listening', 'newListener'].reduce((sum, name) => sum + server.listenerCount(name), 0);
  process.on('warning', (warning) => say('warning', warning.message));
  const last = new hawser.WebSocketServer(server); // for the test's own question at its end
`;

test('closed servers are collected, though their http.Server and their signal live on', async () => {
  const child = await Child.serve(PROGRAM, '--expose-gc');
  const before = await child.ask('listeners');
  await child.ask('cycle', 50);
  expect(await child.ask('alive')).toBe(0);
  expect(await child.ask('listeners')).toBe(before);
  await child.expectAlive();
  expect(child.said.filter(([word]) => word === 'warning')).toEqual([]);
  expect(child.stderr).toBe('');
});
