import { slotOf } from '../../../../src/adapters/redis/slots.js';

// `CLUSTER KEYSLOT` of Redis 7.0 gave these.
test.each([
  ['123456789', 12739], // CRC16 of it is 0x31C3, in the specification
  ['', 0],
  ['hawser:news', 4210],
  ['ü😀', 7754],
  ['{user1000}.following', 3443],
  ['{user1000}.followers', 3443],
  ['foo{}{bar}', 8363],
  ['foo{{bar}}zap', 4015],
  ['foo{bar}{zap}', 5061],
  ['foo{bar', 15278],
  ['}foo{', 8453],
])('the slot of %j is %i', (channel, slot) => {
  expect(slotOf(channel)).toBe(slot);
});
