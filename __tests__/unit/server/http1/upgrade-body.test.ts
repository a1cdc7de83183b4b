import type { IncomingMessage } from 'node:http';
import { PassThrough } from 'node:stream';
import { UpgradeBody } from '../../../../src/server/http1/upgrade-body.js';
import { fakeRequest, settle } from '../../../support/server.js';

/** A request whose body Node reads, and that is not complete. */
function streaming(): PassThrough & IncomingMessage {
  return Object.assign(new PassThrough(), { complete: false }) as never;
}

function take(body: UpgradeBody, text: string): string {
  return body.take(Buffer.from(text, 'latin1')).toString('latin1');
}

const NOT_EMPTY = { status: 400, message: expect.stringContaining('is not empty') as string };

describe('a body that Node leaves on the socket', () => {
  it.each([
    ['of a request made by hand', fakeRequest()],
    ['of a request that Node takes for complete', Object.assign(streaming(), { complete: true })],
  ])('is taken from its bytes: %s', async (_name, request) => {
    const body = new UpgradeBody(request, false);
    expect(take(body, '')).toBe('');
    expect(take(body, '0\r\nA: ')).toBe('');
    expect(body.isComplete).toBe(false);
    expect(take(body, 'b\r\n\r\n\x81\x80')).toBe('\x81\x80');
    expect(body.isComplete).toBe(true);
    expect(take(body, '0\r\n\r\n')).toBe('0\r\n\r\n');
    await body.ended;
  });

  it('is recognized by its first byte where Node does not say', async () => {
    const request = streaming();
    const before = [request.listenerCount('data'), request.listenerCount('end')];
    const body = new UpgradeBody(request, true);
    expect(take(body, '0')).toBe('');
    expect(take(body, '\r\n\r\nx')).toBe('x');
    await body.ended;
    expect([request.listenerCount('data'), request.listenerCount('end')]).toEqual(before);
  });

  it('is rejected if it is not empty', async () => {
    const body = new UpgradeBody(fakeRequest());
    expect(take(body, '5\r\nhello\r\n')).toBe('');
    await expect(body.ended).rejects.toMatchObject(NOT_EMPTY);
    expect(body.isComplete).toBe(false);
  });
});

describe('a body that Node reads', () => {
  it('may have come with its request', async () => {
    const request = Object.assign(streaming(), { complete: true });
    const body = new UpgradeBody(request, true);
    expect(body.isComplete).toBe(true);
    expect(take(body, '0 is what follows')).toBe('0 is what follows');
    await body.ended;
    request.write('hello');
    await settle();
    await expect(new UpgradeBody(request, true).ended).rejects.toMatchObject(NOT_EMPTY);
  });

  it("ends with the request's 'end'", async () => {
    const request = streaming();
    const before = [request.listenerCount('data'), request.listenerCount('end')];
    const body = new UpgradeBody(request, true);
    await settle();
    expect(body.isComplete).toBe(false);
    request.end();
    await body.ended;
    expect(body.isComplete).toBe(true);
    expect([request.listenerCount('data'), request.listenerCount('end')]).toEqual(before);
  });

  it('has ended when something else comes on the socket', async () => {
    const body = new UpgradeBody(streaming(), true);
    expect(take(body, '\x81\x80')).toBe('\x81\x80');
    await body.ended;
  });

  it('is rejected if it is not empty', async () => {
    const request = streaming();
    const body = new UpgradeBody(request, true);
    request.write('x');
    await expect(body.ended).rejects.toMatchObject(NOT_EMPTY);
    request.write('y'); // nothing waits for it
    await settle();
    expect(request.readableLength).toBe(0);
  });
});
