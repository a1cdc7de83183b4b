import { prepareMessage } from '../../../../src/protocol/framing/prepared-message.js';
import { type DeliveryOptions, Publication } from '../../../../src/server/topics/publication.js';

const OPTIONS: DeliveryOptions<undefined> = {
  compress: true,
  droppable: true,
  key: 'k',
  retain: false,
  except: new Set(),
};

describe('Publication', () => {
  it('has the payload that was given, and makes its frame once, when it is asked for', () => {
    const data = Buffer.from('abc');
    const publication = Publication.of(data, undefined, OPTIONS);
    expect(publication).toMatchObject({ payload: data, binary: true, ...OPTIONS });
    expect(publication.payload).toBe(data);
    const { message } = publication;
    expect([message.opcode, message.payload.toString()]).toStrictEqual([2, 'abc']);
    data.fill('x');
    expect(message.payload.toString()).toBe('abc');
    expect(publication.message).toBe(message);
  });

  it('sends as Text or Binary what it is told to', () => {
    const binary = [undefined, true, false].flatMap((given) =>
      ['a', Buffer.from('a')].map((data) => Publication.of(data, given, OPTIONS)),
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
      const publication = Publication.of(message, undefined, OPTIONS);
      expect(publication.message).toBe(message);
      expect(publication.payload).toEqual(message.payload);
      expect(publication.binary).toBe(typeof data !== 'string');
    }
  });

  it('refuses data that cannot be sent', () => {
    const refused = (data: unknown, binary?: boolean) => () =>
      Publication.of(data as string, binary, OPTIONS);
    expect(refused(5)).toThrow('expected data to be a string, Buffer');
    expect(refused(Buffer.from([0xff]), false)).toThrow('UTF-8');
    expect(refused(prepareMessage('a'), true)).toThrow('was prepared as Text');
  });
});
