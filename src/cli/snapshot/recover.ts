/**
 * `tnl recover`: a majority is lost for good, and a cluster of one is made of one directory that is left (ADR 42;
 * docs/operations/lost-majority.md). The last resort: what only the lost nodes knew is gone.
 */
import { mkdtemp, rename, rm } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { createInterface } from 'node:readline/promises'
import type { MemberInfo } from '../../locks/state/members.js'
import { nodeDisk } from '../../raft/store/node-disk.js'
import { isPlantable } from '../../raft/store/seed.js'
import { CommandFailure, explain } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { say } from '../shared/say.js'
import { moveAside, refused } from './aside.js'
import { foundAlone } from './found-alone.js'
import { type Survivor, withSurvivor } from './survivor.js'
import { checkClock, leastSeconds } from './token-times.js'

export interface RecoverOptions {
  readonly dataDir: string
  /** Where the new cluster's directory is made, and what is left stays as it is; null: in its place. */
  readonly to: string | null
  /** Nobody is asked. */
  readonly yes: boolean
  /** Only say what would be done. */
  readonly dryRun: boolean
  readonly tokensAbove: number | null
  readonly json: boolean
}

export async function recoverAlone(options: RecoverOptions): Promise<void> {
  const { dataDir, to } = options
  if (to !== null && !(await isPlantable(to).catch(refused))) {
    throw new CommandFailure(TnlExit.refused, `${to} is not empty: nothing was changed. Choose another --to`)
  }
  const made = await withSurvivor(dataDir, (survivor) => recoverFrom(survivor, options))
  if (made === null) return
  // Only now is the old directory closed, and may be moved.
  const movedTo = to === null ? await takePlace(made.directory, dataDir) : null
  const report = { ...made.report, recovered: true, dataDir: resolve(to ?? dataDir), movedTo, cluster: made.clusterId }
  const words = [
    ...(movedTo === null ? [] : [`what was there is in ${movedTo}: it must never be started`]),
    `${made.report.node} is a cluster of its own in ${to ?? dataDir}, under the new id ${made.clusterId}. Start it as it was started before,`,
    'then add others with empty directories: tnl members add NODE HOST:PEERPORT --wait 60, and start each with --join.',
  ]
  say(options.json, words.join('\n'), report)
}

interface Made {
  readonly directory: string
  readonly clusterId: string
  readonly report: ReturnType<typeof reportOf>
}

/** Null: it was only to be said what would be done. */
async function recoverFrom(survivor: Survivor, options: RecoverOptions): Promise<Made | null> {
  const { machine, last, writtenUnixMs } = survivor
  const { nodeId } = survivor.identity
  const own = ownMember(survivor)
  const report = reportOf(survivor)
  const nowSeconds = Math.floor(Date.now() / 1000)
  const { tokensAbove } = options
  const least = leastSeconds({ highestToken: report.highestToken, knownUnixMs: writtenUnixMs, tokensAbove })
  if (tokensAbove === null) checkClock(`${options.dataDir} was last written`, nowSeconds, least)
  process.stderr.write(`${warningOf(survivor, options).join('\n')}\n`)
  if (options.dryRun) {
    say(options.json, 'nothing was changed (--dry-run)', { ...report, recovered: false })
    return null
  }
  if (!options.yes) await askForName(nodeId)
  const directory = options.to ?? (await besides(options.dataDir))
  try {
    const terms = { nodeId, peerAddress: own.peerAddress, index: last.index, unixSeconds: Math.max(nowSeconds, least) }
    return { directory, report, clusterId: await foundAlone(directory, machine, terms).catch(refused) }
  } catch (error) {
    if (options.to === null) await rm(directory, { recursive: true, force: true })
    throw error
  }
}

function ownMember({ identity, machine, last }: Survivor): MemberInfo {
  const { nodeId, raftId } = identity
  const own = machine.members().find((member) => member.raftId === raftId)
  if (own === undefined) {
    throw new CommandFailure(
      TnlExit.refused,
      `${nodeId} was removed from its cluster, which went on without it after entry ${last.index}: use another directory, or a saved snapshot (tnl snapshot restore). Nothing was changed`,
    )
  }
  const { voters, votersOutgoing } = last.confState
  if ([...voters, ...votersOutgoing].every((voter) => voter === raftId)) {
    throw new CommandFailure(
      TnlExit.refused,
      `${nodeId} is a majority of its cluster by itself: nothing is to be recovered, start it. Nothing was changed`,
    )
  }
  return own
}

function reportOf({ identity, machine, last, committed, writtenUnixMs }: Survivor) {
  const { counter, holds, sessions, marks, freezes, pins } = machine.inspect()
  const loose = [...holds.values()].filter((hold) => hold.session === null).length
  return {
    node: identity.nodeId,
    formerCluster: identity.clusterId,
    level: machine.level,
    index: last.index,
    term: last.term,
    committed,
    written: writtenUnixMs / 1000,
    members: machine.members().map(({ nodeId }) => nodeId),
    highestToken: counter,
    ...{ sessions: sessions.size, kept: loose, marks: marks.size, freezes: freezes.size, pins: pins.size },
  }
}

function warningOf(survivor: Survivor, { dataDir }: RecoverOptions): string[] {
  const { node, formerCluster, index, term, committed, members, ...counts } = reportOf(survivor)
  const others = members.filter((member) => member !== node)
  const written = new Date(survivor.writtenUnixMs)
  const agoMinutes = Math.max(0, Math.round((Date.now() - survivor.writtenUnixMs) / 60_000))
  return [
    `${dataDir} is what is left of ${node}, of cluster ${formerCluster} (${members.join(', ')}).`,
    `Its log ends with entry ${index} of term ${term}; it was last written at ${written.toISOString()}, ${agoMinutes} min ago.`,
    ...wordsOfTheEnd(committed, index),
    '',
    `THIS MAKES A NEW CLUSTER OF ${node} ALONE, AND WHAT ONLY THE OTHERS KNEW IS LOST.`,
    `- Lost: every grant, release and done-mark that ${others.join(' and ')} agreed on after entry ${index}. A command whose`,
    '  done-mark is lost runs again; a loose lock whose end is lost stands until its ttl.',
    `- Ended: all sessions (${counts.sessions}), and what they hold. Wait out the longest lease before you start the node.`,
    `- Kept: loose locks and tails (${counts.kept}), done-marks (${counts.marks}), freezes (${counts.freezes}), pinned limits (${counts.pins}).`,
    `- ${others.join(' and ')} must never run again with the directories that they had: a majority of the old cluster would go on`,
    '  as if nothing had happened, beside this one. This cluster refuses them, but cannot stop them.',
    '- If another directory of this cluster is left whose term is higher, or as high with a higher entry, recover that one instead',
    '  (tnl recover --dry-run shows both numbers, and changes nothing).',
  ]
}

/** What a client was told of and what it never was look alike in a log: so all of it counts (ADR 42). */
function wordsOfTheEnd(committed: number, index: number): string[] {
  if (index === committed) return ['All of it is known to be agreed on.']
  return [
    `Up to entry ${committed} it is known to be agreed on. Nobody can tell whether what comes after it (${index - committed}) was agreed on or not:`,
    'ALL OF IT COUNTS. A done-mark, a loose lock or a freeze may be among it of which nobody was ever told that it is there.',
  ]
}

/** By typing it, nobody recovers the wrong node in the wrong terminal. */
async function askForName(nodeId: string): Promise<void> {
  const lines = createInterface({ input: process.stdin, terminal: false })
  process.stderr.write(`Type the name of the node to go on: `)
  let typed: string | null = null
  for await (const line of lines) {
    typed = line.trim()
    break
  }
  lines.close()
  process.stdin.destroy()
  if (typed === nodeId) return
  throw new CommandFailure(
    TnlExit.refused,
    `${typed === null ? 'nothing' : `"${typed}"`} was typed, not ${nodeId}: nothing was changed (a script says --yes-i-lost-a-majority)`,
  )
}

/** On the same disk as what it is to replace, so that it needs only a new name in the end. */
async function besides(dataDir: string): Promise<string> {
  const place = resolve(dataDir)
  return mkdtemp(join(dirname(place), `${basename(place)}.recovering-`)).catch(refused)
}

/** Returns where what was there is now. */
async function takePlace(directory: string, dataDir: string): Promise<string> {
  const place = resolve(dataDir)
  const movedTo = await moveAside(dataDir).catch(async (error: unknown) => {
    await rm(directory, { recursive: true, force: true })
    throw error
  })
  try {
    await rename(directory, place)
    await nodeDisk.syncDirectory(dirname(place))
    return movedTo
  } catch (error) {
    throw new CommandFailure(
      TnlExit.failed,
      `the new directory ${directory} cannot be renamed to ${place} (${explain(error)}): do it yourself. What was there is in ${movedTo}`,
    )
  }
}
