import { AsyncLocalStorage } from 'node:async_hooks';
import { ThreadPool } from '../../../../src/connection/deflate/thread-pool.js';

/** Adds jobs that are named, and end when the test says so. */
function pooled() {
  const pool = new ThreadPool();
  const began: string[] = [];
  const ends = new Map<string, () => void>();
  const add = (name: string): void => {
    pool.run((done) => {
      began.push(name);
      ends.set(name, done);
    });
  };
  return { pool, began, add, end: (name: string) => ends.get(name)!() };
}

describe('DeflatePool', () => {
  it('runs four jobs at once, each of them at once', () => {
    const { pool, began, add } = pooled();
    for (const name of 'abcdef') add(name);
    expect(began.join('')).toBe('abcd');
    expect(pool.waiting).toBe(2);
  });

  it('runs the others in order, each as soon as one is done', () => {
    const { pool, began, add, end } = pooled();
    for (const name of 'abcdefg') add(name);
    end('c');
    expect(began.join('')).toBe('abcde');
    end('e');
    end('a');
    expect(began.join('')).toBe('abcdefg');
    expect(pool.waiting).toBe(0);
    end('b');
    add('h');
    add('i');
    expect(began.join('')).toBe('abcdefgh');
  });

  it('has room again when all are done', () => {
    const { began, add, end } = pooled();
    for (const name of 'abcd') add(name);
    for (const name of 'abcd') end(name);
    for (const name of 'efghi') add(name);
    expect(began.join('')).toBe('abcdefgh');
  });

  it('goes on with jobs that are done before they return', () => {
    const pool = new ThreadPool();
    let ran = 0;
    for (let i = 0; i < 20; i++) {
      pool.run((done) => {
        ran++;
        done();
      });
    }
    expect(ran).toBe(20);
    expect(pool.waiting).toBe(0);
  });
});

it('begins no job in the context of another', () => {
  const user = new AsyncLocalStorage<string>();
  const pool = new ThreadPool();
  const stores: unknown[] = [];
  const ends: (() => void)[] = [];
  for (let count = 0; count < 5; count++) {
    user.run(`${count}`, () => {
      pool.run((done) => {
        stores.push(user.getStore());
        ends.push(done);
      });
    });
  }
  user.run('the end of one', ends[0]!);
  expect(stores).toStrictEqual(Array(5).fill(undefined));
});
