import { EventEmitter } from 'node:events';
import { followReadiness } from '../../../../src/adapters/redis/client.js';
import { settle } from '../../../support/fake-node.js';

function follow(isReady = false): {
  client: EventEmitter;
  state: { isReady: boolean };
  lines: string[];
  stop: () => void;
} {
  const client = new EventEmitter();
  const state = { isReady };
  const lines: string[] = [];
  const stop = followReadiness(client, () => state.isReady, ['close', 'end'], {
    ready: () => lines.push('ready'),
    lost: ({ message }) => lines.push(`lost ${message}`),
    fault: ({ message }) => lines.push(`fault ${message}`),
  });
  return { client, state, lines, stop };
}

test('a client that is ready already is reported at once', () => {
  expect(follow(true).lines).toEqual(['ready']);
  expect(follow(false).lines).toEqual([]);
});

test('an error that ends the connection is the reason of the loss', async () => {
  const { client, state, lines } = follow(true);
  state.isReady = false;
  client.emit('error', new Error('reset'));
  client.emit('end');
  await settle();
  expect(lines).toEqual(['ready', 'lost reset']);
});

test('so is one that comes before the end, as with ioredis', async () => {
  const { client, state, lines } = follow(true);
  client.emit('error', new Error('reset'));
  state.isReady = false;
  client.emit('close');
  await settle();
  expect(lines).toEqual(['ready', 'lost reset']);
});

test('an end without an error is a loss, too, and one that is none is not', () => {
  const { client, state, lines } = follow(true);
  client.emit('close');
  state.isReady = false;
  client.emit('close');
  client.emit('end');
  state.isReady = true;
  client.emit('ready');
  expect(lines).toEqual(['ready', 'lost the connection was closed', 'ready']);
});

test('an error is a fault while there is no connection, or when the connection survives it', async () => {
  const { client, state, lines } = follow(false);
  client.emit('error', new Error('refused'));
  expect(lines).toEqual(['fault refused']);
  state.isReady = true;
  client.emit('ready');
  client.emit('error', new Error('odd'));
  await settle();
  state.isReady = false;
  client.emit('close');
  expect(lines.slice(1)).toEqual(['ready', 'fault odd', 'lost the connection was closed']);
});

test('afterwards there are no listeners, and nothing is told', async () => {
  const { client, lines, stop } = follow(true);
  client.emit('error', new Error('odd'));
  stop();
  await settle();
  expect(lines).toEqual(['ready']);
  expect(client.eventNames()).toEqual([]);
});
