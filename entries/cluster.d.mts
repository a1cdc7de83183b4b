export * from '../dist/adapters/cluster.js';
