import { existsSync, readFileSync, statSync } from 'node:fs';
import { dirname, join, posix } from 'node:path';
import { anchors, documents, links } from '../support/markdown.js';
import { root } from './sources.js';

/** What is wrong with a link; `undefined` if it leads somewhere. */
function fault(from: string, target: string): string | undefined {
  const [path = '', anchor] = target.split('#');
  const file = path === '' ? from : posix.join(posix.dirname(from), decodeURIComponent(path));
  if (file.startsWith('../')) return 'leads out of the repository';
  if (!existsSync(join(root, file))) return 'leads nowhere';
  if (anchor === undefined || statSync(join(root, file)).isDirectory()) return undefined;
  return anchors(readFileSync(join(root, file), 'utf8')).has(anchor)
    ? undefined
    : `has no heading #${anchor}`;
}

describe('the links of the documents', () => {
  const all = documents();

  it.each([...all.keys()])('of %s lead somewhere', (name) => {
    const faults = links(all.get(name)!)
      .filter(({ target }) => !/^(?:[a-z][a-z0-9+.-]*:|\/\/)/i.test(target))
      .map(({ target, line }) => ({ target, line, what: fault(name, target) }))
      .filter(({ what }) => what !== undefined);
    expect(faults).toEqual([]);
  });

  it('are found, and seen when they are broken', () => {
    const markdown =
      '# A `b` (c)\n\n[x](#a-b-c) ![y](no.png) `[code](no.md)`\n```\n[z](no.md)\n```\n';
    expect(links(markdown)).toEqual([
      { target: '#a-b-c', line: 3 },
      { target: 'no.png', line: 3 },
    ]);
    expect([...anchors(markdown)]).toEqual(['a-b-c']);
    expect(fault('docs/README.md', 'guide.md#starting')).toBeUndefined();
    expect(fault('docs/README.md', 'guide.md#no-such-heading')).toContain('no heading');
    expect(fault('docs/README.md', 'nowhere.md')).toBe('leads nowhere');
    expect(fault('README.md', '../elsewhere')).toBe('leads out of the repository');
  });

  it('docs/README.md lists every document beside it', () => {
    const listed = links(all.get('docs/README.md')!).map(({ target }) => target);
    const beside = [...all.keys()]
      .filter((name) => dirname(name) === 'docs' && name !== 'docs/README.md')
      .map((name) => posix.basename(name));
    expect(listed).toEqual(expect.arrayContaining(beside));
  });
});
