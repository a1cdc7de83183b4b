import { readdirSync, readFileSync } from 'node:fs';
import { extname } from 'node:path';

const PUBLIC = new URL('public/', import.meta.url);
/** @type {Record<string, string>} */
const TYPES = {
  '.html': 'text/html; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.svg': 'image/svg+xml',
};

/** Even if a stranger's text became markup, the browser would not run any of it. */
const HEADERS = {
  'Content-Security-Policy': [
    "default-src 'none'",
    "script-src 'self'",
    "worker-src 'self'",
    "style-src 'self'",
    "img-src 'self'",
    "connect-src 'self'", // the WebSocket included
    "base-uri 'none'",
    "form-action 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
  'X-Content-Type-Options': 'nosniff',
  'Referrer-Policy': 'no-referrer',
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Resource-Policy': 'same-origin',
  'Cache-Control': 'no-cache',
};

/**
 * Answers requests for the page. The files are read once, at the start. A request for any other path
 * gets 404: the path of a request never reaches the file system.
 */
export function servePage() {
  const files = new Map(
    readdirSync(PUBLIC).map((name) => [
      name === 'index.html' ? '/' : `/${name}`,
      { type: TYPES[extname(name)], body: readFileSync(new URL(name, PUBLIC)) },
    ]),
  );

  /** @type {import('node:http').RequestListener} */
  return (request, response) => {
    const answer = (
      /** @type {number} */ status,
      /** @type {object} */ headers,
      /** @type {string | Buffer} */ body,
    ) =>
      response
        .writeHead(status, { ...HEADERS, 'Content-Length': Buffer.byteLength(body), ...headers })
        .end(request.method === 'HEAD' ? undefined : body);

    if (request.method !== 'GET' && request.method !== 'HEAD') {
      // Without this an unread body would keep the connection busy.
      const close = request.httpVersionMajor === 1 ? { Connection: 'close' } : {};
      answer(405, { Allow: 'GET, HEAD', ...close }, 'Only GET and HEAD.\n');
      return;
    }
    const file = files.get((request.url ?? '').split('?', 1)[0] ?? '');
    if (file) answer(200, { 'Content-Type': file.type }, file.body);
    else answer(404, { 'Content-Type': 'text/plain; charset=utf-8' }, 'There is no such page.\n');
  };
}
