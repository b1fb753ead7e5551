/** `.upgrade`, `.upgrade-hold`, `.upgrade-finish`: where the cluster stands between two feature levels (rules.md, Versions). */
import { encodeCommand } from '../../locks/commands/codec.js'
import { CommandType } from '../../locks/commands/commands.js'
import type { Clock } from '../../platform.js'
import type { NodeApi } from '../../raft/node/node-api.js'
import { LEVEL_HOLD_MS, LEVEL_HOLD_POLL_MS, REPEAT_PROPOSAL_MS } from '../limits.js'
import type { MemberReport } from '../status.js'
import { type AdminAnswer, AdminRefusal } from './frames.js'

/** What the replicated state says. */
export interface LevelView {
  readonly level: number
  readonly isLevelHeld: boolean
}

/** By the answers of one node, which may lag behind: an operator looks again. */
export function levelRows(view: LevelView, members: readonly MemberReport[]): AdminAnswer {
  const cluster = ['cluster', ['level', view.level], ['held', view.isLevelHeld ? 'yes' : 'no']] as const
  const rows = members.map(
    ({ node, role, knows }) => ['member', ['node', node], ['role', role], ['knows', knows ?? undefined]] as const,
  )
  return { rows: [cluster, ...rows], count: true }
}

/** Resolves when this leader has applied that the level is held, or may rise again. Throws AdminRefusal. */
export async function holdLevel(node: NodeApi, clock: Clock, view: LevelView, held: boolean): Promise<void> {
  const command = encodeCommand({ type: CommandType.holdLevel, held })
  for (let waitedMs = 0; view.isLevelHeld !== held; waitedMs += LEVEL_HOLD_POLL_MS) {
    if (!node.isLeader()) throw new AdminRefusal('not-leader', 'the leader changed meanwhile: try again')
    if (waitedMs >= LEVEL_HOLD_MS)
      throw new AdminRefusal('unconfirmed', 'not committed in time: ask .upgrade what became of it')
    // It says what is to be, so that repeating it does no harm.
    if (waitedMs % REPEAT_PROPOSAL_MS === 0) node.proposals.propose(command)
    await new Promise<void>((goOn) => clock.after(LEVEL_HOLD_POLL_MS, goOn))
  }
}
