import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, it, onTestFinished } from 'vitest'
import { type ClusterPlan, planCluster } from '../../../src/cli/cluster/cluster-plan.js'
import { TnlExit } from '../../../src/cli/shared/exit-statuses.js'

/** Far from the ports that other tests take. */
const BASE_PORT = 31_300

function newDir(): string {
  const dir = mkdtempSync(join(tmpdir(), 'tnl-plan-'))
  onTestFinished(() => rmSync(dir, { recursive: true, force: true }))
  return dir
}

const plan = (wanted: Partial<ClusterPlan>) => planCluster({ nodes: 3, dir: newDir(), extraWords: [], ...wanted })

async function take(port: number): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  onTestFinished(() => void server.close())
}

describe('planCluster', () => {
  it('begins at the base port that was asked for', async () => {
    const nodes = await plan({ basePort: BASE_PORT })
    expect(nodes.map(({ clientPort }) => clientPort)).toEqual([BASE_PORT, BASE_PORT + 10, BASE_PORT + 20])
    expect(nodes.map(({ peerPort, httpPort }) => [peerPort, httpPort])).toContainEqual([BASE_PORT + 11, BASE_PORT + 12])
  })

  it('refuses a base port when one of the ports that follow is taken, and moves on when none was asked for', async () => {
    await take(BASE_PORT + 12)
    await expect(plan({ basePort: BASE_PORT })).rejects.toMatchObject({
      exitCode: TnlExit.usage,
      message: expect.stringContaining(`--base-port ${BASE_PORT}`),
    })
    const [first] = await plan({ firstPort: BASE_PORT })
    expect(first?.clientPort).toBe(BASE_PORT + 100)
  })

  it('keeps the ports of a directory, and refuses others for it', async () => {
    const dir = newDir()
    await plan({ dir, basePort: BASE_PORT })
    const [first] = await plan({ dir })
    expect(first?.clientPort).toBe(BASE_PORT)
    await expect(plan({ dir, basePort: BASE_PORT + 100 })).rejects.toMatchObject({ exitCode: TnlExit.usage })
  })

  it('refuses a base port that leaves no room below 65536', async () => {
    await expect(plan({ basePort: 65_500 })).rejects.toMatchObject({ exitCode: TnlExit.usage })
  })

  // Node's own recursive mkdir does not end in /proc.
  it.runIf(process.platform === 'linux').each([
    ['/proc/nothing/here', 'no such file or directory'],
    ['/etc/hostname/here', 'not a directory'],
    ['/etc/hostname', 'not a directory'],
  ])('says why there can be no directory %s', async (dir, why) => {
    await expect(plan({ dir })).rejects.toMatchObject({
      exitCode: TnlExit.usage,
      message: expect.stringMatching(new RegExp(`^--data-dir ${dir}: .*${why}$`)),
    })
  })

  it.each(['{', '7', '{"nodes":3,"basePort":"7654"}', '{"nodes":0.5,"basePort":7654}', '{"nodes":3,"basePort":70000}'])(
    'names the file where it says %s',
    async (text) => {
      const dir = newDir()
      writeFileSync(join(dir, 'cluster.json'), text)
      await expect(plan({ dir })).rejects.toMatchObject({
        exitCode: TnlExit.failed,
        message: expect.stringContaining(`${join(dir, 'cluster.json')} is damaged`),
      })
    },
  )
})
