import {
  CLOSING_HANDSHAKE,
  type CloseTransition,
} from '../../src/protocol/framing/closing-handshake.js';
import { document } from './sources.js';

/** The table as a state diagram of Mermaid: an arrow for all events that do the same in a state. */
function diagram(): string {
  const arrows = Object.entries(CLOSING_HANDSHAKE).flatMap(([state, events]) => {
    const byEffect = new Map<string, string[]>();
    for (const [event, { next, actions }] of Object.entries<CloseTransition>(events)) {
      const effect = `${next}|${actions.join(', ')}`;
      byEffect.set(effect, [...(byEffect.get(effect) ?? []), event]);
    }
    return [...byEffect].map(([effect, names]) => {
      const [next, actions] = effect.split('|') as [string, string];
      const label = names.join(', ') + (actions === '' ? '' : ` / ${actions}`);
      return `    ${state} --> ${next}: ${label}`;
    });
  });
  return ['stateDiagram-v2', '    [*] --> open', ...arrows, '    closed --> [*]'].join('\n');
}

describe('docs/design.md', () => {
  it('draws the closing handshake as the table has it', () => {
    expect(document('design.md')).toContain(`\n\`\`\`mermaid\n${diagram()}\n\`\`\`\n`);
  });
});
