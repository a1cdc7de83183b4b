import { answeredAtOnce } from '../../../../src/server/admission/answered-at-once.js';

describe('answeredAtOnce', () => {
  it.each([true, false, undefined, null, '', 'x', ['match'], { then: 1 }])(
    'gives %p back',
    (answer) => {
      expect(answeredAtOnce('origin', answer)).toBe(answer);
    },
  );

  it.each<[string, unknown]>([
    ['a promise', Promise.resolve(false)],
    ['a promise that rejects', Promise.reject(new Error('the database is away'))],
    ['what only has a then', { then: (done: (value: boolean) => void) => done(false) }],
  ])('rejects %s', async (_what, answer) => {
    expect(() => answeredAtOnce('origin', answer)).toThrow(
      'option origin: expected the function to answer at once, got a promise; what takes time belongs in authorize',
    );
    await new Promise((resolve) => setImmediate(resolve)); // an unhandled rejection would fail the test
  });
});
