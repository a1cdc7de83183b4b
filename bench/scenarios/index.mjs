// What is measured.

/**
 * @typedef {object} Scenario
 * @property {string} name
 * @property {string} title
 * @property {string} kind the file here that knows how
 * @property {string} unit of the figure
 * @property {any} params see the file of the kind; `least` messages make a window, however busy the machine
 * @property {string[]} [only] the peers that can do it
 * @property {string[]} [also] special peers that take part
 * @property {Record<string, { peer?: string } & Record<string, unknown>>} [variants] contestants that are hawser, or this peer, with these params, instead of the peers
 */

export const CPU = 'µs of CPU per message';
const MiB = 1024 * 1024;

/** Those that know permessage-deflate. */
const DEFLATING = ['hawser', 'ws', 'uws'];
const SHARED = { takeover: false };
/** What hawser and ws can both be told. */
const SAME = { windowBits: 15, level: 6, memLevel: 8 };

/** @type {Scenario[]} */
export const scenarios = [
  {
    name: 'echo-64-text',
    title: 'echo 64 B text, one in flight, 100 connections',
    kind: 'echo',
    unit: CPU,
    params: { connections: 100, inFlight: 1, least: 8000, size: 64, content: 'ascii' },
  },
  {
    name: 'echo-64-binary',
    title: 'echo 64 B binary, one in flight, 100 connections',
    kind: 'echo',
    unit: CPU,
    params: { connections: 100, inFlight: 1, least: 8000, size: 64, content: 'binary' },
  },
  {
    name: 'pipelined-64-text',
    title: 'echo 64 B text, 64 in flight, 10 connections',
    kind: 'echo',
    unit: CPU,
    params: { connections: 10, inFlight: 64, least: 20_000, size: 64, content: 'ascii' },
  },
  {
    name: 'pipelined-64-binary',
    title: 'echo 64 B binary, 64 in flight, 10 connections',
    kind: 'echo',
    unit: CPU,
    params: { connections: 10, inFlight: 64, least: 20_000, size: 64, content: 'binary' },
  },
  {
    name: 'echo-4k',
    title: 'echo 4 KiB binary, 50 connections',
    kind: 'echo',
    unit: CPU,
    params: { connections: 50, inFlight: 1, least: 4000, size: 4096, content: 'binary' },
  },
  {
    name: 'echo-64k',
    title: 'echo 64 KiB binary, 10 connections',
    kind: 'echo',
    unit: CPU,
    also: ['net-gather', 'hawser-transfer'],
    params: { connections: 10, inFlight: 1, least: 800, size: 65_536, content: 'binary' },
  },
  {
    name: 'echo-64k-unicode',
    title: 'echo 64 KiB of non-ASCII text, a string each way, 10 connections',
    kind: 'echo',
    unit: CPU,
    params: {
      connections: 10,
      inFlight: 1,
      least: 200,
      size: 65_536,
      content: 'unicode',
      strings: true,
    },
  },
  {
    name: 'echo-1m-binary',
    title: 'echo 1 MiB binary, 4 connections',
    kind: 'echo',
    unit: CPU,
    also: ['net-gather', 'hawser-transfer'],
    params: { connections: 4, inFlight: 1, least: 100, size: MiB, content: 'binary' },
  },
  {
    name: 'echo-1m-string',
    title: 'echo 1 MiB text, a string each way, 4 connections',
    kind: 'echo',
    unit: CPU,
    also: ['net-gather'],
    params: { connections: 4, inFlight: 1, least: 60, size: MiB, content: 'ascii', strings: true },
  },
  {
    name: 'broadcast',
    title: 'broadcast 64 B to 500 connections',
    kind: 'broadcast',
    unit: CPU,
    params: { connections: 500, perTick: 1, least: 20_000, size: 64 },
  },
  {
    name: 'broadcast-16',
    title: '16 broadcasts of 64 B in one tick to 500 connections',
    kind: 'broadcast',
    unit: CPU,
    params: { connections: 500, perTick: 16, least: 40_000, size: 64 },
  },
  {
    name: 'broadcast-64k',
    title: 'a file of 64 KiB sent to 100 connections',
    kind: 'broadcast',
    unit: CPU,
    params: { connections: 100, perTick: 1, least: 2000, size: 65_536 },
  },
  {
    name: 'broadcast-select',
    title: 'broadcast 64 B to 500 connections, with except and with filter',
    kind: 'broadcast',
    unit: CPU,
    params: { connections: 500, perTick: 1, least: 20_000, size: 64 },
    variants: {
      hawser: {},
      'hawser-except': { select: 'except' },
      'hawser-filter': { select: 'filter' },
    },
  },
  {
    name: 'publish',
    title: 'publish 64 B to a topic with 500 subscribers, and broadcast it to the same',
    kind: 'broadcast',
    unit: CPU,
    params: { connections: 500, perTick: 1, least: 20_000, size: 64 },
    variants: { hawser: {}, 'hawser-publish': { select: 'topic' } },
  },
  {
    name: 'publish-16',
    title: '16 times 64 B published in one tick to a topic with 500 subscribers',
    kind: 'broadcast',
    unit: CPU,
    only: ['hawser', 'ws', 'uws'],
    params: { connections: 500, perTick: 16, least: 40_000, size: 64, select: 'topic' },
  },
  {
    name: 'symbols',
    title:
      '50 topics of 60 subscribers each published in one tick to 300 connections with 10 topics each',
    kind: 'broadcast',
    unit: CPU,
    params: { connections: 300, perTick: 50, each: 10, least: 20_000, size: 64 },
    variants: { hawser: { select: 'symbols' }, 'hawser-by-hand': { select: 'symbols-by-hand' } },
  },
  {
    name: 'ws-interface',
    title: 'echo 100 B, 8 in flight, 200 connections, by the interface of ws',
    kind: 'echo',
    unit: CPU,
    only: ['hawser', 'hawser-ws', 'ws'],
    params: { connections: 200, inFlight: 8, least: 16_000, size: 100, content: 'binary' },
  },
  ...[
    {
      name: 'echo-64',
      title: 'echo 64 B, 100 streams of one session, or 100 TLS sockets',
      params: { active: 100, least: 8000, size: 64 },
    },
    {
      name: 'echo-4k',
      title: 'echo 4 KiB, 100 streams of one session, or 100 TLS sockets',
      params: { active: 100, least: 4000, size: 4096 },
    },
    {
      name: 'one',
      title: 'echo 64 B, one active of 100 streams of one session, or of 100 TLS sockets',
      params: { active: 1, least: 4000, size: 64 },
    },
  ].map(({ name, title, params }) => ({
    name: `http2-${name}`,
    title,
    kind: 'secure-echo',
    unit: CPU,
    only: ['hawser-http2', 'hawser-tls'],
    params: { connections: 100, content: 'binary', ...params },
  })),
  {
    name: 'http2-idle',
    title: 'idle resident memory per connection, 100 streams a session, or TLS sockets',
    kind: 'secure-idle',
    unit: 'KiB per connection',
    only: ['hawser-http2', 'hawser-tls'],
    params: {},
  },
  ...[
    { perTick: 10, name: 'broadcast-10', title: 'ten events in a tick to 200 connections' },
    { perTick: 1, name: 'broadcast', title: 'one event in a tick to 200 connections' },
    { perTick: undefined, name: 'echo', title: 'echo of an event, one in flight, 200 connections' },
    // What publish-16 is for topics.
    {
      perTick: 16,
      name: 'room-16',
      title: '16 events in a tick to a room of 500 connections',
      room: { connections: 500, size: 64, select: 'topic' },
    },
  ].map(({ perTick, name, title, room }) => ({
    name: `socketio-${name}`,
    title: `Socket.IO: ${title}`,
    kind: 'socketio',
    unit: CPU,
    only: ['socketio', 'socketio-hawser'],
    params: { connections: 200, perTick, least: 8000, size: 80, ...room },
  })),
  {
    name: 'stream',
    title: 'server streams 32 B messages down one connection',
    kind: 'stream',
    unit: CPU,
    params: { size: 32 },
  },
  {
    name: 'idle',
    title: 'idle resident memory per connection',
    kind: 'idle',
    unit: 'KiB per connection',
    params: {},
  },
  {
    name: 'latency',
    title: 'p99 latency of 64 B echoes, 10 000 messages a second over 100 connections',
    kind: 'latency',
    unit: 'µs, 99th percentile',
    params: { connections: 100, size: 64, content: 'binary', perSecond: 10_000 },
  },
  {
    name: 'deflate-echo',
    title: 'echo 400 B of JSON, compressed, no context takeover, 50 connections',
    kind: 'deflate-echo',
    unit: CPU,
    only: DEFLATING,
    params: { connections: 50, size: 400, deflate: SHARED },
  },
  ...['64 KiB', '65 537 B', '128 KiB', '1 MiB'].map((title, index) => ({
    name: `deflate-echo-${['64k', '64k-1', '128k', '1m'][index]}`,
    title: `echo ${title} of JSON, compressed, no context takeover, 1 connection`,
    kind: 'deflate-echo',
    unit: CPU,
    only: ['hawser', 'ws'],
    params: {
      connections: 1,
      size: [65_536, 65_537, 131_072, MiB][index],
      exchanged: [200, 200, 100, 16][index],
      deflate: SHARED,
    },
  })),
  {
    name: 'deflate-echo-takeover',
    title: 'echo 400 B of JSON, compressed, context takeover both ways, 50 connections',
    kind: 'deflate-echo',
    unit: CPU,
    only: DEFLATING,
    params: { connections: 50, size: 400, deflate: { takeover: true } },
  },
  {
    name: 'deflate-bytes',
    title: '400 B of JSON on the wire, no context takeover, window 15, level 6, memLevel 8',
    kind: 'deflate-echo',
    unit: 'bytes of a reply',
    only: ['hawser', 'ws'],
    params: { connections: 50, size: 400, deflate: { ...SAME, takeover: false }, figure: 'bytes' },
  },
  {
    name: 'deflate-bytes-takeover',
    title: '400 B of JSON on the wire, context takeover, window 15, level 6, memLevel 8',
    kind: 'deflate-echo',
    unit: 'bytes of a reply',
    only: ['hawser', 'ws'],
    params: { connections: 50, size: 400, deflate: { ...SAME, takeover: true }, figure: 'bytes' },
  },
  {
    name: 'deflate-broadcast',
    title: 'broadcast 4 KiB of JSON to 500 connections, compressed, no context takeover',
    kind: 'deflate-broadcast',
    unit: CPU,
    only: DEFLATING,
    params: { connections: 500, size: 4096, least: 10_000, deflate: SHARED },
  },
  {
    name: 'deflate-idle',
    title:
      'idle memory per connection after a few messages: as they are, and compressed without takeover',
    kind: 'deflate-memory',
    unit: 'KiB per connection',
    params: { size: 400 },
    variants: {
      hawser: {},
      'hawser-deflate': { deflate: SHARED },
      ws: { peer: 'ws' },
      'ws-deflate': { peer: 'ws', deflate: SHARED },
    },
  },
  {
    name: 'deflate-memory-takeover',
    title: 'memory per connection after a few messages, context takeover both ways',
    kind: 'deflate-memory',
    unit: 'KiB per connection',
    only: DEFLATING,
    params: { size: 400, share: 0.08, deflate: { takeover: true } },
  },
  {
    name: 'deflate-storm',
    title: '1 000 connections send 64 KiB compressed at once: highest resident memory',
    kind: 'deflate-storm',
    unit: 'MiB',
    only: DEFLATING,
    params: { connections: 1000, size: 65_536, deflate: SHARED },
  },
];
