import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { timeMessage } from '../../../../src/connection/receive/message-timer.js';
import { FrameDecoder } from '../../../../src/protocol/framing/frame-decoder.js';
import { clientFrame } from '../../../support/frames.js';
import { HandClock } from '../../../support/connection.js';

const FRAME = clientFrame({ opcode: 2, payload: Buffer.alloc(10) });

describe('timeMessage', () => {
  it('gives each unfinished message its time, with one deadline', () => {
    const clock = new HandClock();
    const settings = { deadlines: new Deadlines(clock), messageTimeout: 1000 };
    const errors: string[] = [];
    const owner = { onMessageTimeout: ({ message }: Error) => void errors.push(message) };
    const decoder = new FrameDecoder({ role: 'server' });
    expect(timeMessage(undefined, undefined, settings, owner)).toBeUndefined();
    expect(timeMessage(undefined, decoder, settings, owner)).toBeUndefined();

    decoder.push(Buffer.from(FRAME.subarray(0, 8)));
    decoder.next();
    const deadline = timeMessage(undefined, decoder, settings, owner);
    clock.advance(600);
    expect(timeMessage(deadline, decoder, settings, owner)).toBe(deadline); // its time goes on
    decoder.push(Buffer.from(FRAME.subarray(8)));
    decoder.next();
    expect(timeMessage(deadline, decoder, settings, owner)).toBe(deadline);
    clock.advance(5000);
    expect(errors).toStrictEqual([]);

    decoder.push(Buffer.from(FRAME.subarray(0, 8)));
    decoder.next();
    expect(timeMessage(deadline, decoder, settings, owner)).toBe(deadline);
    clock.advance(999);
    expect(errors).toStrictEqual([]);
    clock.advance(1);
    expect(errors).toStrictEqual([
      expect.stringMatching(
        /^byte \d+: a message was not complete 1000 ms after its first byte \(messageTimeout\)$/,
      ),
    ]);
  });
});
