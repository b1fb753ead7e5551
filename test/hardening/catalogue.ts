/** The trials that there are: every file of a folder is one. */
import { readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Trial } from './trial.js'

export const TRIALS_FOLDER = join(import.meta.dirname, 'trials')

/** A file of the folder; one that cannot be loaded is a failed trial, and no reason not to run the others. */
export interface Listed {
  readonly name: string
  readonly file: string
  readonly trial: Trial | null
  /** Why there is no trial in the file. */
  readonly why: string
}

export async function listTrials(folder: string): Promise<Listed[]> {
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .sort()
    .map((name) => join(folder, name))
  return Promise.all(files.map(loadTrial))
}

export async function loadTrial(file: string): Promise<Listed> {
  const name = basename(file, '.ts')
  try {
    const { trial } = (await import(pathToFileURL(file).href)) as { readonly trial?: Trial }
    if (trial === undefined) return { name, file, trial: null, why: 'exports no trial' }
    if (trial.name !== name) return { name, file, trial: null, why: `calls itself ${trial.name}` }
    return { name, file, trial, why: '' }
  } catch (error) {
    return { name, file, trial: null, why: `cannot be loaded: ${error instanceof Error ? error.message : error}` }
  }
}
