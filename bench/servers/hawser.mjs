import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { LONGEST_MESSAGE, listen, requested } from './common.mjs';

const root = new URL('../../', import.meta.url);
// `--dist` measures another build.
const { default: hawser } = await import(
  process.env.HAWSER_DIST ?? new URL('dist/index.js', root).href
);

/** A message so long has memory of its own, which can be transferred. */
const OWNED = 16 * 1024;

export function claim() {
  const { version } = JSON.parse(readFileSync(new URL('package.json', root), 'utf8'));
  const { HAWSER_DIST, HAWSER_BUILD = 'another build' } = process.env;
  return { version, mode: HAWSER_DIST ? HAWSER_BUILD : `dist/ at ${commit()}` };
}

function commit() {
  try {
    const git = (/** @type {string[]} */ ...args) =>
      execFileSync('git', args, { cwd: root, encoding: 'utf8', stdio: 'pipe' }).trim();
    return (
      git('rev-parse', '--short', 'HEAD') + (git('status', '--short', 'src') ? ', changed' : '')
    );
  } catch {
    return 'no commit'; // not a checkout
  }
}

/** @type {import('./host.mjs').Peer['serve']} */
export function serve({ kind, select, each, deflate, messages }) {
  return listen((server) => {
    const wss = new hawser.WebSocketServer(server, {
      heartbeat: { interval: 3_600_000 }, // at work, but the load generator answers no pings
      maxPayload: LONGEST_MESSAGE,
      maxBufferedAmount: 2 * LONGEST_MESSAGE,
      perMessageDeflate: deflate === undefined ? false : settingsOf(deflate),
    });
    /** @type {Map<string, Set<any>>} */
    const byHand = new Map();
    wss.on('connection', (connection) => {
      if (kind === 'echo' && process.env.HAWSER_TRANSFER === '1') {
        connection.on('message', (data) =>
          connection.send(data, { transfer: data.length >= OWNED }),
        );
      } else if (kind === 'echo') {
        connection.on('message', (data) => connection.send(data)); // text already is a string
      } else if (kind === 'stream') {
        connection.on('message', (data) => stream(connection, requested(data)));
      } else if (select === 'topic') {
        connection.subscribe('all');
        connection.on('message', () => {
          for (const message of messages) wss.publish('all', message);
        });
      } else if (select === 'symbols') {
        for (const symbol of symbolsOf(wss.connections.size))
          connection.subscribe(`symbol ${symbol}`);
        connection.on('message', () => {
          const [message] = messages;
          messages.forEach((_, symbol) => wss.publish(`symbol ${symbol}`, message));
        });
      } else if (select === 'symbols-by-hand') {
        // What an application would write without topics.
        for (const symbol of symbolsOf(wss.connections.size)) {
          const key = `symbol ${symbol}`;
          if (!byHand.has(key)) byHand.set(key, new Set());
          byHand.get(key)?.add(connection);
        }
        connection.on('message', () => {
          const [data] = messages;
          messages.forEach((_, symbol) => {
            const message = wss.prepare(data);
            for (const subscriber of byHand.get(`symbol ${symbol}`) ?? []) subscriber.send(message);
          });
        });
      } else {
        const options = {
          plain: undefined,
          except: { except: connection },
          filter: { filter: (/** @type {object} */ each) => each !== connection },
        }[select ?? 'plain'];
        connection.on('message', () => {
          for (const message of messages) wss.broadcast(message, options);
        });
      }
    });

    /** The symbols of one connection: others for each, and as many for all. */
    const symbolsOf = (/** @type {number} */ number) =>
      Array.from({ length: each ?? 0 }, (_, i) => (number * 7 + i * 5) % messages.length);

    function stream(connection, count) {
      let sent = 0;
      const go = () => {
        while (sent < count) {
          if (!connection.send(messages[sent++ % messages.length])) {
            connection.once('drain', go);
            return;
          }
        }
      };
      go();
    }
  });
}

/** @param {import('./host.mjs').Deflate} deflate */
function settingsOf({ takeover, ...given }) {
  const compressor = usesCompact({ takeover, ...given }) ? 'compact' : 'zlib';
  return { threshold: 0, contextTakeover: takeover ? 'both' : 'none', compressor, ...given };
}

/** @type {import('./host.mjs').Peer['effort']} */
export const effort = ({ takeover, level, memLevel }) =>
  usesCompact({ takeover, level, memLevel })
    ? 'its own compressor'
    : `level ${level ?? (takeover ? 3 : 6)}, memLevel ${memLevel ?? (takeover ? 5 : 8)}`;

/** @param {import('./host.mjs').Deflate} deflate */
function usesCompact({ takeover, level, memLevel }) {
  return takeover && level === undefined && memLevel === undefined;
}
