import {
  type ExtensionOffer,
  formatExtensions,
  parseExtensions,
} from '../protocol/handshake/extensions.js';
import { readList } from './header-lists.js';

/** The parameters of an extension by name, each with the values that it was sent with; `true` is for none. */
export type ExtensionParameters = Record<string, (string | true)[]>;

type Value = string | number | true;

/** What {@link extension}`.format` takes for one extension: its parameters, with one value or several. */
export type FormattedParameters = Readonly<Record<string, Value | readonly Value[]>>;

/** `Sec-WebSocket-Extensions` (RFC 6455 section 9.1), read and written as ws does. */
export interface Extension {
  /**
   * The extensions by name, each with the parameters of every time that it is listed.
   *
   * @throws SyntaxError for a list that breaks the grammar or is empty.
   */
  parse(this: void, header: string): Record<string, ExtensionParameters[]>;
  /** The value of the header. Names and values have to be tokens; this is not checked. */
  format(
    this: void,
    extensions: Readonly<Record<string, FormattedParameters | readonly FormattedParameters[]>>,
  ): string;
}

export const extension: Extension = {
  parse(header) {
    const offers = readList(header, parseExtensions);
    if (offers === undefined) {
      throw new SyntaxError(`${JSON.stringify(header)} is not a list of extensions`);
    }
    const extensions = named<ExtensionParameters[]>();
    for (const { name, params } of offers) (extensions[name] ??= []).push(parametersOf(params));
    return extensions;
  },

  format(extensions) {
    const offers = Object.entries(extensions).flatMap(([name, given]) =>
      listOf(given).map((parameters) => ({ name, params: paramsOf(parameters) })),
    );
    return formatExtensions(offers);
  },
};

/** The parameters as hawser has them. */
export function paramsOf(parameters: FormattedParameters): ExtensionOffer['params'] {
  return Object.entries(parameters).flatMap(([name, values]) =>
    listOf(values).map((value) => ({ name, value: value === true ? undefined : String(value) })),
  );
}

function parametersOf(params: ExtensionOffer['params']): ExtensionParameters {
  const parameters = named<(string | true)[]>();
  for (const { name, value = true } of params) (parameters[name] ??= []).push(value);
  return parameters;
}

/** An object for names that a peer has chosen: `__proto__` is a name like any other. */
function named<T>(): Record<string, T> {
  return Object.create(null) as Record<string, T>;
}

function listOf<T>(values: T | readonly T[]): readonly T[] {
  return Array.isArray(values) ? (values as readonly T[]) : [values as T];
}
