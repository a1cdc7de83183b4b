import { compressedFrames } from '../../../../src/connection/deflate/compressed-broadcasts.js';
import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';

it('keeps the frames of a prepared message, apart from those of any other', () => {
  const [one, other] = [prepareMessage('same'), prepareMessage('same')];
  compressedFrames(one).set(15, one.frame);
  expect(compressedFrames(one).get(15)).toBe(one.frame);
  expect(compressedFrames(one)).toBe(compressedFrames(one));
  expect(compressedFrames(other).size).toBe(0);
  expect(one).not.toHaveProperty('compressed');
});
