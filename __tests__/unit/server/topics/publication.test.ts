import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import { type Manner, Publication } from '../../../../src/server/topics/publication.js';

const MANNER: Manner<undefined> = {
  compress: true,
  droppable: true,
  key: 'k',
  retain: false,
  except: new Set(),
};

describe('Publication', () => {
  it('has the payload that was given, and makes its frame once, when it is asked for', () => {
    const data = Buffer.from('abc');
    const publication = Publication.of(data, undefined, MANNER);
    expect(publication).toMatchObject({ payload: data, binary: true, ...MANNER });
    expect(publication.payload).toBe(data);
    const { message } = publication;
    expect([message.opcode, message.payload.toString()]).toStrictEqual([2, 'abc']);
    data.fill('x');
    expect(message.payload.toString()).toBe('abc');
    expect(publication.message).toBe(message);
  });

  it('sends as Text or Binary what it is told to', () => {
    const binary = [undefined, true, false].flatMap((given) =>
      ['a', Buffer.from('a')].map((data) => Publication.of(data, given, MANNER)),
    );
    expect(binary.map((each) => each.binary)).toStrictEqual([
      false,
      true,
      true,
      true,
      false,
      false,
    ]);
    expect(binary.map(({ message }) => message.opcode)).toStrictEqual([1, 2, 2, 2, 1, 1]);
  });

  it('is the prepared message that was given', () => {
    for (const data of ['a', Buffer.from('b')]) {
      const message = prepareMessage(data);
      const publication = Publication.of(message, undefined, MANNER);
      expect(publication.message).toBe(message);
      expect(publication.payload).toEqual(message.payload);
      expect(publication.binary).toBe(typeof data !== 'string');
    }
  });

  it('refuses data that cannot be sent', () => {
    const refused = (data: unknown, binary?: boolean) => () =>
      Publication.of(data as string, binary, MANNER);
    expect(refused(5)).toThrow('expected data to be a string, Buffer');
    expect(refused(Buffer.from([0xff]), false)).toThrow('UTF-8');
    expect(refused(prepareMessage('a'), true)).toThrow('was prepared as Text');
  });
});
