// One connection asks for a number of messages and reads them.
import { performance } from 'node:perf_hooks';
import { openClients } from '../load/client.mjs';
import { frame, serverMessages } from '../payloads.mjs';
import { cpuPerMessage } from './measure.mjs';

/** Different messages; how many are asked for is a multiple of it. */
const CYCLE = 16;
/** However few are measured, the code that sends them is compiled by then. */
const LEAST_WARM_UP = 96_000;

/** In run.mjs. */
export async function measure(processes, { size, wire }, { streamed }) {
  const port = await processes.server.call('serve', { kind: 'stream', count: CYCLE, size });
  await processes.load.call('open', { port, wire, size });
  const { cpu, perSecond } = await cpuPerMessage(
    processes,
    { messages: wholeCycles(Math.max(streamed / 10, LEAST_WARM_UP)) },
    { messages: wholeCycles(streamed), step: CYCLE },
  );
  return { value: cpu, cpu, perSecond };
}

const wholeCycles = (/** @type {number} */ messages) => Math.ceil(messages / CYCLE) * CYCLE;

/** In the load generator. */
export async function open({ port, wire, size }) {
  const [client] = await openClients(port, 1);
  const frames = serverMessages(CYCLE, size).map((message) => frame('binary', message));
  const frameSize = frames[0]?.length ?? 0;
  client?.expect(Buffer.concat(frames));

  return {
    run: ({ messages }) =>
      new Promise((resolve) => {
        if (client === undefined) return;
        const began = performance.now();
        const count = Buffer.alloc(4);
        count.writeUInt32BE(messages);
        client.onComplete = () =>
          resolve({ messages, seconds: (performance.now() - began) / 1000 });
        client.send(frame('binary', count, wire === 'websocket'), messages * frameSize);
      }),
  };
}
