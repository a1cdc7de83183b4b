// A reader that stops on purpose: a WebSocket in a worker whose thread is blocked for a while. Nothing is
// read meanwhile, the buffers on the way fill up, and the server has to wait.

/** A sign of life is sent after so many bytes, or the server's heartbeat takes a slow reader for a dead one. */
const SIGN_EVERY = 2_000_000;

addEventListener('message', ({ data: { url, ticket, pause } }) => {
  let bytes = 0;
  const socket = new WebSocket(url);
  socket.binaryType = 'arraybuffer';
  socket.onopen = () => socket.send(JSON.stringify({ type: 'flood', ticket }));
  socket.onmessage = ({ data }) => {
    if (bytes === 0) {
      const end = performance.now() + pause;
      while (performance.now() < end); // on purpose: a thread that waits for events would read
    }
    const before = bytes;
    bytes += data.byteLength ?? 0;
    if (Math.floor(before / SIGN_EVERY) < Math.floor(bytes / SIGN_EVERY))
      socket.send('{"type":"probe"}');
  };
  socket.onclose = ({ code, reason }) => postMessage({ bytes, code, reason });
});
