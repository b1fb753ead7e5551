/** What the commands of `tnl` have in common. */
import type { Command } from 'commander'
import type { HostPort } from '../../address.js'
import { readEndpoints } from '../shared/endpoints-option.js'

export const ENDPOINTS = ['--endpoints <H:P,...>', 'nodes to ask (default TNL_ENDPOINTS, else localhost:7654)'] as const

export interface AskOptions {
  readonly endpoints?: string
  readonly json?: boolean
  readonly wait?: string
}

export function endpointsOf({ endpoints }: AskOptions): readonly HostPort[] {
  return readEndpoints(endpoints, process.env)
}

export function addExamples(command: Command, ...examples: readonly string[]): Command {
  const title = examples.length === 1 ? 'Example' : 'Examples'
  return command.addHelpText('after', `\n${title}:\n${examples.map((example) => `  ${example}`).join('\n')}`)
}
