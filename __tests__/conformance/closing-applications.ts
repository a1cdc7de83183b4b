/** What the application does in the rows about how connections end; `closing-handshake.ts` has the words. */
import type { WebSocketConnection } from '../../src/index.js';

export const echo = (connection: WebSocketConnection): void =>
  void connection.on('message', (data) => connection.send(data));

export function applicationOf(words: string): (connection: WebSocketConnection) => void {
  if (words === 'echo') return echo;
  if (words === 'delays') {
    return (connection) =>
      void connection.on('closing', (_code, _reason, reply) => {
        setImmediate(reply, 4001, 'later');
      });
  }
  if (words === 'hangs up') {
    return (connection) =>
      void connection.on('closing', () => {
        connection.terminate();
      });
  }
  if (words === 'echoes and closes') {
    return (connection) =>
      void connection.on('message', (data) => {
        connection.send(data);
        void connection.close();
      });
  }
  const [, code, reason] = /^closes (\d+) ?(.*)$/.exec(words)!;
  return (connection) => {
    echo(connection);
    void connection.close(Number(code), reason);
  };
}
