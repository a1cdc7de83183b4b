// The ES module's door into `hawser/redis`, beside index.mjs. A test compares these names too.
import redisAdapter from '../dist/adapters/redis.js';

export const { redisBroker } = redisAdapter;
