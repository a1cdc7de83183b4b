import { parseArgs } from 'node:util';
import { nearest } from '../protocol/nearest-name.js';
import type { Quantity } from './quantities.js';

/** What is wrong with the arguments of a command. It is printed without a stack, with a pointer to `--help`. */
export class UsageError extends Error {
  /** The name of the class. */
  override readonly name = 'UsageError';
}

/** An option of a command, as the help shows it. */
interface OptionSpec {
  /** What stands for the value in the help. Without it the option is a switch. */
  readonly value?: string;
  /** Its letter. */
  readonly short?: string;
  /** Whether it may be given several times. */
  readonly isRepeatable?: true;
  /** One line. */
  readonly help: string;
}

/** The options of a command, by name. */
export type OptionSpecs = Readonly<Record<string, OptionSpec>>;

/** What was given on the command line, checked against the options that the command has. */
export class Arguments {
  /** What is not an option. */
  readonly positionals: readonly string[];
  readonly #values = new Map<string, string[]>();

  /** @throws UsageError for an option that is unknown, lacks its value, or has one that it does not take. */
  constructor(args: readonly string[], specs: OptionSpecs) {
    const options = Object.entries(specs).map(([name, { value, short }]) => [
      name,
      { type: value === undefined ? 'boolean' : 'string', ...(short ? { short } : {}) },
    ]);
    const { tokens } = parseArgs({
      args: [...args],
      options: Object.fromEntries(options) as Record<string, { type: 'boolean' | 'string' }>,
      strict: false,
      allowPositionals: true,
      tokens: true,
    });
    const positionals: string[] = [];
    for (const token of tokens) {
      if (token.kind === 'positional') positionals.push(token.value);
      else if (token.kind === 'option') this.#add(token, specs);
    }
    this.positionals = positionals;
  }

  #add(
    token: {
      name: string;
      rawName: string;
      value?: string | undefined;
      inlineValue?: boolean | undefined;
    },
    specs: OptionSpecs,
  ): void {
    const { name, rawName, value, inlineValue } = token;
    const spec = Object.hasOwn(specs, name) ? specs[name]! : undefined;
    if (spec === undefined) {
      const known = Object.keys(specs);
      const meant = rawName.startsWith('--') ? nearest(name, known) : undefined;
      throw new UsageError(
        `unknown option ${rawName}${meant === undefined ? '' : `; did you mean --${meant}?`}`,
      );
    }
    if (spec.value === undefined) {
      if (value !== undefined) throw new UsageError(`${rawName} takes no value, got "${value}"`);
      this.#values.set(name, []);
      return;
    }
    if (value === undefined || (value.startsWith('-') && !inlineValue)) {
      throw new UsageError(`${rawName} needs a value: ${rawName} ${spec.value}`);
    }
    const earlier = spec.isRepeatable ? (this.#values.get(name) ?? []) : [];
    this.#values.set(name, [...earlier, value]);
  }

  /** Whether the option was given. */
  has(name: string): boolean {
    return this.#values.has(name);
  }

  /** Every value of the option. */
  texts(name: string): readonly string[] {
    return this.#values.get(name) ?? [];
  }

  /** The value of the option; `undefined` without it. */
  text(name: string): string | undefined {
    return this.#values.get(name)?.[0];
  }

  /** The value of the option, read. @throws UsageError for a wrong one. */
  quantity<Value>(name: string, quantity: Quantity<Value>): Value | undefined {
    const text = this.text(name);
    return text === undefined ? undefined : readQuantity(`--${name}`, text, quantity);
  }
}

/** Read a value of the command line. @throws UsageError, with what it stands for, if it is wrong. */
export function readQuantity<Value>(what: string, text: string, quantity: Quantity<Value>): Value {
  const value = quantity.read(text);
  if (value === undefined) {
    throw new UsageError(`${what}: expected ${quantity.expected}, got "${text}"`);
  }
  return value;
}
