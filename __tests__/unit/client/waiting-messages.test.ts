import { type MessageLost, WaitingMessages } from '../../../src/client/waiting-messages.js';
import { prepareMessage } from '../../../src/protocol/framing/prepared-message.js';
import { FREES, own } from '../../support/memory.js';

const sent: unknown[] = [];
const receiver = {
  readyState: 'open',
  send: (...args: unknown[]) => {
    sent.push(args.slice(0, 2));
    (args[2] as (() => void) | undefined)?.();
    return true;
  },
};
let told: unknown[] = [];
const note = (error?: Error) => told.push((error as { code?: string } | undefined)?.code);
const lost: unknown[] = [];
const noteLoss: MessageLost = (data, callback, reason) => {
  lost.push([data, callback, typeof reason === 'string' ? reason : reason.message]);
};
beforeEach(() => {
  lost.length = 0;
  sent.length = 0;
  told = [];
});

describe('WaitingMessages', () => {
  it('keeps nothing without limits', () => {
    const waiting = new WaitingMessages(undefined, noteLoss);
    waiting.add('a', undefined, note);
    waiting.add('b');
    waiting.flush(receiver);
    expect(lost).toEqual([
      ['a', note, 'ERR_CONNECTION_NOT_OPEN'],
      ['b', undefined, 'ERR_CONNECTION_NOT_OPEN'],
    ]);
    expect(sent).toEqual([]);
  });

  it('keeps messages in their order, and their bytes within the limits', () => {
    const waiting = new WaitingMessages({ messages: 5, bytes: 12 }, noteLoss);
    const prepared = prepareMessage('123');
    const blob = new Blob(['45']);
    waiting.add('ä', undefined, note);
    waiting.add(prepared);
    waiting.add(blob);
    waiting.add(Buffer.from('x'), { binary: false });
    expect(waiting.bytes).toBe(8);
    waiting.add('too long', undefined, note);
    waiting.add('1234');
    waiting.add('', undefined, note);
    const full = [
      ['too long', note, 'ERR_OUTBOX_FULL'],
      ['', note, 'ERR_OUTBOX_FULL'],
    ];
    expect(lost).toEqual(full);
    waiting.flush(receiver);
    expect(sent).toEqual([
      ['ä', undefined],
      [prepared, undefined],
      [blob, undefined],
      [Buffer.from('x'), { binary: false }],
      ['1234', undefined],
    ]);
    expect(told).toEqual([undefined]);
    expect(waiting.bytes).toBe(0);
    waiting.flush(receiver);
    expect(sent).toHaveLength(5);
  });

  it('copies small bytes, which the application may use again, and no long ones', () => {
    const waiting = new WaitingMessages({ messages: 5, bytes: 100_000 }, noteLoss);
    const [small, long] = [own(16_384), own(16_385)];
    waiting.add(small);
    waiting.add(long);
    small.fill(0);
    waiting.flush(receiver);
    const [[first], [second]] = sent as [[Buffer], [Uint8Array]];
    expect(first.equals(own(16_384))).toBe(true);
    expect(second).toBe(long);
  });

  it('takes memory over at the call, and nothing that has none of its own', () => {
    const waiting = new WaitingMessages({ messages: 2, bytes: 100_000 }, noteLoss);
    const data = own(20_000, 7);
    waiting.add(data, { transfer: true });
    expect(data).toHaveLength(FREES ? 0 : 20_000);
    expect(() => {
      waiting.add('text', { transfer: true });
    }).toThrow('send: transfer: a string has no ArrayBuffer');
    waiting.flush(receiver);
    expect(sent).toEqual([[Buffer.from(own(20_000, 7)), { transfer: true }]].map((call) => FREES ? call : [own(20_000, 7), call[1]])); // prettier-ignore
  });

  it('throws at once for what cannot be sent', () => {
    const waiting = new WaitingMessages({ messages: 9, bytes: 99 }, noteLoss);
    expect(() => {
      waiting.add(7 as never);
    }).toThrow(/^expected data to be a string/);
    expect(() => {
      waiting.add(Buffer.from([255]), { binary: false });
    }).toThrow(/not valid UTF-8/);
    expect(() => {
      waiting.add(prepareMessage('a'), { binary: true });
    }).toThrow(/prepared as Text/);
  });

  it('tells that a message cannot be sent any more, and sends the others', () => {
    const waiting = new WaitingMessages({ messages: 9, bytes: 99 }, noteLoss);
    waiting.add('a');
    waiting.add('b');
    let calls = 0;
    waiting.flush({
      readyState: 'open',
      send: () => {
        calls++;
        throw new TypeError('gone');
      },
    });
    expect([calls, lost]).toEqual([
      2,
      [
        ['a', undefined, 'gone'],
        ['b', undefined, 'gone'],
      ],
    ]);
  });

  it('keeps the rest for the next connection if one ends meanwhile', () => {
    const waiting = new WaitingMessages({ messages: 3, bytes: 99 }, noteLoss);
    for (const data of ['a', 'b', 'c']) waiting.add(data);
    const ending = {
      readyState: 'open',
      send: () => {
        ending.readyState = 'closed';
        waiting.add('d');
        return false;
      },
    };
    waiting.flush(ending);
    expect(waiting.bytes).toBe(3);
    waiting.add('full');
    waiting.flush(receiver);
    expect(sent.flat()).toEqual(['b', undefined, 'c', undefined, 'd', undefined]);
    expect(lost).toEqual([['full', undefined, 'ERR_OUTBOX_FULL']]);
  });

  it('tells that there will be no connection, and keeps nothing after that', () => {
    const waiting = new WaitingMessages({ messages: 9, bytes: 99 }, noteLoss);
    waiting.add('a');
    waiting.add('b');
    waiting.discard();
    waiting.add('c', undefined, note);
    expect(waiting.bytes).toBe(0);
    expect(lost).toEqual([
      ['a', undefined, 'ERR_CONNECTION_NOT_OPEN'],
      ['b', undefined, 'ERR_CONNECTION_NOT_OPEN'],
      ['c', note, 'ERR_CONNECTION_NOT_OPEN'],
    ]);
  });
});
