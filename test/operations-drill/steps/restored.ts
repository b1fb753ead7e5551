/** A saved snapshot is worth what its restore is worth. */
import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Step } from '../drill.js'

const SCRIPT = fileURLToPath(new URL('../../../scripts/restore-drill.js', import.meta.url))

export const step: Step = {
  name: 'restored',
  expected: 'a snapshot is saved under load, restored into new directories, started and compared',
  run: async (drill) => {
    await drill.tnl('freeze', 'legacy/', '--reason', 'moved')
    const file = join(drill.security.folder, 'saved')
    await drill.tnl('snapshot', 'save', file)
    // A cluster of its own, without certificates and accounts: these are in no snapshot.
    const { stdout } = await promisify(execFile)(process.execPath, [SCRIPT, file])
    if (!stdout.includes('restore drill: passed')) throw new Error(stdout)
    return `${stdout.split('\n').filter((line) => line.startsWith('ok ')).length} comparisons, all as saved`
  },
}
