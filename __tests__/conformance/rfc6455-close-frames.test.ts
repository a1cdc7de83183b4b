import { testDecoderRows } from './decoder-rows.js';
import { closeFrames } from './tables/close-frames.js';

testDecoderRows(closeFrames);
