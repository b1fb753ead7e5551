// The restore drill (docs/operations/backup.md): a saved snapshot is restored into new directories on this machine, a cluster of three
// is started from them, on loopback, and what it says is compared with what is in the file. It touches nothing else. Plain
// JavaScript without dependencies, so that it runs wherever `tnl` does:
//
//   node scripts/restore-drill.js [FILE]      without FILE a snapshot of the cluster of TNL_ENDPOINTS is saved first
//
// TNL=PROGRAM: the `tnl` to use, if not that of this checkout. Exit status: 0 all is as it was saved, 1 it is not, 2 bad usage.
import { spawn, spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const NODES = ['n1', 'n2', 'n3']
const LOCK = 'restore-drill'
/** The lease comes with the snapshot, and may be as short as leases are. */
const FOR_ANY_LEASE = ['--election-timeout', '0.3', '--max-connections', '1000']
const BUILT = fileURLToPath(new URL('../dist/cli/tnl.js', import.meta.url))
const TNL = process.env.TNL ?? (existsSync(BUILT) ? BUILT : 'tnl')
/** What is a file of JavaScript has no mode of a program in a checkout. */
const [command, first] = TNL.endsWith('.js') ? [process.execPath, [TNL]] : [TNL, []]

class Failed extends Error {}

function tnl(...words) {
  const { status, stdout, stderr, error } = spawnSync(command, [...first, ...words], { encoding: 'utf8' })
  if (error !== undefined) throw new Failed(`${TNL} cannot be run: ${error.message}`)
  if (status !== 0) throw new Failed(`tnl ${words.join(' ')}: ended with ${status}\n${stderr}`)
  return stdout
}

/** A cluster in the foreground of a process of its own; it takes its nodes along when it ends. */
async function startCluster(dataDir) {
  const words = ['cluster', '--data-dir', dataDir, '--json', '--', ...FOR_ANY_LEASE]
  const child = spawn(command, [...first, ...words], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let trouble = ''
  child.stderr.on('data', (text) => {
    trouble += String(text)
  })
  const ended = new Promise((done) => child.once('close', done))
  for await (const line of createInterface({ input: child.stdout })) {
    const event = JSON.parse(line)
    if (event.event !== 'ready') continue
    child.stdout.resume()
    const stop = async () => {
      child.kill('SIGTERM')
      await ended
    }
    return { nodes: event.nodes, stop }
  }
  await ended
  throw new Failed(`the restored cluster does not start\n${trouble}`)
}

/** What the cluster says, in the words of `tnl snapshot inspect`. */
async function stateOf(nodes) {
  const endpoints = nodes.map(({ endpoint }) => endpoint).join(',')
  const ask = async (path) => (await fetch(`http://${nodes[0].http.replace(/^https?:\/\//, '')}${path}`)).json()
  const { freezes, count: freezeCount } = await ask('/v1/freezes')
  const { count: marks } = await ask('/v1/marks')
  const { cluster, level } = await ask('/v1/status')
  // Of the restored cluster alone.
  for (const { prefix } of freezes) if (LOCK.startsWith(prefix)) tnl('thaw', prefix, '--endpoints', endpoints)
  const { token } = JSON.parse(tnl('lock', LOCK, '--ttl', '60', '--endpoints', endpoints))
  return { cluster, level, marks, freezes: freezeCount, token }
}

function compare(saved, now) {
  return [
    ['feature level', saved.level, now.level, saved.level <= now.level],
    ['done-marks', saved.marks, now.marks, saved.marks === now.marks],
    ['freezes', saved.freezes.length, now.freezes, saved.freezes.length === now.freezes],
    ['cluster id', saved.cluster, now.cluster, saved.cluster !== now.cluster],
    ['highest token', saved.highestToken, now.token, now.token > saved.highestToken],
  ]
}

async function drill(given, place) {
  const file = given ?? join(place, 'saved')
  if (given === undefined) tnl('snapshot', 'save', file)
  const saved = JSON.parse(tnl('snapshot', 'inspect', file, '--json'))
  console.log(
    `${file}: saved ${new Date(saved.saved * 1000).toISOString()}, ${saved.bytes} bytes, SHA-256 ${saved.sha256}`,
  )
  const dataDir = join(place, 'nodes')
  for (const node of NODES) tnl('snapshot', 'restore', file, '--data-dir', join(dataDir, node))
  const cluster = await startCluster(dataDir)
  try {
    const rows = compare(saved, await stateOf(cluster.nodes))
    for (const [what, was, is, isGood] of rows)
      console.log(`${isGood ? 'ok  ' : 'FAIL'} ${what}: ${was} in the file, ${is} restored`)
    return rows.every(([, , , isGood]) => isGood)
  } finally {
    await cluster.stop()
  }
}

async function main() {
  const [file, ...others] = process.argv.slice(2)
  if (others.length > 0 || file?.startsWith('-')) {
    console.error('usage: restore-drill [FILE]')
    return 2
  }
  const place = mkdtempSync(join(tmpdir(), 'tnl-restore-drill-'))
  try {
    const isGood = await drill(file === undefined ? undefined : resolve(file), place)
    console.log(`restore drill: ${isGood ? 'passed' : 'FAILED'}`)
    return isGood ? 0 : 1
  } catch (error) {
    if (!(error instanceof Failed)) throw error
    console.error(error.message)
    console.log('restore drill: FAILED')
    return 1
  } finally {
    rmSync(place, { recursive: true, force: true })
  }
}

process.exitCode = await main()
