import { rmSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { projectWithPackage } from '../support/packed-package.js';

/** The members of each exported class, without inherited ones. The lists have nothing that is marked `@internal`. */
const PUBLIC_MEMBERS: Readonly<Record<string, readonly string[]>> = {
  FrameDecoder: ['bytesHeld', 'close', 'compressed', 'next', 'opcode', 'payload', 'text'],
  FrameEncoder: ['encode'],
  FrameReader: ['inProgress', 'offset', 'push'], // the base of FrameDecoder
  PreparedMessage: ['opcode', 'payloadLength'],
  SharedLimits: ['connections'],
  WebSocketConnection: [
    '[Symbol.asyncDispose]',
    '[Symbol.asyncIterator]',
    'addListener',
    'bufferedAmount',
    'close',
    'closeInfo',
    'context',
    'drained',
    'extensions',
    'incoming',
    'isPaused',
    'latency',
    'on',
    'pause',
    'ping',
    'pong',
    'prependListener',
    'readyState',
    'remoteAddress',
    'response',
    'resume',
    'roundTrip',
    'send',
    'sendFrame',
    'sendStream',
    'subprotocol',
    'subscribe',
    'terminate',
    'topics',
    'transport',
    'unref',
    'unsubscribe',
    'url',
  ],
  WebSocketServer: [
    '[Symbol.asyncDispose]',
    'accept',
    'address',
    'broadcast',
    'close',
    'connections',
    'handleUpgrade',
    'joined',
    'prepare',
    'publish',
    'stats',
    'subscribers',
    'topicNames',
  ],
};

const project = projectWithPackage(['@types/node', 'undici-types']);
afterAll(() => rmSync(project, { recursive: true, force: true }));

const dist = join(project, 'node_modules/hawser/dist');
const entries = [
  'index',
  'adapters/metrics',
  'adapters/redis',
  'adapters/nats',
  'adapters/cluster',
  'client/index',
].map((name) => join(dist, `${name}.d.ts`));
const program = ts.createProgram(entries, {
  module: ts.ModuleKind.NodeNext,
  target: ts.ScriptTarget.ES2022,
  typeRoots: [join(project, 'node_modules/@types')],
  types: ['node'],
  strict: true,
  noEmit: true,
});
const ours = program.getSourceFiles().filter(({ fileName }) => fileName.includes('/hawser/dist/'));

/** The public members that the declaration of each class in `ours` lists, by the name of the class. */
function membersByClass(): Record<string, string[]> {
  const found: Record<string, string[]> = {};
  for (const file of ours) {
    for (const statement of file.statements) {
      if (!ts.isClassDeclaration(statement) || statement.name === undefined) continue;
      const names = statement.members
        .map(({ name }) => name?.getText(file) ?? 'constructor')
        .filter((name) => name !== 'constructor' && !name.startsWith('#'));
      found[statement.name.text] = [...new Set(names)].sort();
    }
  }
  return found;
}

describe('the published declarations', () => {
  test('list the public members of each class and no others', () => {
    expect(membersByClass()).toMatchObject(PUBLIC_MEMBERS);
  });

  test('contain nothing that is marked @internal, and no function that makes a connection', () => {
    const marked = ours.filter(({ text }) =>
      /@internal|\blet createConnection\b|joinServer/.test(text),
    );
    expect(marked.map(({ fileName }) => fileName)).toEqual([]);
  });

  test('refer to nothing that was stripped', () => {
    const messages = ours
      .flatMap((file) => program.getSemanticDiagnostics(file))
      .map(({ messageText }) => ts.flattenDiagnosticMessageText(messageText, '\n'));
    expect(messages).toEqual([]);
  });
});
