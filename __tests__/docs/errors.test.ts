import { HANDSHAKE_ERRORS } from '../../src/client/handshake-error.js';
import { CONNECTION_ERRORS } from '../../src/connection/close/connection-error.js';
import { PROTOCOL_ERRORS } from '../../src/protocol/framing/protocol-error.js';
import { callerErrors, document, rejections, rowsUnder } from './sources.js';

/** docs/errors.md and the sources name the same errors: none is missing, none is made up. */
const page = document('errors.md');

/** The rows' first columns; each row also says what caused it and what to do. */
function listed(heading: string): [string, string][] {
  return rowsUnder(page, heading).map((cells) => {
    expect(cells).toHaveLength(4);
    for (const cell of cells) expect(cell).not.toBe('');
    return [cells[0]!, cells[1]!];
  });
}

const joined = (rows: [string, string][], by: string): string[] =>
  rows.map((row) => row.join(by)).sort();

describe('docs/errors.md', () => {
  it('has every ProtocolError code with its close code', () => {
    const codes = Object.entries(PROTOCOL_ERRORS).map(([code, { closeCode }]) => [
      code,
      `${closeCode}`,
    ]);
    expect(listed('ProtocolError')).toEqual(codes);
  });

  it('has every ConnectionError code with its message', () => {
    expect(listed('ConnectionError')).toEqual(Object.entries(CONNECTION_ERRORS));
  });

  it('has every HandshakeError code with its message', () => {
    expect(listed('HandshakeError')).toEqual(Object.entries(HANDSHAKE_ERRORS));
  });

  it('has every rejection of a handshake with its status and body', () => {
    expect(joined(listed('Rejected handshakes'), ' ')).toEqual(rejections());
  });

  it('has every TypeError, RangeError and Error with its message', () => {
    const rows = [...listed('Errors of the caller'), ...listed('Errors of brokers')];
    expect(joined(rows, ': ')).toEqual(callerErrors());
  });

  it('reads lists that are not empty', () => {
    // Were the sources written in another way, the tests above would compare nothing with nothing.
    expect(rejections()).toContain('403 this origin is not allowed');
    expect(rejections()).toContain('500 Internal Server Error');
    expect(rejections().length).toBeGreaterThan(15);
    expect(callerErrors()).toContain('TypeError: expected the close reason to be a string, got …');
    expect(callerErrors().length).toBeGreaterThan(20);
  });
});
