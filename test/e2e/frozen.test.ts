/** Processes that are stopped and go on: nobody believes to hold what was given to others. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { SHORT_LEASE, TestCluster } from '../kit/process-cluster.js'
import { groupRuns, Program } from '../kit/program.js'
import { bothTransports, clientVariables, TRANSPORT, TRANSPORTS, type Transport } from '../kit/transport.js'
import { converse, freshName, Wire } from '../kit/wire.js'

let cluster: TestCluster
const programs: Program[] = []

beforeAll(async () => {
  cluster = await TestCluster.start([...SHORT_LEASE, ...(await bothTransports())])
})

afterAll(async () => {
  for (const program of programs) await program.end()
  await cluster.stop()
})

async function tnlDo(transport: Transport, endpoints: string, ...words: readonly string[]): Promise<Program> {
  const all = ['--endpoints', endpoints, '--lease', '3', ...words]
  const program = new Program('tnl-do', all, await clientVariables(transport))
  programs.push(program)
  return program
}

/** A command that prints the processes of a group, dead ones left out. */
function membersOf(group: string): readonly string[] {
  const script = `$5 == ${group} && $3 != "Z" && $3 != "X" { print $1, $2, $3 }`
  return ['sh', '-c', 'cat /proc/[0-9]*/stat 2>/dev/null | awk "$0"', script]
}

/** Prints its process group, then runs until it is killed. */
const ENDLESS = ['--', 'sh', '-c', 'echo group $$; sleep 1000 & wait']

/** What a stopped node owes its clients is the same in both roles: over TLS one of them is enough. */
const STOPPED = TRANSPORTS.flatMap((transport, at) => {
  const roles = at === 0 ? (['leader', 'follower'] as const) : (['leader'] as const)
  return roles.map((role) => [role, transport] as const)
})

describe.each(STOPPED)('a %s that is stopped for longer than its lease, over %s', (role, transport) => {
  it('closes its holders before it says anything else, and its sessions go on elsewhere', async () => {
    const frozen = await cluster.leader()
    const [other] = await cluster.followers()
    const [name, commandName] = [freshName(), freshName()]
    const holder = await Wire.open(frozen.port, transport)
    expect(await holder.ask(`lock,name:${name}`)).toBe('ok')
    const waiter = await Wire.open(frozen.port, transport)
    waiter.send(`lock,name:${name},wait:forever\n`)
    expect(await waiter.ask('.keepalive')).toBe('alive')
    const command = await tnlDo(
      transport,
      cluster.endpoints,
      '--lock-name',
      commandName,
      '--',
      'sh',
      '-c',
      'echo runs; read line; echo $line',
    )
    await command.said(/^runs$/m)
    // Sessions begin at the leader; they stay where they are when another node leads.
    if (role === 'follower') await cluster.transfer(other)

    frozen.signal('SIGSTOP')
    const rival = await Wire.open(other.port, transport)
    rival.send(`lock,name:${name},wait:forever\n`)
    holder.send('.keepalive\n')
    waiter.send('.keepalive\n')
    expect(await rival.line()).toBe('ok')
    expect(holder.unread).toBe('')
    expect(await converse(other.port, `lock,name:${commandName}\n`)).toBe('not-granted\n')

    frozen.signal('SIGCONT')
    expect(await holder.rest()).toBe('')
    expect(await waiter.rest()).toBe('')
    expect(await rival.ask('.keepalive')).toBe('alive')
    rival.destroy()
    command.child.stdin?.end('done\n')
    expect(await command.status()).toBe(0)
    expect(command.stdout).toContain('done')
    await cluster.untilAllServe()
    const back = await Wire.open(frozen.port, transport)
    expect(await back.ask(`lock,name:${name},wait:forever`)).toBe('ok')
    back.destroy()
  })
})

describe('a command whose only node is stopped', () => {
  it.each(TRANSPORTS)('is ended in time, over %s: the rival runs after it', async (transport) => {
    const frozen = await cluster.leader()
    const [other] = await cluster.followers()
    const name = freshName()
    const command = await tnlDo(transport, `127.0.0.1:${frozen.port}`, '--lock-name', name, ...ENDLESS)
    const [, group = ''] = await command.said(/^group (\d+)$/m)
    frozen.signal('SIGSTOP')
    const rival = await Wire.open(other.port, transport)
    rival.send(`lock,name:${name},wait:forever\n`)
    expect(await rival.line()).toBe('ok')
    expect(groupRuns(Number(group))).toBe(false)
    expect(await command.status()).toBe(122)
    frozen.signal('SIGCONT')
    rival.destroy()
    await cluster.untilAllServe()
  })
})

describe('tnl-do', () => {
  it.each(['SIGSTOP', 'SIGKILL'] as const)('%s: its command is dead before a rival has the lock', async (signal) => {
    const name = freshName()
    const command = await tnlDo(TRANSPORT, cluster.endpoints, '--lock-name', name, ...ENDLESS)
    const [, group = ''] = await command.said(/^group (\d+)$/m)
    const rival = await tnlDo(
      TRANSPORT,
      cluster.endpoints,
      '--lock-name',
      name,
      '--wait',
      'forever',
      '--',
      ...membersOf(group),
    )
    const wire = await Wire.open((await cluster.leader()).port)
    expect(await wire.ask(`lock,name:${name}`)).toBe('not-granted')
    command.signal(signal)
    expect(await rival.status()).toBe(0)
    expect(rival.stdout).toBe('')
    expect(groupRuns(Number(group))).toBe(false)
    command.signal('SIGCONT')
    expect(await command.status()).toBe(signal === 'SIGSTOP' ? 122 : null)
  })
})
