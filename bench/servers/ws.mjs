// ws in pure JavaScript; see peers.mjs for what keeps it so.
import { isLoaded, load, versionOf } from './common.mjs';
import { serveWith } from './ws-interface.mjs';

export { effort } from './ws-interface.mjs';

export function claim() {
  if (isLoaded('bufferutil')) throw new Error('ws has loaded the native add-on bufferutil');
  return { version: versionOf('ws'), mode: 'pure JavaScript' };
}

export const serve = serveWith(load('ws').WebSocketServer);
