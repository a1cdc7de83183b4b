// The ES module's door into `hawser/cluster`, beside index.mjs. A test compares these names too.
import clusterAdapter from '../dist/adapters/cluster.js';

export const { clusterBroker, relayTopics } = clusterAdapter;
