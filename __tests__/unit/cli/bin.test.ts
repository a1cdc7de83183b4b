import { eventually } from '../../support/server.js';

describe('the program', () => {
  it('runs with the arguments of the process, and sets its exit status', async () => {
    const { argv, exitCode } = process;
    const write = jest.spyOn(process.stderr, 'write').mockReturnValue(true);
    try {
      process.argv = ['node', 'hawser', 'conect'];
      jest.requireActual('../../../src/cli/bin.js');
      await eventually('the exit status', () => process.exitCode === 64);
      expect(write).toHaveBeenCalledWith(expect.stringContaining('did you mean connect?'));
    } finally {
      process.argv = argv;
      process.exitCode = exitCode;
    }
  });
});
