import { createLog } from '../../../src/server/logger.js';
import { catchSurfacing, HandClock, MemoryLogger, settle } from '../../support/server.js';

const cause = new Error('the cause');

describe('a logger that the application brings', () => {
  it('gets everything, warnings and errors apart', () => {
    const logger = new MemoryLogger();
    const log = createLog(logger, new HandClock());
    log.applicationError('authorize threw', cause);
    log.hint('an origin was rejected');
    log.rejection('rejected an upgrade');
    log.peerError('closed with 1002', cause);
    expect(logger.lines).toEqual([
      'error authorize threw',
      'warn an origin was rejected',
      'warn rejected an upgrade',
      'error closed with 1002',
    ]);
    expect(logger.causes).toEqual([cause, cause]);
  });

  it('is not limited', () => {
    const logger = new MemoryLogger();
    const log = createLog(logger, new HandClock());
    for (let line = 0; line < 100; line++) log.rejection(`line ${String(line)}`);
    expect(logger.lines).toHaveLength(100);
  });

  it('does no harm when it throws: that surfaces later', async () => {
    const surfaced = catchSurfacing();
    const broken = (): never => {
      throw cause;
    };
    const log = createLog({ warn: broken, error: broken }, new HandClock());
    log.hint('a hint');
    log.peerError('an error', cause);
    await settle();
    expect(surfaced).toEqual([cause, cause]);
  });
});

describe('the default console', () => {
  let warned: unknown[][];
  let failed: unknown[][];
  beforeEach(() => {
    warned = [];
    failed = [];
    jest.spyOn(console, 'warn').mockImplementation((...args: unknown[]) => void warned.push(args));
    jest.spyOn(console, 'error').mockImplementation((...args: unknown[]) => void failed.push(args));
  });

  it('gets what the application can fix, and nothing that a hostile peer can cause at will', () => {
    const log = createLog(undefined, new HandClock());
    log.rejection('rejected an upgrade');
    log.peerError('closed with 1002', cause);
    expect([warned, failed]).toEqual([[], []]);
    log.hint('an origin was rejected');
    log.applicationError('authorize threw', cause);
    expect(warned).toEqual([['hawser: an origin was rejected']]);
    expect(failed).toEqual([['hawser: authorize threw', cause]]);
  });

  it('gets ten hints a minute; more are counted, and reported with the next hint', () => {
    const clock = new HandClock();
    const log = createLog(undefined, clock);
    for (let line = 1; line <= 13; line++) log.hint(`line ${String(line)}`);
    expect(warned).toHaveLength(10);
    expect(warned.at(-1)).toEqual(['hawser: line 10']);

    clock.advance(59_999);
    log.hint('line 14');
    expect(warned).toHaveLength(10);

    clock.advance(1);
    log.hint('line 15');
    log.hint('line 16');
    expect(warned.slice(10)).toEqual([
      ['hawser: line 15 (4 more lines were left out)'],
      ['hawser: line 16'],
    ]);
    for (let line = 17; line <= 25; line++) log.hint(`line ${String(line)}`);
    expect(warned).toHaveLength(10 + 10);
  });

  it('drops no error for hints, which hostile peers can cause at will, and no hint for errors', () => {
    const log = createLog(undefined, new HandClock());
    for (let line = 1; line <= 100; line++) log.hint('an origin was rejected');
    for (let line = 1; line <= 12; line++) log.applicationError(`line ${String(line)}`, cause);
    expect(warned).toHaveLength(10);
    expect(failed).toHaveLength(10);
    expect(failed[0]).toEqual(['hawser: line 1', cause]);
  });

  it('counts for each server by itself', () => {
    const clock = new HandClock();
    for (const log of [createLog(undefined, clock), createLog(undefined, clock)]) {
      for (let line = 1; line <= 11; line++) log.hint(`line ${String(line)}`);
    }
    expect(warned).toHaveLength(20);
  });
});
