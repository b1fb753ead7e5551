/** Completion: bash in earnest, the other shells where they are installed. */
import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { createProgram as describeClient } from '../../../src/cli/client/hold.js'
import { SHELLS, type Shell, scriptFor } from '../../../src/cli/completion/print-script.js'
import { createProgram as describeDo } from '../../../src/cli/do/flags.js'
import { createTnl } from '../../../src/cli/tnl/tnl-command.js'
import { describeCommand as describeServer } from '../../../src/server/config/options.js'

let dir = ''
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), 'tnl-completion-'))
  for (const shell of Object.keys(SHELLS) as Shell[]) writeFileSync(join(dir, `tnl.${shell}`), script(shell))
  // In the place of a cluster.
  writeFileSync(join(dir, 'tnl'), '#!/bin/sh\n[ "$1 $2" = "completion keys" ] && printf "%sa\\n%sb\\n" "$3" "$3"\n', {
    mode: 0o755,
  })
  writeFileSync(join(dir, 'a file.txt'), '')
})
afterAll(() => rmSync(dir, { recursive: true, force: true }))

function script(shell: Shell): string {
  const sisters = { server: describeServer(), do: describeDo(), client: describeClient() }
  return scriptFor(shell, createTnl(), sisters)
}

/** What bash offers behind these words, the last of which is being typed. */
function offered(...words: readonly string[]): string[] {
  const program = `source "$1"; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _tnl; printf '%s\\n' "\${COMPREPLY[@]}"`
  const env = { ...process.env, PATH: `${dir}:${process.env.PATH}` }
  const said = execFileSync('bash', ['--norc', '-c', program, 'bash', join(dir, 'tnl.bash'), ...words], {
    encoding: 'utf8',
    cwd: dir,
    env,
  })
  return said.split('\n').filter((word) => word !== '')
}

describe('bash', () => {
  it.each<[readonly string[], readonly string[]]>([
    [['tnl', 'unl'], ['unlock']],
    [
      ['tnl', 'members', ''],
      ['list', 'add', 'promote', 'remove'],
    ],
    [['tnl', '--endpoints', 'n1:7654', 'force'], ['force-release']],
    [['tnl', 'members', 'add', '--w'], ['--wait']],
    [
      ['tnl', 'bench', '--names', ''],
      ['distinct', 'one'],
    ],
    [['tnl', 'bench', '--clients', ''], []],
    [['tnl', 'completion', 'z'], ['zsh']],
    [
      ['tnl', 'who', 'deploy/'],
      ['deploy/a', 'deploy/b'],
    ],
    // A key that is written like a command is a key.
    [['tnl', 'who', 'members', '--js'], ['--json']],
    [['tnl', 'do', '--on-bef'], ['--on-before-lock']],
    [['tnl-do', '--min'], ['--min-hold']],
    [['/usr/local/bin/tcpnetlock_do', '--lock-n'], ['--lock-name']],
    [['tnl-do', '--on-before-lock', 'a f'], ['a file.txt']],
    [['tnl-do', '--', 'bas'], ['bash']],
    [['tnl-do', '--', '--w'], []],
    [['tnl-server', '--followers', 's'], ['serve']],
    [
      ['tnl-client', 'x/'],
      ['x/a', 'x/b'],
    ],
  ])('%j', (words, choices) => {
    const found = offered(...words)
    if (choices[0] === 'bash') expect(found).toContain('bash')
    else expect(found.sort()).toEqual([...choices].sort())
  })
})

describe.each(Object.keys(SHELLS) as Shell[])('%s', (shell) => {
  it('gets a script that it can read', (context) => {
    const flag = shell === 'fish' ? '--no-execute' : '-n'
    const { error, status, stderr } = spawnSync(shell, [flag, join(dir, `tnl.${shell}`)], { encoding: 'utf8' })
    if (error !== undefined) {
      console.warn(`${shell} is not installed: its script is only looked at`)
      context.skip()
    }
    expect([status, stderr]).toEqual([0, ''])
  })

  it('knows every command and every flag of it', () => {
    const text = script(shell)
    for (const command of createTnl().commands) {
      expect(text).toContain(`tnl ${command.name()}`)
      for (const { long } of command.options)
        if (long != null) expect(text).toContain(long.slice(shell === 'fish' ? 2 : 0))
    }
    // Words of the help can hold what a shell would read as its own: quotes stay in pairs.
    for (const line of text.split('\n'))
      expect((line.replaceAll("'\\''", '').match(/'/g) ?? []).length % 2, line).toBe(0)
  })
})
