import { KERNEL } from '../../../src/protocol/text-kernel.js';
import { describeKernel } from '../../support/kernel.js';

describeKernel('text-kernel', KERNEL);
