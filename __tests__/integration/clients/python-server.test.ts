import { once } from 'node:events';
import { spawn } from 'node:child_process';
import { connect } from '../../../src/client/connect.js';
import { describeIf, runs } from '../../support/requires.js';
import { later } from '../../support/server.js';

const PYTHON = '/usr/bin/python3';

/** An echo server of Python's websockets, which prints its port. */
const SERVER = `
import asyncio, websockets

async def echo(socket, *rest):
    async for message in socket:
        await socket.send(message)

async def main():
    async with websockets.serve(echo, '127.0.0.1', 0, subprotocols=['chat'], max_size=None) as server:
        print(list(server.sockets)[0].getsockname()[1], flush=True)
        await asyncio.Future()

asyncio.run(main())
`;

describeIf("Python's websockets", runs(PYTHON, '-c', 'import websockets'))(
  'connect, to a server of Python’s websockets',
  () => {
    test.each([
      ['uncompressed', {}],
      ['without takeover', { perMessageDeflate: true }],
      ['with takeover', { perMessageDeflate: { contextTakeover: 'both', threshold: 0 } as const }],
    ])('talks %s', async (_, options) => {
      const server = spawn(PYTHON, ['-c', SERVER], { stdio: ['ignore', 'pipe', 'inherit'] });
      later(() => server.kill());
      const [line] = (await once(server.stdout, 'data')) as [Buffer];
      const url = `ws://127.0.0.1:${Number(line)}/`;
      const conn = await connect(url, { ...options, subprotocols: ['chat'] });
      expect(conn.subprotocol).toBe('chat');
      expect(conn.extensions !== '').toBe('perMessageDeflate' in options);
      const long = 'long and long and longer, '.repeat(10_000);
      for (const data of ['short', long, Buffer.from('bytes'), long, '']) {
        conn.send(data);
        expect(await once(conn, 'message')).toEqual([data, Buffer.isBuffer(data)]);
      }
      expect(await conn.roundTrip()).toBeGreaterThan(0);
      expect(await conn.close(1000, 'done')).toMatchObject({ code: 1000, clean: true });
    });
  },
);
