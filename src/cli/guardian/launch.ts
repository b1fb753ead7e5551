/** Starting a command as `execvp` would, with what tnl-do was given and Node has changed since. */

import type { GuardedCommand } from '../guarding/messages.js'
import type { Native, Refusal } from '../system/native.js'
import { Descendants } from './descendants.js'
import { GroupOffspring } from './group-offspring.js'
import type { Offspring } from './offspring.js'

/** Where programs are looked for when there is no PATH. */
const STANDARD_PATH = '/bin:/usr/bin'

/** `terminal`: the descriptor of the terminal in whose foreground the command belongs. */
export async function launch(
  native: Native | null,
  command: GuardedCommand,
  terminal: number | null,
): Promise<Offspring | Refusal> {
  if (native === null) return GroupOffspring.start(command)
  const path = command.variables.find((variable) => variable.startsWith('PATH='))?.slice('PATH='.length)
  let refusal: Refusal = { code: 'ENOENT' }
  for (const file of candidates(command.file, path ?? STANDARD_PATH)) {
    const started = spawnAt(native, command, file, terminal)
    if ('processId' in started) return new Descendants(native, started.processId)
    // A directory on the way may hide the program; the next one may have it.
    if (started.code === 'EACCES') refusal = started
    else if (started.code !== 'ENOENT' && started.code !== 'ENOTDIR') return started
    else if (command.file.includes('/')) refusal = started
  }
  return refusal
}

function candidates(file: string, path: string): string[] {
  if (file === '') return []
  if (file.includes('/')) return [file]
  return path.split(':').map((folder) => (folder === '' ? file : `${folder}/${file}`))
}

function spawnAt(
  native: Native,
  command: GuardedCommand,
  path: string,
  terminal: number | null,
): { readonly processId: number } | Refusal {
  const { args, file: name, variables, ignoredSignals, descriptors, openFiles } = command
  const order = { path, name, args, variables, ignoredSignals, descriptors, openFiles, terminal }
  const started = native.spawn(order)
  if (!('code' in started) || started.code !== 'ENOEXEC') return started
  // A script without `#!` is the shell's, as everywhere.
  return native.spawn({ ...order, path: '/bin/sh', name: 'sh', args: [path, ...args] })
}
