import { AsyncLocalStorage } from 'node:async_hooks';
import { neutral } from '../../../src/connection/neutral-context.js';

it('has no store of the call that enters it, and leaves that context unchanged', () => {
  const user = new AsyncLocalStorage<string>();
  const stores = user.run('ann', () => [
    user.getStore(),
    neutral.runInAsyncScope(() => user.getStore()),
    user.getStore(),
  ]);
  expect(stores).toStrictEqual(['ann', undefined, 'ann']);
});
