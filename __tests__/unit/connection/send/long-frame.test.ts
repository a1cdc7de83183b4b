import { LongFrame, LongFrames } from '../../../../src/connection/send/long-frame.js';
import { FREES, growable, own, resizable, TAKING } from '../../../support/memory.js';

const head = Buffer.from('headers!');

describe('LongFrame', () => {
  it.each([
    ['a Uint8Array', own(20_000)],
    ['a part of one', own(30_000).subarray(10, 20_010)],
    ['a Buffer', Buffer.from(own(20_000))],
  ])('keeps the memory of %s', (_name, payload) => {
    const frame = new LongFrame(head, 4, payload);
    expect(frame.payload.buffer).toBe(payload.buffer);
    expect(frame.payload.byteOffset).toBe(payload.byteOffset);
    expect([frame.length, frame.payloadLength, frame.frameLength]).toEqual([
      20_008, 20_000, 20_004,
    ]);
    expect(frame.before.toString()).toBe('head');
    expect(frame.isBroken).toBe(false);
  });

  it('takes a Buffer as it is', () => {
    const payload = Buffer.alloc(20_000);
    expect(new LongFrame(head, 4, payload).payload).toBe(payload);
  });

  it.each(TAKING)('is broken when its payload is %s, and remembers its lengths', (_name, make) => {
    const [payload, take] = make(70_000);
    const frame = new LongFrame(Buffer.alloc(15), 10, payload);
    expect(frame.isBroken).toBe(false);
    take();
    expect(frame.isBroken).toBe(true);
    expect([frame.length, frame.payloadLength, frame.frameLength]).toEqual([
      70_015, 70_000, 70_010,
    ]);
    expect(frame.before).toHaveLength(5);
  });

  it('does not follow the length of a buffer that grows', () => {
    const buffer = resizable(20_000, 40_000);
    const shared = growable(20_000, 40_000);
    const frames = [buffer, shared].map((each) => new LongFrame(head, 4, new Uint8Array(each)));
    buffer.resize(40_000);
    shared.grow(40_000);
    for (const frame of frames) {
      expect(frame.isBroken).toBe(false);
      expect(frame.payload).toHaveLength(20_000);
    }
  });
});

describe('LongFrames', () => {
  const [, make] = TAKING[0]!;

  it('gives those that broke before the kernel had them, one after the other', () => {
    const frames = new LongFrames(false);
    const broken = [3, 4, 6].map((each) => {
      const [payload, take] = make(20_000);
      const frame = new LongFrame(head, 4, payload);
      frame.end = each;
      frames.inFlight.push(frame);
      take();
      return frame;
    });
    const whole = new LongFrame(head, 4, own(20_000));
    whole.end = 2;
    frames.inFlight.unshift(whole);
    expect(frames.nextBroken(1)).toBeUndefined();
    expect(frames.inFlight).toHaveLength(4);
    expect(frames.nextBroken(5)).toBe(broken[0]);
    expect(frames.nextBroken(5)).toBe(broken[1]);
    expect(frames.nextBroken(5)).toBeUndefined();
    expect(frames.inFlight).toEqual([broken[2]]);
    expect(frames.nextBroken(6)).toBe(broken[2]);
  });

  it.each([
    ['frees the memory of its own frames that the kernel has', true, FREES ? 0 : 20_000],
    ['leaves it to a transport that may still read it', false, 20_000],
  ])('%s', (_, frees, left) => {
    const frames = new LongFrames(frees);
    const [first, second, theirs, late] = [true, true, false, true].map((isOwned, index) => {
      const frame = new LongFrame(head, 4, own(20_000), isOwned);
      frame.end = index;
      frames.inFlight.push(frame);
      return frame.payload;
    });
    expect(frames.nextBroken(0)).toBeUndefined();
    expect([first, second].map((each) => each?.length)).toEqual([left, 20_000]);
    frames.allLeft();
    expect([second, theirs, late].map((each) => each?.length)).toEqual([left, 20_000, left]);
    expect(frames.inFlight).toEqual([]);
  });
});
