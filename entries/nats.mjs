// The ES module's door into `hawser/nats`, beside index.mjs. A test compares these names too.
import natsAdapter from '../dist/adapters/nats.js';

export const { natsBroker } = natsAdapter;
