import { setTimeout as sleep } from 'node:timers/promises'
import { parseHostPort } from '../../address.js'
import { mayPass } from '../../protocol/admin-codes.js'
import type { Line } from '../../protocol/line.js'
import type { ClusterAccess } from '../shared/cluster-access.js'
import { ClusterRefusal, CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { askAdmin } from '../shared/line-client.js'
import { say } from '../shared/say.js'
import { formatTable } from '../shared/table.js'

const PROMOTION_RETRY_MS = 500
const KEYS = ['node', 'raft-id', 'peer', 'role', 'leader', 'address', 'active', 'lag'] as const

export async function listMembers(access: ClusterAccess, asJson: boolean): Promise<void> {
  const known = await askAdmin(access, '.members', '')
  // Only the leader knows how far each member is; if it goes away just now, any node's answer does.
  const leader = known.find((member) => member.get('leader') === 'yes')?.get('address')
  const members = leader === undefined ? known : await askAdmin(at(access, leader), '.members', '')
  process.stdout.write(asJson ? `${JSON.stringify(members.map(toJson), null, 2)}\n` : `${memberTable(members)}\n`)
}

/** Adds `node` as a learner; with `waitSeconds` also waits until it has caught up, and makes it a voter. */
export async function addMember(
  access: ClusterAccess,
  node: string,
  peer: string,
  waitSeconds: number | null,
  asJson: boolean,
): Promise<void> {
  const [answer] = await askAdmin(access, '.member-add', `,node:${node},peer:${peer}`)
  const note = answer?.get('note')
  say(asJson, `${node} is a learner now: start it with --join`, { node, role: 'learner', peer, note: note ?? null })
  if (note !== undefined && !asJson) process.stderr.write(`${peer}: ${note}\n`)
  if (waitSeconds !== null) await promoteMember(access, node, waitSeconds, null, asJson)
}

/** `replaced` is removed by the same change. With `waitSeconds` a node that has not caught up yet is asked for again until it has. */
export async function promoteMember(
  access: ClusterAccess,
  node: string,
  waitSeconds: number | null,
  replaced: string | null,
  asJson: boolean,
): Promise<void> {
  const deadlineMs = performance.now() + (waitSeconds ?? 0) * 1000
  for (;;) {
    try {
      await askAdmin(access, '.member-promote', `,node:${node}${replaced === null ? '' : `,replaces:${replaced}`}`)
      const words = `${node} is a voter now${replaced === null ? '' : ` in the place of ${replaced}`}`
      say(asJson, words, { node, role: 'voter', replaces: replaced })
      return
    } catch (error) {
      const notYet = error instanceof ClusterRefusal && mayPass(error.refusal)
      if (!notYet || performance.now() >= deadlineMs) throw error
      await sleep(PROMOTION_RETRY_MS)
    }
  }
}

export async function removeMember(access: ClusterAccess, node: string, asJson: boolean): Promise<void> {
  await askAdmin(access, '.member-remove', `,node:${node}`)
  say(asJson, `${node} is no longer a member`, { node, role: null })
}

export async function transferTo(access: ClusterAccess, node: string, asJson: boolean): Promise<void> {
  await askAdmin(access, '.transfer', `,node:${node}`)
  say(asJson, `${node} leads now`, { leader: node })
}

/** Seconds of `--wait`; null when it was not given. */
export function readWait(text: string | undefined): number | null {
  if (text === undefined) return null
  const seconds = Number(text)
  if (!/^\d+(?:\.\d+)?$/.test(text)) throw new CommandFailure(TnlExit.usage, `--wait ${text}: not a number of seconds`)
  return seconds
}

/** First of all at `address`. */
function at(access: ClusterAccess, address: string): ClusterAccess {
  return { ...access, endpoints: [parseHostPort(address), ...access.endpoints] }
}

function memberTable(members: readonly Line[]): string {
  const head = KEYS.map((key) => key.toUpperCase())
  return formatTable([head, ...members.map((member) => KEYS.map((key) => member.get(key) ?? '-'))])
}

function toJson(member: Line): Record<string, string | undefined> {
  return Object.fromEntries(KEYS.map((key) => [key, member.get(key)]))
}
