import { UpgradeRejection } from '../../../src/protocol/handshake/upgrade-rejection.js';
import { rejectionContent } from '../../../src/server/rejection-content.js';

describe('rejectionContent', () => {
  it('is plain text with the name of the status', () => {
    const { headers, text } = rejectionContent(new UpgradeRejection(403));
    expect(text).toBe('Forbidden\n');
    expect(headers).toEqual({
      Date: expect.stringMatching(/GMT$/) as string,
      'Content-Type': 'text/plain; charset=utf-8',
      'X-Content-Type-Options': 'nosniff',
    });
  });

  it.each([
    ['a text', 'Log in.', 'Log in.\n'],
    ['a text with a line end', 'Log in.\n', 'Log in.\n'],
  ])('ends %s with one', (_what, body, text) => {
    expect(rejectionContent(new UpgradeRejection(401, { body })).text).toBe(text);
  });

  it('has nothing for a status without a name', () => {
    expect(rejectionContent(new UpgradeRejection(499)).text).toBe('\n');
  });

  it('leaves a body alone whose type the application says, and its headers', () => {
    const headers = { 'content-type': 'application/json', DATE: 'today' };
    const content = rejectionContent(new UpgradeRejection(403, { headers, body: '{}' }));
    expect(content).toEqual({
      headers: { ...headers, 'X-Content-Type-Options': 'nosniff' },
      text: '{}',
    });
  });
});
