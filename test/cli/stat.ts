/** What /proc tells of processes. */
import { readdirSync, readFileSync } from 'node:fs'

export interface Stat {
  readonly state: string
  readonly parent: number
  readonly groupId: number
}

export function statOf(processId: number | string): Stat | null {
  try {
    const text = readFileSync(`/proc/${processId}/stat`, 'utf8')
    const [state = '', parent, groupId] = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return { state, parent: Number(parent), groupId: Number(groupId) }
  } catch {
    return null
  }
}

/** Dead and not collected yet, as in a container without an init, is dead. */
export const runs = (stat: Stat | null): boolean => stat !== null && stat.state !== 'Z' && stat.state !== 'X'

export function groupIsDead(groupId: number): boolean {
  const stats = readdirSync('/proc').map((entry) => (/^\d+$/.test(entry) ? statOf(entry) : null))
  return !stats.some((stat) => stat?.groupId === groupId && runs(stat))
}

/** The command's parent. */
export function guardianOf(groupId: number): number {
  const parent = statOf(groupId)?.parent
  // A signal to process 0 would be one to this test.
  if (parent === undefined) throw new Error('the command is dead')
  return parent
}
