import {
  CONNECTION_ERRORS,
  ConnectionError,
} from '../../../../src/connection/close/connection-error.js';

describe('ConnectionError', () => {
  it('has a name, a code and the message of the code', () => {
    const error = new ConnectionError('ERR_CLOSE_TIMEOUT');
    expect(error).toBeInstanceOf(Error);
    expect(error.name).toBe('ConnectionError');
    expect(error.code).toBe('ERR_CLOSE_TIMEOUT');
    expect(error.message).toBe('the peer did not end the connection within closeTimeout');
    expect(error.cause).toBeUndefined();
  });

  it('appends the detail to the message of the code', () => {
    const { message } = new ConnectionError('ERR_TERMINATED', { detail: '2 of 3' });
    expect(message).toBe('the application called terminate(): 2 of 3');
  });

  it('carries its cause', () => {
    const reset = new Error('read ECONNRESET');
    expect(new ConnectionError('ERR_CONNECTION_CLOSED', { cause: reset }).cause).toBe(reset);
  });

  it('has these codes and no others', () => {
    expect(Object.keys(CONNECTION_ERRORS)).toEqual([
      'ERR_CONNECTION_NOT_OPEN',
      'ERR_CONNECTION_CLOSED',
      'ERR_CLOSE_TIMEOUT',
      'ERR_TRANSPORT_ENDED',
      'ERR_STREAM_RESET',
      'ERR_SESSION_LOST',
      'ERR_TERMINATED',
      'ERR_SERVER_CLOSED',
      'ERR_HEARTBEAT_TIMEOUT',
      'ERR_IDLE_TIMEOUT',
      'ERR_MAX_LIFETIME',
      'ERR_SLOW_CONSUMER',
      'ERR_PAYLOAD_DETACHED',
      'ERR_BLOB_UNREADABLE',
      'ERR_MESSAGE_ABORTED',
      'ERR_SOURCE_STALLED',
      'ERR_MESSAGE_INCOMPLETE',
      'ERR_OUTBOX_FULL',
      'ERR_NOT_SUBSCRIBED',
      'ERR_MESSAGE_REPLACED',
      'ERR_MESSAGE_DROPPED',
    ]);
  });
});
