import { fileURLToPath } from 'node:url'
import { Command, InvalidArgumentError } from 'commander'
import { CLIENT_SITES } from './links/links.js'

/** Exit statuses. */
export const VALID = 0
export const INVALID = 1
export const COULD_NOT_RUN = 2

/** By default half of the clients: a relay hides from the node what the others show it. */
const RELAYS = 2

const SERVER = fileURLToPath(new URL('../../dist/cli/tnl-server.js', import.meta.url))

export interface Flags {
  readonly seconds: number
  readonly nodes: number
  readonly nemesis: string
  readonly workload: string
  readonly seed: number
  readonly clients: number
  readonly out?: string
  readonly server: string
  /** How many of the places of clients are behind a relay. */
  readonly relays: number
  /** Seconds of `linger` that sessions ask for. */
  readonly linger: number
  readonly tls?: boolean
  readonly endpoints?: readonly string[]
  readonly nemesisScript?: string
}

export function readFlags(): Flags {
  return new Command('jepsen-lite')
    .description('Attacks a cluster of real servers and judges what its clients saw.')
    .option('--seconds <count>', 'how long faults come and go', positive, 120)
    .option('--nodes <count>', '1, 3 or 5', nodeCount, 3)
    .option('--nemesis <names>', 'all, all,-NAME,… (but those), none, or names separated by commas', 'all')
    .option('--workload <names>', 'all, or names separated by commas', 'all')
    .option('--seed <number>', 'chooses faults and their times', positive, 1 + (Date.now() % 1_000_000))
    .option('--clients <count>', 'how many clients, over all workloads', positive, 42)
    .option(
      '--relays <count>',
      `of the ${CLIENT_SITES} places of clients so many are behind a relay`,
      relayCount,
      RELAYS,
    )
    .option('--linger <seconds>', 'what sessions ask for', wholeSeconds, 0)
    .option('--tls', 'clients and peers speak TLS')
    .option('--out <dir>', 'for history, report, and logs (default test-results/jepsen-lite/seed-N)')
    .option('--server <file>', 'the server that is attacked', SERVER)
    .option('--endpoints <list>', 'attack a running cluster: HOST:PORT of its nodes', endpointList)
    .option('--nemesis-script <file>', 'with --endpoints: begins and ends faults there')
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? VALID : COULD_NOT_RUN))
    .parse()
    .opts<Flags>()
}

/** What plays the same attack again: the words of this run, with its seed. */
export function commandOf({ seed }: Flags): string {
  const words = process.argv.slice(2)
  const seeded = words.some((word) => /^--seed(=|$)/.test(word)) ? words : [...words, '--seed', String(seed)]
  return `npm run jepsen-lite -- ${seeded.join(' ')}`
}

function positive(text: string): number {
  if (!/^[1-9][0-9]{0,8}$/.test(text)) throw new InvalidArgumentError('a whole number from 1 on is needed')
  return Number(text)
}

function nodeCount(text: string): number {
  if (!['1', '3', '5'].includes(text)) throw new InvalidArgumentError('1, 3 or 5')
  return Number(text)
}

function relayCount(text: string): number {
  if (!/^\d$/.test(text) || Number(text) > CLIENT_SITES) throw new InvalidArgumentError(`0 to ${CLIENT_SITES}`)
  return Number(text)
}

function wholeSeconds(text: string): number {
  if (!/^\d{1,5}$/.test(text)) throw new InvalidArgumentError('whole seconds')
  return Number(text)
}

function endpointList(text: string): readonly string[] {
  const endpoints = text.split(',')
  if (endpoints.some((endpoint) => !/^\S+:\d+$/.test(endpoint))) throw new InvalidArgumentError('HOST:PORT,...')
  return endpoints
}
