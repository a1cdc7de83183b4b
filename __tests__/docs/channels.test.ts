import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { document, root, rowsUnder } from './sources.js';

/** The channels that an interface in a file of src/ declares, each with the fields of its payload. */
function declared(file: string, named: string): [string, string[]][] {
  const source = readFileSync(join(root, file), 'utf8');
  const tree = ts.createSourceFile(file, source, ts.ScriptTarget.ES2022, true);
  const found = tree.statements
    .filter(ts.isInterfaceDeclaration)
    .find(({ name }) => name.text === named)!;
  return found.members.filter(ts.isPropertySignature).map((member) => {
    const fields: string[] = [];
    const visit = (node: ts.Node): void => {
      if (ts.isPropertySignature(node) && node !== member) fields.push(node.name.getText());
      if (ts.isTypeReferenceNode(node) && node.getText() === 'RejectedUpgrade') {
        fields.push('request', 'status', 'reason', 'remoteAddress');
      }
      ts.forEachChild(node, visit);
    };
    visit(member);
    return [(member.name as ts.StringLiteral).text, [...new Set(fields)].sort()];
  });
}

/** The channels that a file of src/ publishes on. */
const published = (file: string): string[] =>
  [...readFileSync(join(root, file), 'utf8').matchAll(/= channel\('([^']+)'\)/g)].map(
    ([, name]) => name!,
  );

const FILES = ['src/connection/diagnostics.ts', 'src/server/diagnostics.ts'];
const types = declared('src/diagnostics-channels.ts', 'DiagnosticsChannels').sort(
  ([one], [other]) => (one < other ? -1 : 1),
);

describe('the channels', () => {
  it('that are published are those that have a type', () => {
    expect(types.length).toBeGreaterThan(8);
    expect(FILES.flatMap(published).sort()).toStrictEqual(types.map(([name]) => name));
  });

  it('are all in the guide, with every field of their payload', () => {
    const rows = rowsUnder(document('guide.md'), 'Diagnostics channels');
    const listed = rows.map(([name, payload]) => [
      name!,
      payload!
        .split(', ')
        .map((field) => field.replaceAll('`', ''))
        .sort(),
    ]);
    expect(listed.sort(([one], [other]) => (one! < other! ? -1 : 1))).toStrictEqual(types);
  });
});
