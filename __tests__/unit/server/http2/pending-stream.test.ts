import { checkHandshake } from '../../../../src/server/admission/admission.js';
import { PendingStream } from '../../../../src/server/http2/pending-stream.js';
import { streamPair } from '../../../support/http2.js';
import { fakeRequest } from '../../../support/server.js';

describe('PendingStream', () => {
  it.each<[string, (stream: Awaited<ReturnType<typeof streamPair>>['stream']) => unknown]>([
    ['answers', (stream) => stream.respond({ ':status': 204 }, { endStream: false })],
    ['ends it', (stream) => stream.close()],
  ])('is served once another listener %s', async (_what, serve) => {
    const { stream } = await streamPair();
    const request = fakeRequest();
    const handshake = checkHandshake(request);
    const admitted = { handshake, host: 'localhost', match: undefined, address: undefined };
    const pending = new PendingStream(request, stream, Buffer.alloc(0), admitted);
    expect(pending.isServed()).toBe(false);
    serve(stream);
    expect(pending.isServed()).toBe(true);
  });
});
