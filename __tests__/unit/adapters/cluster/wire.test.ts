import { isOurs, toPrimary, toWorker } from '../../../../src/adapters/cluster/wire.js';

test('knows our messages from the application’s', () => {
  expect(isOurs(toPrimary([]))).toBe(true);
  expect(isOurs(toWorker([['ready']]))).toBe(true);
  for (const other of [undefined, null, 'topics/1', 7, [], {}, { hawser: 'mine' }]) {
    expect(isOurs(other)).toBe(false);
  }
});
