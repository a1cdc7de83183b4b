// A reader that stops, made to order: a WebSocket in a worker whose thread does nothing for a while.
// Nothing is read meanwhile, the buffers on the way fill, and the server has to wait.
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
