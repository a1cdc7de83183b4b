import { isNativeError } from 'node:util/types';
import {
  integerBetween,
  isObject,
  isPlain,
  type Rule,
  show,
} from '../../protocol/option-checks.js';
import type { Authorization } from './options.js';

/** The rule for `maxPayload`, as an option and in what `authorize` returns. */
export const maxPayloadRule: Rule = integerBetween('a number of bytes', 1, Number.MAX_SAFE_INTEGER);

const AUTHORIZATION_KEYS = ['context', 'headers', 'subprotocol', 'maxPayload'];

/**
 * Check what `authorize` returned, or what `accept` was given. A value such as `false` must not count
 * as a yes, and an unknown property must not be lost (the user in place of `{ context: user }`).
 *
 * @param caller the function, for the message.
 * @throws TypeError with what was expected and what was given.
 */
export function checkAuthorization<Context>(
  answer: unknown,
  caller: 'authorize' | 'accept' = 'authorize',
): Authorization<Context> {
  if (answer === undefined || answer === null) return {};
  if (!isObject(answer) || isNativeError(answer)) {
    const got = isNativeError(answer) ? 'an error' : show(answer);
    if (caller === 'accept') {
      throw new TypeError(`${caller}: expected options to be an object, got ${got}`);
    }
    throw new TypeError(
      `authorize: expected it to return nothing or an object, got ${got}; to reject, throw new UpgradeRejection(403)`,
    );
  }
  const keys = Object.keys(answer);
  const other = keys.find((key) => !AUTHORIZATION_KEYS.includes(key));
  if (other !== undefined || (keys.length === 0 && !isPlain(answer))) {
    throw new TypeError(
      `${caller}: expected an object with context, headers, subprotocol and maxPayload only, got ${other === undefined ? 'an object of a class' : JSON.stringify(other)}; for conn.context return { context: … }`,
    );
  }
  const { subprotocol, maxPayload } = answer;
  if (subprotocol !== undefined && typeof subprotocol !== 'string') {
    throw new TypeError(`${caller}: expected subprotocol to be a string, got ${show(subprotocol)}`);
  }
  checkMaxPayload(caller, maxPayload);
  return answer;
}

function checkMaxPayload(caller: string, maxPayload: unknown): void {
  const { expected, accepts } = maxPayloadRule;
  if (maxPayload === undefined || accepts(maxPayload)) return;
  throw new TypeError(`${caller}: expected maxPayload to be ${expected}, got ${show(maxPayload)}`);
}
