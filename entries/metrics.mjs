// The ES module's door into `hawser/metrics`, beside index.mjs. A test compares these names too.
import metricsAdapter from '../dist/adapters/metrics.js';

export const { CONTENT_TYPE, metrics, registerMetrics } = metricsAdapter;
