/** `npm run runner-proof`: how long before the next grant nothing is left of a command, whatever is done to its supervisors. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { formatTable } from '../../src/cli/shared/table.js'
import { certificateFile } from '../kit/certificates.js'
import { endLeftovers } from '../kit/leftovers.js'
import { OneServer } from '../kit/one-server.js'
import { runTool, say } from '../kit/tool.js'
import { COMMANDS, EVERYTHING, type ProofCommand } from './commands.js'
import { STRIKES, type Strike } from './strikes.js'
import { type Place, runTrial, type Seen } from './trial.js'

const PAGE = fileURLToPath(new URL('../../docs/evidence/runner-proof.md', import.meta.url))
const HELP = `Usage: npm run runner-proof -- [options]

  --short     every strike against one command that does everything, as CI does
  --write     writes docs/evidence/runner-proof.md

Exit status: 0 nothing outlived its lock, 1 something did, or a trial failed; 2 bad usage.
`
const LOCAL = '--local: '
const TLS = 'TLS: '

interface Row extends Partial<Seen> {
  readonly strike: string
  readonly command: string
  readonly failure?: string
}

async function main(): Promise<void> {
  const { values } = parseArgs({
    options: {
      short: { type: 'boolean', default: false },
      write: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false },
    },
  })
  if (values.help) return say(HELP)
  const commands = values.short ? [EVERYTHING] : [...COMMANDS, EVERYTHING]
  const folder = mkdtempSync(join(tmpdir(), 'tnl-proof-'))
  const server = await OneServer.start({ tls: true })
  const rows: Row[] = []
  try {
    const here = { port: server.port, folder }
    const local = { port: null, folder }
    const secure = { ...here, words: ['--tls-ca', certificateFile('ca.pem')] }
    // Strikes of one command at a time, so that what is measured is not the load of the measuring.
    for (const command of commands) {
      const strikes = STRIKES.filter(({ spares }) => spares !== command.name)
      const ofServer = strikes.map((strike) => tryOne(here, strike, command))
      rows.push(...(await Promise.all(ofServer)))
      await endLeftovers()
      if (command === EVERYTHING) {
        const overTls = strikes.map((strike) => tryOne(secure, strike, command))
        rows.push(...(await Promise.all(overTls)).map((row) => named(TLS, row)))
        await endLeftovers()
      }
      const ofHost = strikes.filter(({ isLocalToo }) => isLocalToo)
      rows.push(
        ...(await Promise.all(ofHost.map((strike) => tryOne(local, strike, command)))).map((row) => named(LOCAL, row)),
      )
      await endLeftovers()
    }
  } finally {
    await endLeftovers()
    await server.stop()
    rmSync(folder, { recursive: true, force: true })
  }
  const failed = rows.filter(({ marginMs }) => marginMs === undefined || marginMs < 0)
  say(formatTable([HEAD, ...inOrder(rows).map(cells)]))
  if (values.write) writeFileSync(PAGE, page(inOrder(rows)))
  say(`${rows.length - failed.length} passed, ${failed.length} failed`)
  if (failed.length > 0) process.exitCode = 1
}

async function tryOne(place: Place, strike: Strike, command: ProofCommand): Promise<Row> {
  try {
    return await runTrial(place, strike, command)
  } catch (error) {
    return { strike: strike.name, command: command.name, failure: String(error) }
  }
}

const named = (where: string, row: Row): Row => ({ ...row, strike: where + row.strike })

function inOrder(rows: readonly Row[]): readonly Row[] {
  const strikes = [...new Set(rows.map(({ strike }) => strike))]
  const group = ({ strike }: Row): number => [TLS, LOCAL].findIndex((where) => strike.startsWith(where)) + 1
  const place = (row: Row): number => strikes.indexOf(row.strike) + group(row) * strikes.length
  return rows.toSorted((one, other) => place(one) - place(other))
}

const HEAD = ['STRIKE', 'COMMAND', 'DEAD BEFORE THE NEXT GRANT', 'FREE AFTER']

function cells({ strike, command, marginMs, freeAfterMs, failure }: Row): string[] {
  if (marginMs === undefined || freeAfterMs === undefined) return [strike, command, failure ?? '', '']
  return [strike, command, `${marginMs < 0 ? 'NEVER: ' : ''}${marginMs.toFixed(1)} ms`, `${freeAfterMs.toFixed(0)} ms`]
}

function page(rows: readonly Row[]): string {
  return `# Nothing outlives its lock

\`npm run runner-proof -- --write\` makes this page: real processes, one server, ${cpus().length} processors, a lease of 3 s for
everybody. A command runs under a lock, something is done to it or to those who watch over it, and another client waits for the
lock.

*Dead before the next grant*: milliseconds from the moment at which nothing was left of the command until the other client had
read that the lock is its own. The moment is that at which the kernel has closed the last end of a pipe that everything which the
command starts has; it is looked at every millisecond, and once more when the grant is read. Negative would be a command that ran
on without its lock. *Free after*: from the strike until the grant was read.

| strike | command | dead before the next grant | free after |
|---|---|---|---|
${rows.map((row) => `| ${cells(row).join(' | ')} |`).join('\n')}
`
}

await runTool('runner-proof', main)
