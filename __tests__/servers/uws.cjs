// An echo server of uWebSockets.js, which prints its port. Its package is one of the benchmark's.
'use strict';

const { createRequire } = require('node:module');
const { join } = require('node:path');

const root = join(__dirname, '../..');
const uWS = createRequire(join(root, 'bench/package.json'))('@trufflesuite/uws-js-unofficial');
// Elsewhere than on Node 20 the package is an imitation in JavaScript, which does not have this function.
if (typeof uWS.getString !== 'function') process.exit(1);
if (process.argv[2] === '--check') process.exit(0);

uWS
  .App()
  .ws('/*', {
    compression: uWS.SHARED_COMPRESSOR,
    maxPayloadLength: 16 * 1024 * 1024,
    maxBackpressure: 64 * 1024 * 1024,
    upgrade(response, request, context) {
      const offered = request.getHeader('sec-websocket-protocol').split(',');
      response.upgrade(
        {},
        request.getHeader('sec-websocket-key'),
        offered.includes('chat') ? 'chat' : '',
        request.getHeader('sec-websocket-extensions'),
        context,
      );
    },
    message(socket, data, isBinary) {
      if (!isBinary && Buffer.from(data).toString() === 'close') socket.end(4001, 'bye');
      else socket.send(data, isBinary, true);
    },
  })
  .listen('127.0.0.1', 0, (token) => console.log(uWS.us_socket_local_port(token)));
