import { testDecoderRows } from './decoder-rows.js';
import { controlFrames } from './tables/control-frames.js';

testDecoderRows(controlFrames);
