import { testDecoderRows } from './decoder-rows.js';
import { masking } from './tables/masking.js';

testDecoderRows(masking);
