export * from '../dist/adapters/redis.js';
