// hawser by the interface of ws.
import { serveWith } from './ws-interface.mjs';

export { claim } from './hawser.mjs';

const { default: WebSocket } = await import('../../entries/ws.cjs');

export const serve = serveWith(WebSocket.WebSocketServer);
