import { checkUpgrade } from '../../src/protocol/handshake.js';
import { acceptDeflate, formatDeflate } from '../../src/protocol/permessage-deflate.js';
import { SAMPLE_KEY } from '../support/raw-client.js';
import { deflateNegotiation, type NegotiationRow } from './tables/deflate-negotiation.js';

/** The answer without a socket: `undefined` for a declined offer, a status for a refused handshake. */
function answer({ headers, policy }: NegotiationRow): string | number | undefined {
  try {
    const { extensions } = checkUpgrade({
      method: 'GET',
      url: '/',
      httpVersion: '1.1',
      headers: {
        host: 'localhost',
        upgrade: 'websocket',
        connection: 'Upgrade',
        'sec-websocket-key': SAMPLE_KEY,
        'sec-websocket-version': '13',
        'sec-websocket-extensions': headers,
      },
    });
    const accepted = acceptDeflate(extensions, policy);
    return accepted && formatDeflate(accepted);
  } catch (error) {
    return (error as { status: number }).status;
  }
}

for (const section of new Set(deflateNegotiation.map((row) => row.section))) {
  describe(`RFC ${section === '9.1' ? 6455 : 7692}, section ${section}`, () => {
    it.each(
      deflateNegotiation
        .filter((row) => row.section === section)
        .map((row) => [row.title, row] as const),
    )('%s', (_title, row) => {
      expect(answer(row)).toBe(row.answer);
    });
  });
}
