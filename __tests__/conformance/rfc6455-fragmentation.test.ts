import { testDecoderRows } from './decoder-rows.js';
import { fragmentation } from './tables/fragmentation.js';

testDecoderRows(fragmentation);
