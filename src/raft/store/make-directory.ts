/** Nothing else of the store is needed for this: programs that live for a moment do not load a database. */
import { mkdir } from 'node:fs/promises'
import { dirname } from 'node:path'
import { codeOf } from './errors.js'

/**
 * Makes parents as well. Not by Node's own recursion: it says ENOENT for a read-only file system, and does not end where no
 * directories are made, as in /proc.
 */
export async function makeDirectory(path: string): Promise<void> {
  try {
    await mkdir(path)
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return
    const parent = dirname(path)
    if (codeOf(error) !== 'ENOENT' || parent === path) throw error
    await makeDirectory(parent)
    await mkdir(path)
  }
}
