/**
 * The name among `known` that was probably meant: it differs in case only, or in at most a third of
 * its letters.
 *
 * @returns `undefined` if no name is near enough.
 */
export function nearest(name: string, known: readonly string[]): string | undefined {
  const asked = name.toLowerCase();
  let best: string | undefined;
  let least = Math.floor(Math.max(asked.length, 3) / 3) + 1;
  for (const candidate of known) {
    const letters = candidate.toLowerCase();
    // A long name is never near a short one. The check keeps the work small for any input.
    if (Math.abs(letters.length - asked.length) >= least) continue;
    const wrong = distance(asked, letters);
    if (wrong < least) {
      least = wrong;
      best = candidate;
    }
  }
  return best;
}

/** The number of letters to insert, delete, replace or swap with a neighbour to turn one text into the other. */
function distance(one: string, other: string): number {
  let before: number[] = [];
  let row = Array.from({ length: other.length + 1 }, (_, column) => column);
  for (let i = 1; i <= one.length; i++) {
    const next = [i];
    for (let j = 1; j <= other.length; j++) {
      const same = one[i - 1] === other[j - 1];
      let cost = Math.min(row[j]! + 1, next[j - 1]! + 1, row[j - 1]! + (same ? 0 : 1));
      if (i > 1 && j > 1 && one[i - 1] === other[j - 2] && one[i - 2] === other[j - 1]) {
        cost = Math.min(cost, before[j - 2]! + 1);
      }
      next.push(cost);
    }
    before = row;
    row = next;
  }
  return row[other.length]!;
}
