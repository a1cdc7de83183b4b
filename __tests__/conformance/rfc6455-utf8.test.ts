import { testDecoderRows } from './decoder-rows.js';
import { utf8 } from './tables/utf8.js';

testDecoderRows(utf8);
