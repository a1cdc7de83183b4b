import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { Deadlines } from '../../../../src/connection/limits/deadlines.js';
import { PendingUpgrade } from '../../../../src/server/http1/pending-upgrade.js';
import { checkUpgrade } from '../../../../src/protocol/handshake/opening-handshake.js';
import { fakeRequest, HandClock, settle, transportPair } from '../../../support/server.js';

const CHUNKED = { 'transfer-encoding': 'chunked' };

function pendingOn(socket: Duplex, head: Buffer, request = fakeRequest()): PendingUpgrade {
  const handshake = checkUpgrade(request);
  const { host } = handshake;
  return new PendingUpgrade(request, socket, head, {
    handshake,
    host,
    match: undefined,
    address: undefined,
  });
}

function start(head = '') {
  const [socket, peer] = transportPair();
  return { socket, peer, pending: pendingOn(socket, Buffer.from(head)) };
}

describe('PendingUpgrade', () => {
  it('keeps what the client sends meanwhile', async () => {
    const { peer, pending } = start('he');
    pending.watch(new Promise(() => undefined), new Deadlines(new HandClock()), 1000);
    peer.write('llo');
    await settle();
    expect(pending.release().toString()).toBe('hello');
  });

  it('gives what comes after the body, which is taken from the first bytes on', async () => {
    const [socket, peer] = transportPair();
    const pending = pendingOn(socket, Buffer.from('0\r\n'), fakeRequest(CHUNKED));
    const body = pending.body!;
    pending.watch(new Promise(() => undefined), new Deadlines(new HandClock()), 1000);
    peer.write('\r');
    await settle();
    expect(body.isComplete).toBe(false);
    peer.write('\nfra');
    await settle();
    peer.write('mes');
    await settle();
    expect(pending.release().toString()).toBe('frames');
  });

  it('may be answered now, unless its body or an earlier response has not ended', async () => {
    expect(start().pending.ready()).toBeUndefined();
    const [socket, peer] = transportPair();
    const pending = pendingOn(socket, Buffer.alloc(0), fakeRequest(CHUNKED));
    const ready = pending.ready();
    pending.watch(new Promise(() => undefined), new Deadlines(new HandClock()), 1000);
    peer.write('0\r\n\r\n');
    await expect(ready).resolves.toBeUndefined();
    expect(pending.ready()).toBeUndefined();
    const response = new EventEmitter();
    Object.assign(socket, { _httpMessage: response });
    const afterResponse = pending.ready();
    response.emit('finish');
    await expect(afterResponse).resolves.toBeUndefined();
  });

  it('sends a 100 to a client that expects one, if the socket can be written to', () => {
    for (const ends of [false, true]) {
      const [socket, peer] = transportPair();
      if (ends) socket.end();
      const pending = pendingOn(socket, Buffer.alloc(0), fakeRequest({ expect: '100-Continue' }));
      expect(pending.ready()).toBeUndefined();
      const sent = peer.read() as Buffer | null;
      expect(sent?.toString()).toBe(ends ? undefined : 'HTTP/1.1 100 Continue\r\n\r\n');
    }
  });

  it('is served once another listener writes to its socket or ends it', () => {
    const { socket, pending } = start();
    expect([pending.isAsked, pending.isServed()]).toEqual([false, false]);
    const written = Object.assign(socket, { bytesWritten: 10 });
    expect(pending.isServed()).toBe(false); // it was written before `authorize` was called
    pending.markAsked();
    expect([pending.isAsked, pending.isServed()]).toEqual([true, false]);
    written.bytesWritten++;
    expect(pending.isServed()).toBe(true);
    const other = start();
    other.socket.end();
    expect(other.pending.isServed()).toBe(true);
  });
});
