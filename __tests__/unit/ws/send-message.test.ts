import { Session } from '../../../src/connection/session.js';
import { TypedEmitter } from '../../../src/connection/typed-emitter.js';
import { sendMessage } from '../../../src/ws/send-message.js';
import { HandClock, settingsOf, Sink, turns } from '../../support/connection.js';
import { describeFrame, parseFrames } from '../../support/frames.js';

let sink: Sink;
let session: Session;

beforeEach(() => {
  sink = new Sink();
  session = new Session(new TypedEmitter(), sink, settingsOf(new HandClock(), {}));
});

async function sent(): Promise<string[]> {
  await turns();
  return parseFrames(sink.bytes).map(describeFrame);
}

describe('sendMessage', () => {
  it('sends a whole message', async () => {
    expect(sendMessage(session, 'a', undefined, undefined, false)).toBe(false);
    expect(sendMessage(session, 7, null, undefined, false)).toBe(false);
    expect(sendMessage(session, Buffer.from('b'), { fin: true }, undefined, false)).toBe(false);
    expect(await sent()).toEqual(['text 61', 'text 37', 'binary 62']);
  });

  it('sends the parts of a message, whose first part tells what it is', async () => {
    expect(sendMessage(session, 'a', { fin: false }, undefined, false)).toBe(true);
    expect(sendMessage(session, Buffer.from('b'), { fin: false }, undefined, true)).toBe(true);
    expect(sendMessage(session, 'c', undefined, undefined, true)).toBe(false);
    expect(sendMessage(session, 'd', { fin: false, binary: true }, undefined, false)).toBe(true);
    expect(parseFrames((await sent(), sink.bytes)).map(({ opcode, fin }) => [opcode, fin])).toEqual(
      [
        [1, false],
        [0, false],
        [0, true],
        [2, false],
      ],
    );
  });

  it('does not change what is in progress where the data is wrong', () => {
    expect(() => sendMessage(session, new Blob([]), { fin: false }, undefined, false)).toThrow(
      'expected data to be a string, Buffer',
    );
  });

  it('may be dropped where the connection drops', () => {
    const drops = { ...settingsOf(new HandClock(), {}), slowConsumer: 'drop' as const };
    session = new Session(new TypedEmitter(), sink, drops);
    const options: unknown[] = [];
    jest
      .spyOn(session.sender, 'send')
      .mockImplementation((_data, given) => options.push(given) > 0);
    sendMessage(session, 'a', undefined, undefined, false);
    expect(options).toEqual([{ droppable: true }]);
  });
});
