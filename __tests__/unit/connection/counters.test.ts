import { ConnectionError } from '../../../src/connection/close/connection-error.js';
import { Counters, increment } from '../../../src/connection/counters.js';
import { ProtocolError } from '../../../src/protocol/framing/protocol-error.js';

const withCode = (code: unknown): Error => Object.assign(new Error('something'), { code });

describe('Counters', () => {
  it('starts at zero', () => {
    expect(Object.assign({}, new Counters())).toStrictEqual({
      messagesReceived: 0,
      messagesDiscarded: 0,
      messagesSent: 0,
      messagesDropped: 0,
      messagesConflated: 0,
      publishedDropped: 0,
      publishedConflated: 0,
      bytesReceived: 0,
      bytesSent: 0,
      pingsReceived: 0,
      pongsReceived: 0,
      protocolErrors: new Map(),
      closedByCode: new Map(),
      closedByInitiator: { local: 0, peer: 0, transport: 0 },
      closedByCause: new Map(),
    });
  });

  it('counts a close by its code, by its initiator, and by its cause if it has one', () => {
    const counters = new Counters();
    counters.countClose({ code: 1000, reason: '', clean: true, initiator: 'peer' });
    counters.countClose({ code: 1000, reason: 'x', clean: true, initiator: 'local' });
    const cause = new ConnectionError('ERR_TRANSPORT_ENDED');
    counters.countClose({ code: 1006, reason: '', clean: false, initiator: 'transport', cause });
    counters.countClose({ code: 1006, reason: '', clean: false, initiator: 'transport', cause });
    expect(counters.closedByCode).toStrictEqual(
      new Map([
        [1000, 2],
        [1006, 2],
      ]),
    );
    expect(counters.closedByInitiator).toStrictEqual({ local: 1, peer: 1, transport: 2 });
    expect(counters.closedByCause).toStrictEqual(new Map([['ERR_TRANSPORT_ENDED', 2]]));
  });

  it.each([
    ['ECONNRESET', 'ECONNRESET'],
    ['ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC', 'ERR_SSL_DECRYPTION_FAILED_OR_BAD_RECORD_MAC'],
    ['__proto__', 'OTHER'],
    ['E'.repeat(65), 'OTHER'],
    ['E"\n', 'OTHER'],
    ['', 'OTHER'],
    [7, 'OTHER'],
    [undefined, 'OTHER'],
  ])('counts a cause with code %j as %s', (code, key) => {
    const counters = new Counters();
    const cause = withCode(code);
    counters.countClose({ code: 1006, reason: '', clean: false, initiator: 'transport', cause });
    expect([...counters.closedByCause]).toStrictEqual([[key, 1]]);
  });

  it('counts a broken rule by its code', () => {
    const counters = new Counters();
    counters.countProtocolError(new ProtocolError('ERR_MASK_REQUIRED', 'byte 0'));
    counters.countProtocolError(new ProtocolError('ERR_MASK_REQUIRED', 'byte 9'));
    counters.countProtocolError(new ProtocolError('ERR_INVALID_UTF8', 'byte 7'));
    expect([...counters.protocolErrors]).toStrictEqual([
      ['ERR_MASK_REQUIRED', 2],
      ['ERR_INVALID_UTF8', 1],
    ]);
  });
});

describe('increment', () => {
  it('starts at one', () => {
    const counts = new Map([['a', 4]]);
    increment(counts, 'a');
    increment(counts, 'b');
    expect([...counts]).toStrictEqual([
      ['a', 5],
      ['b', 1],
    ]);
  });
});
