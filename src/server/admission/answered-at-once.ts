/**
 * Check that a function given as an option has not returned a promise, which would count as a yes
 * whatever it resolves to.
 *
 * @param option the option's name.
 * @throws TypeError for a promise.
 */
export function answeredAtOnce<T>(option: string, answer: T): T {
  const { then } = (answer ?? {}) as { readonly then?: unknown };
  if (typeof then !== 'function') return answer;
  Promise.resolve(answer).catch(() => undefined); // or its rejection would end the process
  throw new TypeError(
    `option ${option}: expected the function to answer at once, got a promise; what takes time belongs in authorize`,
  );
}
