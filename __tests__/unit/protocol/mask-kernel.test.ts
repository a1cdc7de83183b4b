import { KERNEL } from '../../../src/protocol/mask-kernel.js';
import { describeKernel } from '../../support/kernel.js';

describeKernel('mask-kernel', KERNEL);
