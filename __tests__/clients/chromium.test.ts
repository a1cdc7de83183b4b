import { existsSync } from 'node:fs';
import { chromium } from 'playwright-core';
import { describeIf } from '../support/requires.js';
import { browserTests } from './browsers.js';

const CHROMIUM = '/usr/bin/chromium';

describeIf(`Chromium at ${CHROMIUM}`, existsSync(CHROMIUM))('Chromium talks with hawser', () => {
  const args = ['--ignore-certificate-errors'];
  const launch = () => chromium.launch({ executablePath: CHROMIUM, timeout: 120_000, args });
  browserTests(launch, { clientMaxWindowBits: true });
});
