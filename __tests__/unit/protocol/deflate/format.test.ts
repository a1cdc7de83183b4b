import { inflateRawSync } from 'node:zlib';
import {
  invalidDeflate,
  MAX_STREAMS,
  STORED_HEADER,
  storedBlockHeader,
  TAIL,
  TOO_MANY_STREAMS,
} from '../../../../src/protocol/deflate/format.js';
import { hex } from '../../../support/bytes.js';

it.each([0, 1, 255, 256, 65_535])('begins a stored block of %i bytes', (length) => {
  const header = storedBlockHeader(length);
  expect(header).toHaveLength(STORED_HEADER);
  const data = Buffer.alloc(length, 'x');
  const stream = Buffer.concat([header, data, hex('010000ffff')]);
  expect(inflateRawSync(stream).equals(data)).toBe(true);
});

it('has the tail of RFC 7692 section 7.2.1', () => {
  expect(TAIL).toStrictEqual(hex('0000ffff'));
});

it('puts what is wrong into the error, and the limit into the message about streams', () => {
  const error = invalidDeflate(TOO_MANY_STREAMS);
  expect(error).toMatchObject({ code: 'ERR_INVALID_DEFLATE', closeCode: 1007 });
  expect(error.message).toContain(
    `cannot be decompressed: it consists of more than ${MAX_STREAMS} DEFLATE streams`,
  );
});
