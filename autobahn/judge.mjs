// Compares a report of the Autobahn testsuite with what is expected of hawser.

/**
 * @param {Record<string, { behavior: string, behaviorClose: string }>} cases of the report, by number
 * @param {Record<string, { behavior: string, reason: string }>} expected those that are not plainly OK
 * @returns one line for each difference.
 */
export function differences(cases, expected) {
  const lines = [];
  for (const [number, { behavior, behaviorClose }] of Object.entries(cases)) {
    const wanted = expected[number]?.behavior ?? 'OK';
    if (behavior !== wanted) lines.push(`${number}: ${behavior}, expected ${wanted}`);
    if (behaviorClose !== 'OK' && behaviorClose !== 'INFORMATIONAL') {
      lines.push(`${number}: ${behaviorClose} at the close, expected OK`);
    }
  }
  for (const number of Object.keys(expected)) {
    if (cases[number] === undefined) lines.push(`${number}: expected, and not in the report`);
  }
  if (Object.keys(cases).length === 0) lines.push('the report has no cases');
  return lines;
}
