export * from '../dist/adapters/nats.js';
