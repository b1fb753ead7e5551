/** Help that teaches: every command shows how it is called. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { ClientExit, DoExit, TnlExit } from '../../src/cli/shared/exit-statuses.js'
import { createTnl } from '../../src/cli/tnl/tnl-command.js'
import { ExitCode } from '../../src/server/exit-codes.js'

const SISTERS = ['server', 'do', 'client']

function* commandsOf(command: Command, path: string): Generator<readonly [string, Command]> {
  yield [path, command]
  for (const child of command.commands) {
    if (!SISTERS.includes(child.name())) yield* commandsOf(child, `${path} ${child.name()}`)
  }
}

function helpOf(command: Command): string {
  let text = ''
  command.configureOutput({
    writeOut: (words) => {
      text += words
    },
  })
  command.outputHelp()
  return text
}

const TSX = ['--import', 'tsx']
const program = (name: string): string => fileURLToPath(new URL(`../../src/cli/${name}.ts`, import.meta.url))

describe('help', () => {
  const programs = { 'tnl-do': DoExit, 'tnl-client': ClientExit, 'tnl-server': ExitCode, tnl: TnlExit }

  it.each(Object.entries(programs))('%s shows an example of its own, and its exit statuses', async (name, statuses) => {
    const { stdout } = await promisify(execFile)(process.execPath, [...TSX, program(name), '--help'])
    expect(stdout).toMatch(new RegExp(`\\nExamples?:\\n(.*\\n)* {2}${name} `))
    const [, told = ''] = stdout.split('Exit status')
    const missing = Object.values(statuses).filter((status) => !new RegExp(`\\b${status}\\b`).test(told))
    expect(missing).toEqual([])
  })

  it.each([...commandsOf(createTnl(), 'tnl')])('%s shows an example of its own', (path, command) => {
    expect(helpOf(command)).toMatch(new RegExp(`\\nExamples?:\\n(.*\\n)* {2}${path.replace(/ list$/, '')}`))
  })
})
