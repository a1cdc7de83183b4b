import { ChannelLimit } from '../../../../src/adapters/redis/channel-limit.js';

test('without a limit everything is admitted', () => {
  const limit = new ChannelLimit({}, Infinity);
  expect(limit.join(['a', 'b'])).toEqual({ admitted: ['a', 'b'], refused: [] });
  expect(limit.leave(['a'])).toEqual([]);
});

test('what is above the limit is refused until others are left', () => {
  const limit = new ChannelLimit({}, 2);
  expect(limit.join(['a', 'b', 'c', 'd'])).toEqual({ admitted: ['a', 'b'], refused: ['c', 'd'] });
  expect(limit.join(['a'])).toEqual({ admitted: [], refused: [] });
  expect(limit.leave(['c'])).toEqual([]);
  expect(limit.leave(['a', 'unknown'])).toEqual(['d']);
  expect(limit.leave(['b', 'd'])).toEqual([]);
  expect(limit.join(['e', 'f']).admitted).toEqual(['e', 'f']);
});

test('brokers with one client share its limit', () => {
  const client = {};
  const one = new ChannelLimit(client, 3);
  const other = new ChannelLimit(client, 3);
  expect(one.join(['a', 'b']).refused).toEqual([]);
  expect(other.join(['a', 'b'])).toEqual({ admitted: ['a'], refused: ['b'] });
  one.close();
  expect(other.join(['c', 'd']).refused).toEqual([]);
});
