import type { ConnectionEvents } from '../../../../src/connection/events.js';
import { answerControlFrame } from '../../../../src/connection/receive/control-frames.js';
import { TypedEmitter } from '../../../../src/connection/typed-emitter.js';
import { FrameDecoder } from '../../../../src/protocol/framing/frame-decoder.js';
import { HandClock, settingsOf } from '../../../support/connection.js';
import { clientClose, clientFrame } from '../../../support/frames.js';

/** What happens, in order, when these frames come. `ours` is the payload of a Pong that is the heartbeat's. */
function happens(frames: Buffer[], { answersPings = true, ours = 'beat' } = {}): string[] {
  const log: string[] = [];
  const emitter = new TypedEmitter<ConnectionEvents>();
  emitter.on('ping', (payload) => log.push(`emit ping ${payload.toString()}`));
  emitter.on('pong', (payload) => log.push(`emit pong ${payload.toString()}`));
  const settings = { ...settingsOf(new HandClock(), {}), answersPings };
  const decoder = new FrameDecoder();
  for (const frame of frames) decoder.push(frame);
  while (decoder.next()) {
    answerControlFrame(
      {
        emitter,
        settings,
        answerPing: (payload) => log.push(`pong ${payload.toString()}`),
        takePong: (payload) => payload.toString() === ours,
        onCloseFrame: ({ code, reason }) => log.push(`close ${code} ${reason}`),
      },
      decoder,
    );
  }
  const { pingsReceived, pongsReceived } = settings.counters;
  return [...log, `${pingsReceived} pings, ${pongsReceived} pongs`];
}

const ping = clientFrame({ opcode: 9, payload: 'a' });
const pong = (payload: string): Buffer => clientFrame({ opcode: 10, payload });

describe('a control frame (RFC 6455 section 5.5)', () => {
  it('is answered if it is a Ping, before its event', () => {
    expect(happens([ping])).toEqual(['pong a', 'emit ping a', '1 pings, 0 pongs']);
  });

  it('is left to the application if it is a Ping and the settings say so', () => {
    expect(happens([ping], { answersPings: false })).toEqual(['emit ping a', '1 pings, 0 pongs']);
  });

  it('goes to the application if it is a Pong that answers no Ping of ours', () => {
    expect(happens([pong('beat'), pong('b')])).toEqual(['emit pong b', '0 pings, 2 pongs']);
  });

  it('is handed to the closing handshake if it is a Close', () => {
    expect(happens([clientClose(4000, 'x')])).toEqual(['close 4000 x', '0 pings, 0 pongs']);
  });
});
