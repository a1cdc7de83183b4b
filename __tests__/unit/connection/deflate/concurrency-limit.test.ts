import { AsyncLocalStorage } from 'node:async_hooks';
import { ConcurrencyLimit } from '../../../../src/connection/deflate/concurrency-limit.js';

/** Adds jobs that are named, and end when the test says so. */
function limited() {
  const concurrency = new ConcurrencyLimit();
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (name: string): void => {
    concurrency.run((done) => {
      began.push(name);
      ends.set(name, done);
    });
  };
  return { concurrency, began, add, end: (name: string) => ends.get(name)!() };
}

describe('ConcurrencyLimit', () => {
  it('runs four jobs at a time, each of them immediately', () => {
    const { concurrency, began, add } = limited();
    for (const name of 'abcdef') add(name);
    expect(began.join('')).toBe('abcd');
    expect(concurrency.waiting).toBe(2);
  });

  it('runs the others in order, each as soon as one is done', () => {
    const { concurrency, began, add, end } = limited();
    for (const name of 'abcdefg') add(name);
    end('c');
    expect(began.join('')).toBe('abcde');
    end('e');
    end('a');
    expect(began.join('')).toBe('abcdefg');
    expect(concurrency.waiting).toBe(0);
    end('b');
    add('h');
    add('i');
    expect(began.join('')).toBe('abcdefgh');
  });

  it('has room again when all are done', () => {
    const { began, add, end } = limited();
    for (const name of 'abcd') add(name);
    for (const name of 'abcd') end(name);
    for (const name of 'efghi') add(name);
    expect(began.join('')).toBe('abcdefgh');
  });

  it('goes on with jobs that are done before they return', () => {
    const concurrency = new ConcurrencyLimit();
    let ran = 0;
    for (let i = 0; i < 20; i++) {
      concurrency.run((done) => {
        ran++;
        done();
      });
    }
    expect(ran).toBe(20);
    expect(concurrency.waiting).toBe(0);
  });
});

it('begins no job in the context of another', () => {
  const user = new AsyncLocalStorage<string>();
  const concurrency = new ConcurrencyLimit();
  const stores: unknown[] = [];
  const ends: (() => void)[] = [];
  for (let count = 0; count < 5; count++) {
    user.run(`${count}`, () => {
      concurrency.run((done) => {
        stores.push(user.getStore());
        ends.push(done);
      });
    });
  }
  user.run('the end of one', ends[0]!);
  expect(stores).toStrictEqual(Array(5).fill(undefined));
});
