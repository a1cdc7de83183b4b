import type { ExtensionOffer } from '../handshake/extensions.js';

/**
 * The parameters of permessage-deflate (RFC 7692 section 7.1), as both sides write and read them.
 *
 * Names are compared as they are: neither RFC calls them case-insensitive.
 */

export const EXTENSION = 'permessage-deflate';

export const SERVER_NO_CONTEXT_TAKEOVER = 'server_no_context_takeover';
export const CLIENT_NO_CONTEXT_TAKEOVER = 'client_no_context_takeover';
export const SERVER_MAX_WINDOW_BITS = 'server_max_window_bits';
export const CLIENT_MAX_WINDOW_BITS = 'client_max_window_bits';

/** A window of 32,768 bytes: what each side may use where nothing is said (section 7.1.2). */
export const LARGEST_WINDOW = 15;

/** The values of the parameters by name; `undefined` for one without a value. */
export type ParameterValues = ReadonlyMap<string, string | undefined>;

/** The values that are valid for each parameter. A name that is not here is not defined. */
export type ValidValues = ReadonlyMap<string, (value: string | undefined) => boolean>;

/** What is wrong with a list of parameters: "an extension parameter not defined", "multiple extension parameters with the same name", "an invalid value" (section 7). */
export interface ParameterFault {
  readonly code: 'unknown-parameter' | 'repeated-parameter' | 'invalid-value';
  readonly name: string;
  readonly value: string | undefined;
}

/** The parameters by name, or the first fault. It looks at one parameter more than there are names in `valid` at most. */
export function readParameters(
  params: ExtensionOffer['params'],
  valid: ValidValues,
): ParameterValues | ParameterFault {
  const values = new Map<string, string | undefined>();
  for (const { name, value } of params) {
    const isValid = valid.get(name);
    if (isValid === undefined) return { code: 'unknown-parameter', name, value };
    if (values.has(name)) return { code: 'repeated-parameter', name, value };
    if (!isValid(value)) return { code: 'invalid-value', name, value };
    values.set(name, value);
  }
  return values;
}

export function isAbsent(value: string | undefined): boolean {
  return value === undefined;
}

/** "A decimal integer value without leading zeroes between 8 to 15, inclusive" (section 7.1.2). */
export function isWindowBits(value: string | undefined): boolean {
  // Stryker disable next-line ConditionalExpression: the word "undefined" is no number either; the condition is for the type.
  return value !== undefined && /^(?:[89]|1[0-5])$/.test(value);
}
