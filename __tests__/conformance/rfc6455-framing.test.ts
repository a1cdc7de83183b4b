import { testDecoderRows } from './decoder-rows.js';
import { framing } from './tables/framing.js';

testDecoderRows(framing);
