/** Faults of what a hand on the way of a line asks on the side (docs/adr/0043-hands-of-a-line.md). */
import { edit, type Mutant } from '../mutant.js'

const ATTACHMENTS = 'src/service/sessions/attachments.ts'

export const HANDS_OF_A_LINE: readonly Mutant[] = [
  {
    id: 'T950',
    title: 'an order of the core is answered before its last entry was applied',
    rule: 'own',
    edits: [
      edit('src/raft/node/apply-orders.ts', 'this.#at < order.entries.length', 'this.#at >= order.entries.length + 1'),
    ],
    killers: ['tests'],
    tests: ['test/raft/node/amounts.test.ts'],
  },
  {
    id: 'T951',
    title: 'an opening is proposed and not kept in the book of what is not applied: lost once, it is lost',
    rule: 'rule 10',
    edits: [edit(ATTACHMENTS, '    this.#unapplied.expect(attachment)\n    this.deps.node', '    this.deps.node')],
    killers: ['tests'],
    tests: ['test/service/proposals.test.ts'],
  },
  {
    id: 'T952',
    title: 'the end of a session is proposed and not kept in the book of what is not applied',
    rule: 'rule 10',
    edits: [edit(ATTACHMENTS, '    this.#unapplied.expect(attachment)\n    node.proposals', '    node.proposals')],
    killers: ['tests'],
    tests: ['test/service/proposals.test.ts', 'test/service/rules.test.ts'],
  },
  {
    id: 'T953',
    title: 'what a command has made possible waits for the end of its entry',
    rule: 'own',
    edits: [
      edit(
        'src/locks/machine.ts',
        '    grantDue(context)\n    endIdle(context)\n  }\n\n  /**\n   * A command',
        '    endIdle(context)\n  }\n\n  /**\n   * A command',
      ),
    ],
    killers: ['tests'],
    tests: ['test/locks/effects.test.ts'],
  },
  {
    id: 'T954',
    title: 'the lock service stands between an applied entry and the router again, and the drawing knows nothing of it',
    rule: 'own',
    edits: [
      edit(
        'src/service/composition.ts',
        'this.service.effects.route(this.machine.takeEffects())',
        'this.service.onEffects(this.machine.takeEffects())',
      ),
      edit(
        'src/service/lock-service.ts',
        '  onApplied(index: Index): void {\n',
        "  onEffects(effects: Parameters<EffectRouter['route']>[0]): void {\n    this.effects.route(effects)\n  }\n\n  onApplied(index: Index): void {\n",
      ),
    ],
    killers: ['tests'],
    tests: ['test/tidy/way-of-a-line.test.ts'],
  },
]
