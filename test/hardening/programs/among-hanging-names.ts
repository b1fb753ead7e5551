/**
 * Runs in a network and a mount namespace of its own, whose only name server never answers: a cluster, and the programs
 * with four endpoints of which one is a name. Prints how long each took.
 */
import { execFileSync, spawn } from 'node:child_process'
import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { builtProgram, TestCluster } from '../../kit/process-cluster.js'

const NAME_SERVER = '127.0.0.9'

function hangNames(): void {
  const file = join(mkdtempSync(join(tmpdir(), 'names-')), 'resolv.conf')
  writeFileSync(file, `nameserver ${NAME_SERVER}\n`)
  execFileSync('mount', ['--bind', file, '/etc/resolv.conf'])
  execFileSync('ip', ['link', 'set', 'lo', 'up'])
}

async function timed(program: string, words: readonly string[]): Promise<string> {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [builtProgram(program), ...words], { stdio: ['ignore', 'pipe', 'inherit'] })
  let firstWordMs = 0
  child.stdout.on('data', () => {
    firstWordMs ||= performance.now() - startedAt
  })
  const [status] = await once(child, 'close')
  return `${program} ${status} ${Math.round(firstWordMs)} ${Math.round(performance.now() - startedAt)}`
}

hangNames()
// Bound and never read: what is asked there stays unanswered.
const nameServer = createSocket('udp4')
nameServer.bind(53, NAME_SERVER)
await once(nameServer, 'listening')
const cluster = await TestCluster.start()
try {
  const endpoints = `nobody-knows.example:7654,${cluster.endpoints.replaceAll('localhost', '127.0.0.1')}`
  process.stdout.write(`${await timed('tnl-do', ['--endpoints', endpoints, '--lock-name', 'x', 'echo', 'ran'])}\n`)
  process.stdout.write(`${await timed('tnl', ['status', '--endpoints', endpoints])}\n`)
} finally {
  await cluster.stop()
  nameServer.close()
}
