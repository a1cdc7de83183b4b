import { WaitingMessages } from '../../../src/client/waiting-messages.js';
import { prepareMessage } from '../../../src/protocol/framing/prepared-message.js';
import { FREES, own } from '../../support/memory.js';
import { settle } from '../../support/server.js';

const sent: unknown[] = [];
const receiver = {
  send: (...args: unknown[]) => {
    sent.push(args.slice(0, 2));
    (args[2] as (() => void) | undefined)?.();
    return true;
  },
};
let told: unknown[] = [];
const note = (error?: Error) => told.push((error as { code?: string } | undefined)?.code);
beforeEach(() => {
  sent.length = 0;
  told = [];
});

describe('WaitingMessages', () => {
  it('keeps nothing without limits', async () => {
    const waiting = new WaitingMessages(undefined);
    waiting.add('a', undefined, note);
    waiting.add('b');
    waiting.flush(receiver);
    await settle();
    expect(told).toEqual(['ERR_CONNECTION_NOT_OPEN']);
    expect(sent).toEqual([]);
  });

  it('keeps messages in their order, and their bytes within the limits', async () => {
    const waiting = new WaitingMessages({ messages: 5, bytes: 12 });
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
    await settle();
    expect(told).toEqual(['ERR_OUTBOX_FULL', 'ERR_OUTBOX_FULL']);
    waiting.flush(receiver);
    expect(sent).toEqual([
      ['ä', undefined],
      [prepared, undefined],
      [blob, undefined],
      [Buffer.from('x'), { binary: false }],
      ['1234', undefined],
    ]);
    expect(told).toEqual(['ERR_OUTBOX_FULL', 'ERR_OUTBOX_FULL', undefined]);
    expect(waiting.bytes).toBe(0);
    waiting.flush(receiver);
    expect(sent).toHaveLength(5);
  });

  it('copies small bytes, which the application may use again, and no long ones', () => {
    const waiting = new WaitingMessages({ messages: 5, bytes: 100_000 });
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
    const waiting = new WaitingMessages({ messages: 2, bytes: 100_000 });
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
    const waiting = new WaitingMessages({ messages: 9, bytes: 99 });
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

  it('tells a callback that its message cannot be sent any more, and sends the others', async () => {
    const waiting = new WaitingMessages({ messages: 9, bytes: 99 });
    waiting.add('a', undefined, note);
    waiting.add('b');
    let calls = 0;
    waiting.flush({
      send: () => {
        calls++;
        throw Object.assign(new TypeError('gone'), { code: 'GONE' });
      },
    });
    await settle();
    expect([calls, told]).toEqual([2, ['GONE']]);
  });

  it('tells the callbacks that there will be no connection', async () => {
    const waiting = new WaitingMessages({ messages: 9, bytes: 99 });
    waiting.add('a', undefined, note);
    waiting.add('b');
    waiting.discard();
    await settle();
    expect(told).toEqual(['ERR_CONNECTION_NOT_OPEN']);
    expect(waiting.bytes).toBe(0);
  });
});
