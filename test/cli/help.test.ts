/** Help that teaches: every command shows how it is called. */
import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { createTnl } from '../../src/cli/tnl-command.js'

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

describe('help', () => {
  it.each([...commandsOf(createTnl(), 'tnl')])('%s shows an example of its own', (path, command) => {
    expect(helpOf(command)).toMatch(new RegExp(`\\nExamples?:\\n(.*\\n)* {2}${path.replace(/ list$/, '')}`))
  })
})
