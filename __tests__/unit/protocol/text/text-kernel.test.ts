import { KERNEL } from '../../../../src/protocol/text/text-kernel.js';
import { describeKernel } from '../../../support/kernel.js';

describeKernel('text/text-kernel', KERNEL);
