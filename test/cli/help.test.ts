/** Help that teaches: every command shows how it is called. */
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { createTnl } from '../../src/cli/shared/tnl-command.js'

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
  it.each(['tnl-do', 'tnl-client', 'tnl-server'])('%s shows an example of its own', async (name) => {
    const { stdout } = await promisify(execFile)(process.execPath, [...TSX, program(name), '--help'])
    expect(stdout).toMatch(new RegExp(`\\nExamples?:\\n(.*\\n)* {2}${name} `))
  })

  it.each([...commandsOf(createTnl(), 'tnl')])('%s shows an example of its own', (path, command) => {
    expect(helpOf(command)).toMatch(new RegExp(`\\nExamples?:\\n(.*\\n)* {2}${path.replace(/ list$/, '')}`))
  })
})
