import { KERNEL } from '../../../../src/protocol/framing/mask-kernel.js';
import { describeKernel } from '../../../support/kernel.js';

describeKernel('framing/mask-kernel', KERNEL);
