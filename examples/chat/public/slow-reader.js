// A reader that stops on purpose: a WebSocket in a worker whose thread is blocked for a while. Nothing is
// read meanwhile, the buffers on the way fill up, and the server has to wait.
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
    bytes += data.byteLength ?? 0;
  };
  socket.onclose = ({ code, reason }) => postMessage({ bytes, code, reason });
});
