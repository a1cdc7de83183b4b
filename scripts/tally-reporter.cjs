// A Jest reporter that appends one line of JSON to the file named by HAWSER_TALLY: what passed, failed and
// was skipped. scripts/tally.mjs adds such lines up. Without that variable it does nothing.
'use strict';

const fs = require('node:fs');
const CoverageReporter = require('./coverage-reporter.cjs');

class TallyReporter {
  onRunComplete(_contexts, results) {
    const file = process.env.HAWSER_TALLY;
    if (!file) return;
    const tally = {
      passed: results.numPassedTests,
      // A test file that cannot even be loaded has no failed test to count, but it has failed.
      failed:
        results.numFailedTests +
        results.numRuntimeErrorTestSuites +
        CoverageReporter.complaints.length,
      skipped: results.numPendingTests + results.numTodoTests,
    };
    fs.appendFileSync(file, `${JSON.stringify(tally)}\n`);
  }
}

module.exports = TallyReporter;
