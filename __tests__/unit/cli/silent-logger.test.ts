import { silentLogger } from '../../../src/cli/silent-logger.js';

describe('the silent logger', () => {
  it('writes nothing', () => {
    const writes = [process.stdout, process.stderr].map((stream) => jest.spyOn(stream, 'write'));
    silentLogger.warn('a warning');
    silentLogger.error('an error', new Error('cause'));
    for (const write of writes) expect(write).not.toHaveBeenCalled();
    jest.restoreAllMocks();
  });
});
