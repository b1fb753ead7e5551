/** `tnl completion SHELL`. */
import type { Command } from 'commander'
import { bashScript } from './bash.js'
import { fishScript } from './fish.js'
import { stagesOf } from './model.js'
import { zshScript } from './zsh.js'

export const SHELLS = { bash: bashScript, zsh: zshScript, fish: fishScript } as const
export type Shell = keyof typeof SHELLS

/** `sisters`: programs of their own, which are commands of `tnl` too. */
export function scriptFor(shell: Shell, tnl: Command, sisters: Readonly<Record<string, Command>>): string {
  const own = stagesOf(tnl, 'tnl').filter(({ path }) => !Object.keys(sisters).some((name) => path === `tnl ${name}`))
  const others = Object.entries(sisters).flatMap(([name, program]) => stagesOf(program, `tnl ${name}`))
  const names = Object.keys(sisters).flatMap((name) => [
    [`tnl-${name}`, `tnl ${name}`],
    // The original's names.
    [`tcpnetlock_${name}`, `tnl ${name}`],
  ])
  return SHELLS[shell]([...own, ...others], { tnl: 'tnl', ...Object.fromEntries(names) })
}
