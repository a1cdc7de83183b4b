// Unmasking in place: the loop, the WebAssembly kernel, and the native add-on that ws can use.
import bufferutil from 'bufferutil';
import { bench, group } from 'mitata';
import {
  loadKernel,
  readKey,
  unmaskByKernel,
  unmaskByLoop,
} from '../../build/protocol/framing/mask.js';
import { payload } from '../payloads.mjs';

const mask = payload('binary', 4, 0);
const key = readKey(mask, 0);
const kernel = loadKernel();

for (const size of [16, 64, 128, 256, 1024, 4096, 16_384, 65_536, 1_048_576]) {
  const bytes = payload('binary', size, 1);
  group(`unmask ${size} B`, () => {
    bench(`unmask ${size} B: loop`, () => unmaskByLoop(bytes, 0, size, bytes, 0, key));
    if (kernel !== undefined) {
      bench(`unmask ${size} B: kernel`, () =>
        unmaskByKernel(kernel, bytes, 0, size, bytes, 0, key),
      );
    }
    bench(`unmask ${size} B: bufferutil`, () => bufferutil.unmask(bytes, mask));
  });
}
