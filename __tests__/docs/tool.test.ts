import { type Command, helpOf } from '../../src/cli/command.js';
import { connectCommand } from '../../src/cli/connect/connect-command.js';
import { listenCommand } from '../../src/cli/listen/listen-command.js';
import { loadCommand } from '../../src/cli/load/load-command.js';
import { document } from './sources.js';

describe('docs/tool.md', () => {
  it.each<[string, Command]>([
    ['connect', connectCommand],
    ['listen', listenCommand],
    ['load', loadCommand],
  ])('has the help of hawser %s', (_name, command) => {
    expect(document('tool.md')).toContain(`\n\`\`\`\n${helpOf(command)}\n\`\`\`\n`);
  });
});
