import { type Command, ExitStatus, helpOf } from '../../../src/cli/command.js';

describe('the help of a command', () => {
  it('has its options in columns', () => {
    const command: Command = {
      name: 'greet',
      operands: '<name>',
      summary: 'Greet.',
      options: { loud: { help: 'louder' }, times: { short: 't', value: 'N', help: 'how often' } },
      notes: ['That is all.'],
      run: () => Promise.resolve(ExitStatus.Clean),
    };
    expect(helpOf(command)).toBe(
      [
        'hawser greet <name>',
        'Greet.',
        '',
        '      --loud     louder',
        '  -t, --times N  how often',
        '',
        'That is all.',
      ].join('\n'),
    );
  });
});
