export * from '../dist/adapters/metrics.js';
