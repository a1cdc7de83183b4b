import { existsSync } from 'node:fs';
import { Firefox, FIREFOX } from '../support/firefox.js';
import { describeIf } from '../support/requires.js';
import { browserTests } from './browsers.js';

describeIf(`Firefox at ${FIREFOX}`, existsSync(FIREFOX))('Firefox talks with hawser', () => {
  browserTests(() => Firefox.launch(), {}); // it cannot compress with another window
});
