// What became of the mutants, per module and in all.

/**
 * @typedef {import('@stryker-mutator/api/core').MutantResult} Mutant
 * @typedef {{ killed: number, survived: number, timeouts: number, explained: number }} Counts
 */

/** A mutant that nothing runs has survived. @type {Record<Mutant['status'], keyof Counts | undefined>} */
const COUNTED_AS = {
  Killed: 'killed',
  RuntimeError: 'killed',
  CompileError: undefined,
  Survived: 'survived',
  NoCoverage: 'survived',
  Timeout: 'timeouts',
  Ignored: 'explained',
  Pending: undefined,
};

/** @param {Mutant[]} mutants @returns {Counts} */
function count(mutants) {
  const counts = { killed: 0, survived: 0, timeouts: 0, explained: 0 };
  for (const { status } of mutants) {
    const kind = COUNTED_AS[status];
    if (kind !== undefined) counts[kind]++;
  }
  return counts;
}

/**
 * The share that a test noticed. A timeout is a mutant that ran in circles, or a slow machine: it counts
 * neither for nor against. One that is explained beside the code counts against.
 *
 * @param {Counts} counts
 */
function score({ killed, survived, explained }) {
  return killed / Math.max(1, killed + survived + explained);
}

/** @param {Mutant[]} mutants @returns {number} the score of all of them */
export function report(mutants) {
  for (const mutant of mutants.filter(({ status }) => COUNTED_AS[status] === 'survived')) {
    const { fileName, location, mutatorName, replacement, status } = mutant;
    const at = `${fileName.replace(/^.*\/src\//, 'src/')}:${location.start.line}:${location.start.column}`;
    console.log(
      `${status} ${at} ${mutatorName}: ${replacement?.replaceAll(/\s+/g, ' ').slice(0, 90)}`,
    );
  }
  console.log('\n| module | killed | survived | timeouts | explained | score |');
  console.log('| --- | ---: | ---: | ---: | ---: | ---: |');
  for (const file of [...new Set(mutants.map(({ fileName }) => fileName))].sort()) {
    const ofFile = mutants.filter(({ fileName }) => fileName === file);
    console.log(row(file.replace(/^.*\/src\/protocol\//, ''), ofFile));
  }
  console.log(row('all', mutants));
  return score(count(mutants));
}

/** @param {string} name @param {Mutant[]} mutants */
function row(name, mutants) {
  const counts = count(mutants);
  const { killed, survived, timeouts, explained } = counts;
  const percent = (score(counts) * 100).toFixed(1);
  return `| ${name} | ${killed} | ${survived} | ${timeouts} | ${explained} | ${percent} % |`;
}
