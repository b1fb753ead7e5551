/**
 * `tnl snapshot restore`: plants a saved snapshot in the directory of a node that does not run. Run with the same file for every
 * node, it lets those nodes begin a new cluster together, in the saved state, when they are started (ADR 32).
 */
import { resolve } from 'node:path'
import { isPlantable, plantSeed } from '../../raft/store/seed.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { say } from '../shared/say.js'
import { moveAside, refused } from './aside.js'
import { type Former, lookAtFormer } from './former-directory.js'
import { type SavedSnapshot, withSaved } from './saved-file.js'
import { checkClock, leastSeconds } from './token-times.js'

export interface RestoreOptions {
  readonly dataDir: string
  /** What is in the directory is moved aside. */
  readonly replace: boolean
  /** The operator's word that no higher token was ever given; null: the clock is believed. */
  readonly tokensAbove: number | null
  readonly json: boolean
}

export async function restoreSnapshot(path: string, options: RestoreOptions): Promise<void> {
  await withSaved(path, async (saved) => {
    const former = await lookAtPlace(options)
    const leastUnixSeconds = leastSecondsOf(saved, former, options.tokensAbove)
    const plantedUnixSeconds = Math.floor(Date.now() / 1000)
    if (options.tokensAbove === null) checkClock(`${path} was saved`, plantedUnixSeconds, leastUnixSeconds)
    const movedTo = former === null ? null : await moveAside(options.dataDir)
    const { index } = saved.metadata
    const terms = {
      seal: saved.seal,
      index,
      leastUnixSeconds,
      plantedUnixSeconds,
      nodeLeaseMs: saved.state.nodeLeaseMs,
    }
    await plantSeed(options.dataDir, terms, saved.body).catch(refused)
    tell(path, saved, options, movedTo)
  })
}

/** Null: there is nothing. */
async function lookAtPlace({ dataDir, replace }: RestoreOptions): Promise<Former | null> {
  if (await isPlantable(dataDir).catch(refused)) return null
  if (!replace) {
    throw new CommandFailure(
      TnlExit.refused,
      `${dataDir} is not empty: nothing was changed. Choose another --data-dir, or say --replace, which moves what is there aside`,
    )
  }
  const former = await lookAtFormer(dataDir).catch(refused)
  if (former.trouble !== null) {
    process.stderr.write(`what was in ${dataDir} cannot be read, so nobody knows its tokens: ${former.trouble}\n`)
  }
  return former
}

/** Above the tokens of the saved state, and above all that was given before it was saved. */
function leastSecondsOf({ state, about }: SavedSnapshot, former: Former | null, tokensAbove: number | null): number {
  const highestToken = Math.max(state.counter, former?.highestToken ?? 0)
  return leastSeconds({ highestToken, knownUnixMs: about.savedUnixMs, tokensAbove })
}

function tell(
  path: string,
  { about, seal, state }: SavedSnapshot,
  options: RestoreOptions,
  movedTo: string | null,
): void {
  const { dataDir } = options
  const report = {
    ...{
      file: path,
      dataDir: resolve(dataDir),
      movedTo,
      sha256: seal,
      formerCluster: about.cluster,
      level: state.level,
    },
    ...{ marks: state.marks.size, freezes: state.freezes.size, pins: state.pins.size },
  }
  const { marks, freezes, pins } = report
  const words = [
    ...(movedTo === null ? [] : [`what was there is in ${movedTo}`]),
    `restored into ${dataDir}: ${marks} done-marks, ${freezes} freezes, ${pins} pinned limits of cluster ${about.cluster}.`,
    'Restore the same file on every node of --cluster, then start them: together they form a new cluster, under a new id.',
  ]
  say(options.json, words.join('\n'), report)
}
