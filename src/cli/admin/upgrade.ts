/** `tnl upgrade`: where a cluster stands between two feature levels, and the operator's word on it (docs/operations/upgrade.md). */
import { setTimeout as sleep } from 'node:timers/promises'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { askAdmin } from '../shared/line-client.js'
import { formatTable } from '../shared/table.js'

const LOOK_AGAIN_MS = 200

interface MemberLevel {
  readonly node: string
  readonly role: string
  /** What its program knows; null while it is down. */
  readonly knows: number | null
}

interface Upgrade {
  readonly level: number
  /** The level that some program knows and the cluster has not yet; null: there is none. */
  readonly next: number | null
  readonly held: boolean
  readonly members: readonly MemberLevel[]
}

export async function showUpgrade(access: ClusterAccess, asJson: boolean): Promise<void> {
  tell(await askUpgrade(access), asJson)
}

function tell(upgrade: Upgrade, asJson: boolean): void {
  const members = upgrade.members.map((member) => ({ ...member, holdsBack: holdsBack(upgrade, member) }))
  process.stdout.write(
    asJson ? `${JSON.stringify({ ...upgrade, members }, null, 2)}\n` : `${describeUpgrade(upgrade)}\n`,
  )
}

export async function holdUpgrade(access: ClusterAccess, asJson: boolean): Promise<void> {
  await askAdmin(access, '.upgrade-hold', '')
  const upgrade = await askUpgrade(access)
  if (asJson) return tell(upgrade, asJson)
  const { level } = upgrade
  process.stdout.write(`the feature level stays at ${level}, whatever programs are started, until tnl upgrade finish\n`)
}

/** Lets the level rise. With `waitSeconds` also waits until it has, as far as the programs know. */
export async function finishUpgrade(access: ClusterAccess, waitSeconds: number | null, asJson: boolean): Promise<void> {
  await askAdmin(access, '.upgrade-finish', '')
  const deadlineMs = performance.now() + (waitSeconds ?? 0) * 1000
  let upgrade = await askUpgrade(access)
  while (upgrade.next !== null && performance.now() < deadlineMs) {
    await sleep(LOOK_AGAIN_MS)
    upgrade = await askUpgrade(access)
  }
  tell(upgrade, asJson)
  if (waitSeconds !== null && upgrade.next !== null) {
    throw new CommandFailure(TnlExit.refused, `the feature level is still ${upgrade.level} after ${waitSeconds} s`)
  }
}

async function askUpgrade(access: ClusterAccess): Promise<Upgrade> {
  const [cluster, ...rest] = await askAdmin(access, '.upgrade', '')
  const level = Number(cluster?.get('level'))
  if (!Number.isSafeInteger(level)) throw new CommandFailure(TnlExit.failed, 'the node did not say its feature level')
  const members = rest.map((line) => {
    const knows = line.get('knows')
    return {
      node: line.get('node') ?? '',
      role: line.get('role') ?? '',
      knows: knows === undefined ? null : Number(knows),
    }
  })
  const isKnown = members.some(({ knows }) => (knows ?? 0) > level)
  return { level, next: isKnown ? level + 1 : null, held: cluster?.get('held') === 'yes', members }
}

const holdsBack = ({ next }: Upgrade, { knows }: MemberLevel): boolean => next !== null && (knows ?? 0) < next

export function describeUpgrade(upgrade: Upgrade): string {
  const rows = upgrade.members.map((member) => [
    member.node,
    member.role,
    member.knows === null ? '-' : String(member.knows),
    whyHeldBack(upgrade, member),
  ])
  return [
    headline(upgrade),
    ...(upgrade.held ? ['held: tnl upgrade finish lets it rise, after which no older program can come back'] : []),
    formatTable([['NODE', 'ROLE', 'KNOWS', ''], ...rows]),
  ].join('\n')
}

function headline({ level, next, held, members }: Upgrade): string {
  if (next === null) return `feature level ${level}, which is all that the programs know`
  const missing = members.filter((member) => (member.knows ?? 0) < next).length
  if (missing > 0) return `feature level ${level}; ${next} needs ${missing} more of ${members.length} members`
  return `feature level ${level}; every member knows ${next}${held ? '' : ', it rises in a moment'}`
}

function whyHeldBack(upgrade: Upgrade, member: MemberLevel): string {
  if (!holdsBack(upgrade, member)) return ''
  return member.knows === null ? 'holds it back: it is down' : 'holds it back: its program is older'
}
