import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { resolveOptions } from '../../src/server/options/resolve-options.js';
import { root } from './sources.js';

/** The options of an interface in options.ts, with their comments. */
function optionsOf(name: string): [option: string, comment: string][] {
  const path = join(root, 'src/server/options/options.ts');
  const source = ts.createSourceFile(
    path,
    readFileSync(path, 'utf8'),
    ts.ScriptTarget.ES2022,
    true,
  );
  const found = source.statements.filter(ts.isInterfaceDeclaration);
  const { members } = found.find((each) => each.name.text === name)!;
  return members.map((member) => {
    const comment = ts.getJSDocCommentsAndTags(member).map((part) => part.getText());
    return [member.name!.getText(), comment.join('\n')];
  });
}

const serverOptions = optionsOf('ServerOptions');
const least = serverOptions.flatMap(([option, comment]) => {
  const minimum = /\bMinimum (\d+)/.exec(comment)?.[1];
  return minimum === undefined ? [] : [[option, Number(minimum)] as const];
});

describe('The comments of the options of a server', () => {
  it.each([...serverOptions, ...optionsOf('DeflateOptions')])(
    'tell the default of %s',
    (_option, comment) => {
      expect(comment).toMatch(/@default \S/);
    },
  );

  it.each(least)('tell that the minimum of %s is %d', (option, minimum) => {
    expect(() => resolveOptions({ [option]: minimum }, [])).not.toThrow();
    expect(() => resolveOptions({ [option]: minimum - 1 }, [])).toThrow(TypeError);
  });

  it('tell the minimum of several options', () => {
    expect(least.length).toBeGreaterThan(3);
  });
});
