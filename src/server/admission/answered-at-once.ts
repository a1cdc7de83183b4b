/**
 * What a function given as an option has answered. A promise would count as a yes, whatever it
 * resolves to.
 *
 * @param option its name.
 * @throws TypeError if the answer is a promise.
 */
export function answeredAtOnce<T>(option: string, answer: T): T {
  const { then } = (answer ?? {}) as { readonly then?: unknown };
  if (typeof then !== 'function') return answer;
  Promise.resolve(answer).catch(() => undefined); // its rejection is not a second fault
  throw new TypeError(
    `option ${option}: expected the function to answer at once, got a promise; what takes time belongs in authorize`,
  );
}
