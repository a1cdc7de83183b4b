import { Deadlines } from '../../../src/connection/limits/deadlines.js';
import { Endpoints } from '../../../src/server/endpoints.js';
import type { UpgradeEndpoint } from '../../../src/server/upgrade-endpoint.js';
import { fakeRequest, HandClock, transportPair } from '../../support/server.js';

/** An endpoint that writes down what it is told, after its name. */
function endpoint(
  told: string[],
  name: string,
  path: string | undefined,
  isClosed = false,
): UpgradeEndpoint {
  return {
    path,
    isClosed,
    ownsServer: false,
    deadlines: new Deadlines(new HandClock()),
    upgradeTimeout: 1000,
    matches: (asked) => {
      if (path === '/throws') throw new Error('a mistake');
      return path === undefined || path === asked;
    },
    handle: () => told.push(`${name} handles`),
    reject: (_request, _socket, error, hint) =>
      told.push(
        `${name} rejects: ${(error as Error).message}${hint === undefined ? '' : '; hint'}`,
      ),
    hint: (message) => told.push(`${name} hints: ${message}`),
    listening: () => told.push(`${name} listens`),
  };
}

function endpoints(
  ...kinds: Parameters<typeof endpoint> extends [unknown, ...infer R] ? R[] : never
) {
  const told: string[] = [];
  const all = kinds.map((kind) => endpoint(told, ...kind));
  const set = new Endpoints();
  for (const each of all) set.add(each);
  const [socket] = transportPair();
  const request = fakeRequest();
  return { told, all, set, socket, request };
}

describe('Endpoints', () => {
  it('gives a request to the first that serves its path, those without a path last', () => {
    const { told, set, socket, request } = endpoints(['any', undefined], ['a', '/a'], ['b', '/a']);
    expect(set.route('/a', request, socket, Buffer.alloc(0))).toBe(true);
    expect(set.route('/b', request, socket, Buffer.alloc(0))).toBe(true);
    expect(told).toEqual(['a handles', 'any handles']);
  });

  it('asks closed ones last', () => {
    const { told, set, socket, request } = endpoints(['closed', '/a', true], ['any', undefined]);
    expect(set.route('/a', request, socket, Buffer.alloc(0))).toBe(true);
    expect(told).toEqual(['any handles']);
  });

  it('gives a target without a path to the first', () => {
    const { told, set, socket, request } = endpoints(['a', '/a'], ['any', undefined]);
    expect(set.route(undefined, request, socket, Buffer.alloc(0))).toBe(true);
    expect(told).toEqual(['a handles']);
  });

  it('lets an endpoint whose path function throws reject', () => {
    const { told, set, socket, request } = endpoints(['a', '/throws']);
    expect(set.route('/a', request, socket, Buffer.alloc(0))).toBe(true);
    expect(told).toEqual(['a rejects: a mistake']);
  });

  it('says that no one serves a path, and lets the first reject', () => {
    const { told, set, socket, request } = endpoints(['a', '/a'], ['b', '/b', true]);
    expect(set.route('/c', request, socket, Buffer.alloc(0))).toBe(false);
    set.rejectUnserved('/c', request, socket);
    expect(told).toEqual(['a rejects: no WebSocket is served at this path; hint']);
  });

  it('lets the first tell that a request has no answer, with the paths of the open ones', () => {
    const { told, set } = endpoints(['a', '/a'], ['b', '/b', true]);
    set.reportUnanswered('/c', 1000);
    expect(told).toEqual([
      expect.stringMatching(/^a hints: path "\/c" .* option path is "\/a"; .* within 1000 ms/),
    ]);
  });

  it('tells all that the server listens, until they are deleted', () => {
    const { told, all, set } = endpoints(['a', '/a'], ['b', '/b']);
    set.listening();
    set.delete(all[0]!);
    set.listening();
    expect(told).toEqual(['a listens', 'b listens', 'b listens']);
    expect([set.size, set.first]).toEqual([1, all[1]]);
  });
});
