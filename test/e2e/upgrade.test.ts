/**
 * A cluster of three is upgraded and downgraded member by member under load: no lock is lost, and no session client sees an
 * error. The next program is built by the test: the present one with one more command, field and record.
 */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { FEATURE_LEVEL } from '../../src/feature-level.js'
import { builtProgram, type TestNode } from '../kit/process-cluster.js'
import { nextLevelProgram } from '../kit/programs/next-level.js'
import { RollingCluster } from '../kit/rolling.js'
import { converse, Wire } from '../kit/wire.js'

const BUILD_TIMEOUT_MS = 300_000
/** Three nodes one after another, each with a start and a stop. */
const ROLL_TIMEOUT_MS = 120_000
const HELLO = 'hello,version:2,redirect:no'

const OLD = FEATURE_LEVEL
const NEXT = FEATURE_LEVEL + 1

const PRESENT = builtProgram('tnl-server')
let next = ''
let rolling: RollingCluster

beforeAll(async () => {
  next = join(await nextLevelProgram(), 'dist/cli/tnl-server.js')
  rolling = await RollingCluster.start()
  await rolling.cluster.untilRisen()
  // biome-ignore format: a line a node would be longer and no clearer
  await rolling.untilLevels([[OLD, OLD], [OLD, OLD], [OLD, OLD]])
}, BUILD_TIMEOUT_MS)

afterAll(() => rolling?.stop())

/** What only the next level has: a field of `lock` in both dialects, and a command. */
async function askForNext(node: TestNode): Promise<readonly (string | null)[]> {
  const wire = await Wire.open(node.port)
  expect(await wire.ask(HELLO)).toMatch(/^welcome/)
  const answers = [await wire.ask('lock,id:1,name:noted,note:x'), await wire.ask('.stamp,id:2,text:seen')]
  expect(await wire.ask('bye')).toBe('bye')
  wire.destroy()
  return [...answers, await converse(node.port, 'lock,name:noted-too,note:x\nrelease\n')]
}

const REFUSED = [
  `err,id:1,code:unsupported,message:note%20needs%20level%20${NEXT}`,
  `err,id:2,code:unsupported,message:.stamp%20needs%20level%20${NEXT}`,
  `err,note needs level ${NEXT}\n`,
]
const TAKEN = [expect.stringMatching(/^ok,id:1,name:noted,token:\d+$/), 'done,id:2', 'ok\nreleased\n']

describe('under load', { timeout: ROLL_TIMEOUT_MS }, () => {
  it('the level stays while one member does not know the next one', async () => {
    await rolling.install(rolling.node(0), next)
    await rolling.install(rolling.node(1), next)
    // biome-ignore format: a line a node would be longer and no clearer
    expect(await rolling.levels()).toEqual([[OLD, NEXT], [OLD, NEXT], [OLD, OLD]])
    for (const node of rolling.cluster.nodes.slice(0, 2)) expect(await askForNext(node)).toEqual(REFUSED)
    const { status, said } = await rolling.tnl('upgrade', 'status')
    expect(status).toBe(0)
    expect(said).toMatch(new RegExp(`^feature level ${OLD}; ${NEXT} needs 1 more of 3 members$`, 'm'))
    expect(said).toMatch(/^n3 .*holds it back/m)
  })

  it('until then every member can go back', async () => {
    await rolling.install(rolling.node(1), PRESENT)
    await rolling.install(rolling.node(0), PRESENT)
    // biome-ignore format: a line a node would be longer and no clearer
    expect(await rolling.levels()).toEqual([[OLD, OLD], [OLD, OLD], [OLD, OLD]])
  })

  it('a hold keeps the level down although every member knows the next one', async () => {
    const held = await rolling.tnl('upgrade', 'hold')
    expect(held).toEqual({ status: 0, said: expect.stringContaining(`stays at ${OLD}`) })
    for (const node of rolling.cluster.nodes) await rolling.install(node, next)
    // There is a way back as long as it stands.
    await rolling.install(rolling.node(2), PRESENT)
    await rolling.install(rolling.node(2), next)
    // biome-ignore format: a line a node would be longer and no clearer
    expect(await rolling.levels()).toEqual([[OLD, NEXT], [OLD, NEXT], [OLD, NEXT]])
    for (const node of rolling.cluster.nodes) expect(await askForNext(node)).toEqual(REFUSED)
    expect((await rolling.tnl('upgrade', 'status')).said).toContain('tnl upgrade finish')
  })

  it('when it is lifted the level rises, and what is new is there', async () => {
    const { status, said } = await rolling.tnl('upgrade', 'finish', '--wait', '30')
    expect([status, said]).toEqual([0, expect.stringMatching(new RegExp(`^feature level ${NEXT}, which is all`))])
    // biome-ignore format: a line a node would be longer and no clearer
    await rolling.untilLevels([[NEXT, NEXT], [NEXT, NEXT], [NEXT, NEXT]])
    for (const node of rolling.cluster.nodes) expect(await askForNext(node)).toEqual(TAKEN)
    await rolling.load.goesOn()
    expect((await rolling.tnl('status')).said).toMatch(
      new RegExp(`LEVEL +KNOWS +VERSION\\n(.* ${NEXT} +${NEXT} +\\S+-next\\n){3}`),
    )
  })

  it('the older program ends with 5 and a sentence, and has changed nothing', async () => {
    const [node] = await rolling.cluster.followers()
    node.signal('SIGTERM')
    await node.ended()
    const before = contentsOf(node.plan.dataDir)
    node.install(PRESENT)
    const logged = node.log.length
    node.start()
    expect((await node.ended()).code).toBe(5)
    expect(node.log.slice(logged)).toContain(`needs feature level ${NEXT}, and this program knows ${OLD}`)
    expect(contentsOf(node.plan.dataDir)).toEqual(before)
    node.install(next)
    node.start()
    await rolling.cluster.untilAllServe()
    await rolling.load.goesOn()
  })

  it('a newcomer of the older program ends with 5 before it has anything of the next level', async () => {
    const joiner = rolling.cluster.joiner('n4', rolling.node(2).port + 10)
    await rolling.tnl('members', 'add', 'n4', `127.0.0.1:${joiner.plan.peerPort}`)
    joiner.start()
    expect((await joiner.ended()).code).toBe(5)
    expect(joiner.log).toContain(`needs feature level ${NEXT}, and this program knows ${OLD}`)
    await rolling.tnl('members', 'remove', 'n4')
    await rolling.load.goesOn()
  })

  it('and nothing was lost', () => rolling.nothingWasLost())
})

/** Every file of the directory, but for the diary that LevelDB keeps beside its data. */
function contentsOf(directory: string): Record<string, string> {
  const files = readdirSync(directory, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const names = files.map((entry) => join(entry.parentPath, entry.name)).filter((name) => !/\/LOG(\.old)?$/.test(name))
  return Object.fromEntries(names.sort().map((name) => [name, readFileSync(name).toString('base64')]))
}
