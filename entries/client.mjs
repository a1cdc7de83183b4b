// The ES module's door into `hawser/client`, beside index.mjs. A test compares these names too.
import client from '../dist/client/index.js';

export const { connect, HandshakeError, reconnecting } = client;
