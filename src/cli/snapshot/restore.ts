/**
 * `tnl snapshot restore`: plants a saved snapshot in the directory of a node that does not run. Run with the same file for every
 * node, it lets those nodes begin a new cluster together, in the saved state, when they are started (ADR 32).
 */
import { rename } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { COUNTER_STEPS_PER_SECOND } from '../../locks/limits.js'
import { UNIX_SECONDS_MAX } from '../../raft/limits.js'
import { StoreError } from '../../raft/ports/store.js'
import { nodeDisk } from '../../raft/store/node-disk.js'
import { isPlantable, plantSeed } from '../../raft/store/seed.js'
import { CommandFailure, explain } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { say } from '../shared/say.js'
import { type Former, lookAtFormer } from './former-directory.js'
import { type SavedSnapshot, withSaved } from './saved-file.js'

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
    const leastUnixSeconds = leastSeconds(saved, former, options.tokensAbove)
    const plantedUnixSeconds = Math.floor(Date.now() / 1000)
    if (options.tokensAbove === null) checkClock(path, plantedUnixSeconds, leastUnixSeconds)
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

/** Tokens begin at so many seconds x 2^20: above those of the saved state, and above all that was given before it was saved. */
function leastSeconds({ state, about }: SavedSnapshot, former: Former | null, tokensAbove: number | null): number {
  const highest = Math.max(state.counter, former?.highestToken ?? 0, tokensAbove ?? 0)
  const afterTokens = Math.floor(highest / COUNTER_STEPS_PER_SECOND) + 1
  const least = tokensAbove === null ? Math.max(afterTokens, Math.floor(about.savedUnixMs / 1000)) : afterTokens
  if (least <= UNIX_SECONDS_MAX) return least
  throw new CommandFailure(TnlExit.refused, `tokens above ${highest} would be higher than any program can count`)
}

function checkClock(path: string, nowSeconds: number, leastUnixSeconds: number): void {
  if (nowSeconds >= leastUnixSeconds) return
  const time = (seconds: number) => new Date(seconds * 1000).toISOString()
  throw new CommandFailure(
    TnlExit.refused,
    `this machine's clock says ${time(nowSeconds)}, but tokens up to those of ${time(leastUnixSeconds)} were given before ` +
      `${path} was saved: new ones would not be higher. Set the clock right. If it is right, and theirs was ahead, say ` +
      '--tokens-above with the highest token that was ever given. Nothing was changed',
  )
}

/** Returns where it is now. */
async function moveAside(dataDir: string): Promise<string> {
  const place = resolve(dataDir)
  const aside = `${place}.before-${new Date().toISOString().replace(/[:.]/g, '-')}`
  try {
    await rename(place, aside)
    await nodeDisk.syncDirectory(dirname(place))
    return aside
  } catch (error) {
    throw new CommandFailure(
      TnlExit.failed,
      `${dataDir} cannot be moved aside (${explain(error)}): move what is in it elsewhere yourself. Nothing was changed`,
    )
  }
}

function refused(error: unknown): never {
  if (error instanceof Error && 'syscall' in error) throw new CommandFailure(TnlExit.failed, explain(error))
  if (!(error instanceof StoreError)) throw error
  const isOfOthers = error.kind === 'locked' || error.kind === 'foreign'
  throw new CommandFailure(isOfOthers ? TnlExit.refused : TnlExit.failed, error.message)
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
