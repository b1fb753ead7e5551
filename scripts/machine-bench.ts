/**
 * Is the state machine as fast as it was? Encodes, decodes and applies the same commands with the present sources and with
 * those of another revision, in one process, by turns, and compares the medians:
 *
 *     npx tsx scripts/machine-bench.ts --against v0.3.0
 */
import { execFileSync } from 'node:child_process'
import { cpSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'

const COMMANDS = 20_000
const EPOCH = 2 ** 52 + 1
const GENESIS = {
  clusterId: 'bench',
  nodeLeaseMs: 10_000,
  createdUnixSeconds: 1_000,
  members: [{ raftId: 1, nodeId: 'n1', peerAddress: 'n1:7655' }],
}

/** What every revision has, whatever else its files export. */
interface Sources {
  encode(command: object): Uint8Array
  decode(bytes: Uint8Array): unknown
  /** Applies each command in an entry of its own, and looks at what comes of it. */
  apply(commands: readonly Uint8Array[]): void
  types: Readonly<Record<string, number>>
}

interface Machine {
  applyCommand(index: number, command: Uint8Array): void
  endEntry(index: number): void
  /** Not before effects were data: then they went to a sink while a command was applied. */
  takeEffects?(): readonly unknown[]
}

async function load(root: string): Promise<Sources> {
  const from = (file: string): Promise<Record<string, unknown>> => import(join(root, 'src/locks', file))
  const codec = (await from('commands/codec.ts')) as unknown as {
    encodeCommand(command: object): Uint8Array
    decodeCommand(bytes: Uint8Array): unknown
  }
  const { CommandType } = (await from('commands/commands.ts')) as unknown as { CommandType: Record<string, number> }
  const { LockMachine } = (await from('machine.ts')) as unknown as {
    LockMachine: new (genesis: object, optionsOrSink: object) => Machine
  }
  const isData = 'takeEffects' in LockMachine.prototype
  const second = isData ? {} : new Proxy({}, { get: () => heard })
  return {
    encode: codec.encodeCommand,
    decode: codec.decodeCommand,
    types: CommandType,
    apply: (commands) => {
      const machine = new LockMachine(GENESIS, second)
      let index = 1
      for (const command of commands) {
        index++
        machine.applyCommand(index, command)
        machine.endEntry(index)
        for (const _effect of machine.takeEffects?.() ?? []) heard()
      }
    },
  }
}

let heardCount = 0
const heard = (): number => heardCount++

/** What a busy cluster does most: sessions lock and release, classic clients come and go. */
function commandsFor(types: Readonly<Record<string, number>>): object[] {
  const node = 'n1'
  const epoch = EPOCH
  const up = { node, epoch, expected: 0, dead: 0, address: 'n1:7654', peer: '', programLevel: 1 }
  const commands: object[] = [{ type: types.nodeUp, ...up }]
  const first = GENESIS.createdUnixSeconds * 2 ** 20 + 1
  const terms = {
    clientId: 'host-1.example',
    leaseMs: 10_000,
    lingerMs: 0,
    secretHash: '0123456789abcdef0123456789abcdef',
  }
  commands.push({ type: types.open, node, epoch, conn: 1, floor: 1, ...terms })
  let n = 0
  for (let i = 2; commands.length < COMMANDS; i++) {
    const name = `django-migrations-${i % 500}`
    const asked = { name, waitMs: 0, meta: '', delayMs: 0, wallMs: 1_795_000_000_000 + i }
    const header = { node, epoch, session: first, attach: 1 }
    commands.push({ type: types.lock, ...header, n: ++n, ack: Math.max(0, i - 4), request: i, ...asked })
    commands.push({ type: types.release, ...header, n: ++n, ack: 0, request: COMMANDS + i, name, token: 0 })
    const opening = { node, epoch, conn: i, floor: i, clientId: '' }
    commands.push({ type: types.openClassic, ...opening, ...asked, name: `${name}/classic` })
  }
  return commands
}

/** Processor time, collecting garbage included: what else runs on the machine counts little. */
function timeOf(run: () => void): number {
  const before = process.cpuUsage()
  run()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1_000
}

const median = (values: number[]): number => values.toSorted((a, b) => a - b)[values.length >> 1] ?? 0

function compare(what: string, present: () => void, other: () => void): void {
  const times: [number[], number[]] = [[], []]
  for (let round = 0; round < Number(values.rounds); round++) {
    // Neither is always the one that meets the other's garbage.
    if (round % 2 === 0) times[0].push(timeOf(present))
    times[1].push(timeOf(other))
    if (round % 2 === 1) times[0].push(timeOf(present))
  }
  const [now, then] = [median(times[0]), median(times[1])].map((ms) => (ms * 1e6) / COMMANDS) as [number, number]
  const change = ((now / then - 1) * 100).toFixed(1)
  console.log(`${what.padEnd(8)} ${now.toFixed(0)} ns a command, was ${then.toFixed(0)} ns (${change} %)`)
}

const { values } = parseArgs({
  options: { against: { type: 'string', default: 'HEAD' }, rounds: { type: 'string', default: '31' } },
})
const here = fileURLToPath(new URL('..', import.meta.url))
const there = mkdtempSync(join(tmpdir(), 'machine-bench-'))
try {
  const archive = execFileSync('git', ['archive', values.against, 'src', 'package.json', 'tsconfig.json'], {
    cwd: here,
    maxBuffer: 2 ** 28,
  })
  execFileSync('tar', ['-x', '-C', there], { input: archive })
  symlinkSync(join(here, 'node_modules'), join(there, 'node_modules'))
  // Both from a folder of the same kind, so that they are compiled alike.
  const mine = join(there, 'present')
  cpSync(join(here, 'src'), join(mine, 'src'), { recursive: true })
  for (const file of ['package.json', 'tsconfig.json']) cpSync(join(here, file), join(mine, file))
  symlinkSync(join(here, 'node_modules'), join(mine, 'node_modules'))
  const [present, other] = [await load(mine), await load(there)]
  const commands = [commandsFor(present.types), commandsFor(other.types)] as const
  const bytes = [commands[0].map((c) => present.encode(c)), commands[1].map((c) => other.encode(c))] as const
  const each = <T>(all: readonly T[], act: (one: T) => unknown) => {
    for (const one of all) act(one)
  }
  compare(
    'encode',
    () => each(commands[0], present.encode),
    () => each(commands[1], other.encode),
  )
  compare(
    'decode',
    () => each(bytes[0], present.decode),
    () => each(bytes[1], other.decode),
  )
  compare(
    'apply',
    () => present.apply(bytes[0]),
    () => other.apply(bytes[1]),
  )
} finally {
  rmSync(there, { recursive: true, force: true })
}
