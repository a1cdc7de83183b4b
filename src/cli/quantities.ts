/** How a value on the command line is read: in words for the message, and as a function. */
export interface Quantity<Value = number> {
  readonly expected: string;
  /** The value; `undefined` for text that is not one. */
  readonly read: (text: string) => Value | undefined;
}

const DURATIONS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const SIZES: Readonly<Record<string, number>> = {
  B: 1,
  KB: 1000,
  MB: 1_000_000,
  KiB: 1024,
  MiB: 1024 * 1024,
};

/** Read a number and its unit, of which the letters' case does not matter. */
function measure(
  text: string,
  units: Readonly<Record<string, number>>,
  unit: string,
): number | undefined {
  const [, digits, letters] = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text) ?? [];
  if (digits === undefined) return undefined;
  const given = letters === '' ? unit : letters!;
  const name = Object.keys(units).find((each) => each.toLowerCase() === given.toLowerCase());
  return name === undefined ? undefined : Number(digits) * units[name]!;
}

/** A duration in ms. @param unit that of a number without one. */
export const duration = (unit: 'ms' | 's'): Quantity => ({
  expected: `a number of ${unit === 's' ? 'seconds' : 'milliseconds'}, or a duration such as 500ms, 10s or 2m`,
  read: (text) => measure(text, DURATIONS, unit),
});

/** A duration in ms, or `forever`, which is Infinity. */
export const durationOrForever: Quantity = {
  expected: `${duration('s').expected}, or forever`,
  read: (text) => (text === 'forever' ? Infinity : duration('s').read(text)),
};

/** A number of bytes. */
export const byteSize: Quantity = {
  expected: 'a number of bytes, or a size such as 1KB, 64KiB or 1MB',
  read: (text) => {
    const bytes = measure(text, SIZES, 'B');
    return bytes !== undefined && Number.isInteger(bytes) ? bytes : undefined;
  },
};

/** Bytes per second. */
export const byteRate: Quantity = {
  expected: 'bytes per second, above 0, such as 1000 or 1KB/s',
  read: (text) => {
    const rate = byteSize.read(text.replace(/\/s$/, ''));
    return rate === 0 ? undefined : rate;
  },
};

/** A whole number. */
export const wholeNumber = (least: number, most: number): Quantity => ({
  expected: `a whole number from ${least} to ${most}`,
  read: (text) => {
    const value = Number(text);
    return /^\d+$/.test(text) && value >= least && value <= most ? value : undefined;
  },
});

/** A number above 0. */
export const positiveNumber: Quantity = {
  expected: 'a number above 0',
  read: (text) => (/^\d+(\.\d+)?$/.test(text) && Number(text) > 0 ? Number(text) : undefined),
};

/** One of a few words. */
export const oneOf = <Word extends string>(...words: readonly Word[]): Quantity<Word> => ({
  expected: words.join(' or '),
  read: (text) => words.find((word) => word === text),
});
