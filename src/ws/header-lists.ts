/** The strictness of ws about the lists in headers. */

/** An element that is empty. HTTP asks a recipient to skip it; ws refuses it. */
const HOLE = /(?:^|,)[\t ]*(?:,|$)/;

/**
 * Read a list without empty elements.
 *
 * @param parse `undefined` is for a list that breaks the grammar.
 * @returns `undefined` for a list that cannot be read.
 */
export function readList<T>(
  list: string,
  parse: (list: string) => readonly T[] | undefined,
): readonly T[] | undefined {
  return HOLE.test(list) ? undefined : parse(list);
}
