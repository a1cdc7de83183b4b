import { Dispatcher } from '../../../src/server/dispatcher.js';
import { Deadlines } from '../../../src/connection/limits/deadlines.js';
import type { UpgradeEndpoint } from '../../../src/server/upgrade-endpoint.js';
import { HandClock } from '../../support/server.js';

/** A dispatcher that shows what it has, and counts how often it is detached. */
class Plain extends Dispatcher<object> {
  detached = 0;

  get attached(): number {
    return this.endpoints.size;
  }

  protected override detach(): void {
    this.detached++;
  }
}

class Other extends Plain {}

function endpoint(): UpgradeEndpoint {
  return {
    path: undefined,
    isClosed: false,
    ownsServer: false,
    deadlines: new Deadlines(new HandClock()),
    upgradeTimeout: 1000,
    matches: () => true,
    handle: () => undefined,
    reject: () => undefined,
    hint: () => undefined,
    listening: () => undefined,
  };
}

describe('Dispatcher', () => {
  it('is one for each server and version of HTTP', () => {
    const [server, another] = [{}, {}];
    const first = Plain.of(server);
    expect(first).toBeInstanceOf(Plain);
    expect(Plain.of(server)).toBe(first);
    expect(Plain.of(another)).not.toBe(first);
    expect(Other.of(server)).toBeInstanceOf(Other);
    expect(Other.of(server)).not.toBe(first);
  });

  it('is detached with its last endpoint, and another takes its place', () => {
    const server = {};
    const dispatcher = Plain.of(server);
    const [one, two] = [endpoint(), endpoint()];
    dispatcher.add(one);
    dispatcher.add(two);
    dispatcher.remove(one);
    expect([dispatcher.attached, dispatcher.detached]).toEqual([1, 0]);
    dispatcher.remove(two);
    expect([dispatcher.attached, dispatcher.detached]).toEqual([0, 1]);
    expect(Plain.of(server)).not.toBe(dispatcher);
  });
});
