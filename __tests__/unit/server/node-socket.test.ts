import { Socket } from 'node:net';
import { PassThrough } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { nodeSocketOf } from '../../../src/server/node-socket.js';

describe('a socket of Node', () => {
  class Sniffing extends Socket {}

  it.each([
    ['over TCP', () => new Socket(), 'tcp'],
    ['over TLS', () => new TLSSocket(new PassThrough()), 'tls'],
    ['of another class', () => new Sniffing(), undefined],
    ['that is not one', () => new PassThrough(), undefined],
    [
      'whose events are observed',
      () => Object.assign(new Socket(), { emit: () => true }),
      undefined,
    ],
    ['that is fed by others', () => Object.assign(new Socket(), { push: () => true }), undefined],
  ])('is known: %s', (_, make, expected) => {
    expect(nodeSocketOf(make())).toBe(expected);
  });
});
