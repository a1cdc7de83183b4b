// ws with its native add-on for masking.
import { isLoaded, load, versionOf } from './common.mjs';

export { serve } from './ws.mjs';

export function claim() {
  if (!isLoaded('bufferutil') || !isNative(load('bufferutil').unmask)) {
    throw new Error('ws runs without the native add-on bufferutil');
  }
  return { version: versionOf('ws'), mode: `with bufferutil ${versionOf('bufferutil')} (native)` };
}

const isNative = (/** @type {object} */ f) => String(f).includes('[native code]');
