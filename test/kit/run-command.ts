import { spawnSync } from 'node:child_process'

/** Null, or what went wrong in the system's words. */
export function troubleOf(command: string, words: readonly string[]): string | null {
  const { error, status, stderr } = spawnSync(command, words, { encoding: 'utf8' })
  if (error !== undefined) return error.message
  return status === 0 ? null : (stderr.trim().split('\n')[0] ?? `status ${status}`)
}

/** Throws what went wrong. */
export function runCommand(command: string, words: readonly string[]): void {
  const trouble = troubleOf(command, words)
  if (trouble !== null) throw new Error(`${command} ${words.join(' ')}: ${trouble}`)
}
