import { bench, do_not_optimize, group } from 'mitata';
import { FrameEncoder, Opcode } from '../../dist/index.js';
import { payload } from '../payloads.mjs';

const server = new FrameEncoder();
const client = new FrameEncoder({ role: 'client' });

for (const size of [16, 64, 1024, 65_536]) {
  const bytes = payload('binary', size, 0);
  const ascii = payload('ascii', size, 0).toString();
  const unicode = payload('unicode', size, 0).toString();
  group(`encode ${size} B`, () => {
    bench(`encode ${size} B: Binary`, () => {
      do_not_optimize(server.encode(Opcode.Binary, bytes));
    });
    bench(`encode ${size} B: Text, ASCII`, () => {
      do_not_optimize(server.encode(Opcode.Text, ascii));
    });
    bench(`encode ${size} B: Text, not ASCII`, () => {
      do_not_optimize(server.encode(Opcode.Text, unicode));
    });
    bench(`encode ${size} B: Binary, masked`, () => {
      do_not_optimize(client.encode(Opcode.Binary, bytes));
    });
  });
}
