/** Jobs that leave their process group, their session and their parent, under tnl-do; whoever gets the lock next looks for them. */
import { ESCAPES, killGuardian, killTogether, outliving, type Run, startAll } from '../../e2e/escapes.js'
import { endLeftovers } from '../../kit/leftovers.js'
import { OneServer } from '../../kit/one-server.js'
import type { Outcome, Trial } from '../trial.js'

const ROUNDS = 10

const ENDINGS: readonly (readonly [string, (server: OneServer, runs: readonly Run[]) => Promise<void> | void])[] = [
  ['SIGTERM', (_, runs) => runs.forEach(({ program }) => void program.child.kill('SIGTERM'))],
  ['kill -9 of tnl-do', (_, runs) => runs.forEach(({ program }) => void program.child.kill('SIGKILL'))],
  ['kill -9 of the guardian', (_, runs) => runs.forEach(killGuardian)],
  ['kill -9 of both', (_, runs) => killTogether(runs)],
  [
    'loss of the lock',
    async (server, runs) => {
      server.program.signal('SIGSTOP')
      await Promise.all(runs.map(({ program }) => program.ended()))
      server.program.signal('SIGCONT')
    },
  ],
]

async function run(): Promise<Outcome> {
  const server = await OneServer.start()
  try {
    const survivors: string[] = []
    let jobs = 0
    for (let round = 0; round < ROUNDS; round += 1) {
      for (const [name, end] of ENDINGS) {
        const started = await startAll(server)
        // What the watcher cannot see is left out where only the watcher is left: see the README.
        const runs = name === 'kill -9 of both' ? started.slice(0, -1) : started
        await end(server, runs)
        jobs += runs.length
        survivors.push(...(await outliving(server, runs)).map((job) => `${job} (${name})`))
        await endLeftovers()
      }
    }
    return {
      ok: survivors.length === 0,
      seen:
        survivors.length === 0 ? `${jobs} jobs, none outlived its lock` : `outlived the lock: ${survivors.join('; ')}`,
    }
  } finally {
    await endLeftovers()
    await server.stop()
  }
}

export const trial: Trial = {
  name: 'command-escapes',
  expected: `${ESCAPES.length} jobs that leave group, session or parent, each ended in ${ENDINGS.length} ways, are dead before the next client gets the lock`,
  // CI has the same strikes against a command that escapes in all these ways at once: the short form of runner-proof.
  inShortForm: false,
  run,
}
