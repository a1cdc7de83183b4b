import { isAbortSignal } from '../../connection/abort-signal.js';
import { checkName } from '../../connection/names.js';
import { checkOptions, type Rules } from '../../protocol/option-checks.js';

/** Options of `joined`. */
export interface JoinedOptions {
  /** Stops waiting when it aborts. @default none */
  readonly signal?: AbortSignal;
}

const OPTION_RULES: Rules<JoinedOptions> = {
  signal: { expected: 'an AbortSignal', accepts: isAbortSignal },
};

/**
 * Check the arguments of `joined`.
 *
 * @returns the signal.
 * @throws TypeError, RangeError for a bad topic; TypeError for options that are unknown or have a wrong type.
 */
export function checkJoinedOptions(topic: string, options: JoinedOptions): AbortSignal | undefined {
  checkName('joined', 'topic', topic);
  return (checkOptions('joined', options, OPTION_RULES) as JoinedOptions).signal;
}
