import { readdirSync, readFileSync } from 'node:fs';
import { join, posix } from 'node:path';
import { root } from '../docs/sources.js';

/** A fenced block of a document. */
export interface Block {
  readonly language: string;
  readonly code: string;
  /** The line of its first line of code, from 1. */
  readonly line: number;
  /**
   * What the comment right before it says: `<!-- runnable … -->`, in which what follows the word is code
   * that the reader does not need to see. `undefined` when there is no such comment.
   */
  readonly prelude: string | undefined;
}

/** The fenced blocks of a document, in order. */
export function blocks(markdown: string): Block[] {
  const fence = /^```(\w*)\n([\s\S]*?)^```$/gm;
  return [...markdown.matchAll(fence)].map(({ 1: language, 2: code, index }) => {
    const before = markdown.slice(0, index);
    const comment = /<!-- runnable\b((?:(?!-->)[\s\S])*)-->\s*$/.exec(before);
    return {
      language: language!,
      code: code!,
      line: before.split('\n').length + 1,
      prelude: comment?.[1]?.trim(),
    };
  });
}

/** A document without its fenced blocks and code spans, line for line. */
function prose(markdown: string): string {
  return markdown
    .replaceAll(/^```[\s\S]*?^```$/gm, (block) => block.replaceAll(/[^\n]/g, ''))
    .replaceAll(/(`+)(?:(?!\1)[^\n])+\1/g, (span) => span.replaceAll(/[^`]/g, 'x'));
}

/** The targets of a document's links and pictures, with their lines. */
export function links(markdown: string): { target: string; line: number }[] {
  return [...prose(markdown).matchAll(/\]\(<?([^()\s>]+(?:\([^()\s]*\))?)>?(?: "[^"]*")?\)/g)].map(
    ({ 1: target, index }) => ({
      target: target!,
      line: markdown.slice(0, index).split('\n').length,
    }),
  );
}

/** The anchors of a document's headings, as GitHub makes them. */
export function anchors(markdown: string): Set<string> {
  const found = new Map<string, number>();
  const all = new Set<string>();
  for (const [, heading] of markdown
    .replaceAll(/^```[\s\S]*?^```$/gm, '')
    .matchAll(/^#{1,6} +(.*?) *$/gm)) {
    const slug = heading!
      .toLowerCase()
      .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replaceAll(/[^\p{L}\p{N}\p{M}_ -]/gu, '')
      .replaceAll(' ', '-');
    const before = found.get(slug) ?? 0;
    found.set(slug, before + 1);
    all.add(before === 0 ? slug : `${slug}-${before}`);
  }
  return all;
}

/** Folders that hold what others wrote, or what is made from the sources. */
const NOT_OURS = ['node_modules', 'dist', 'coverage', '.git'];

/** Every document of the repository that a person wrote, by its path from the root. */
export function documents(folder: string = ''): Map<string, string> {
  const found = new Map<string, string>();
  for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
    const path = posix.join(folder, entry.name);
    if (entry.isDirectory() && !NOT_OURS.includes(entry.name)) {
      for (const [name, text] of documents(path)) found.set(name, text);
    } else if (entry.isFile() && path.endsWith('.md')) {
      found.set(path, readFileSync(join(root, path), 'utf8'));
    }
  }
  return found;
}
