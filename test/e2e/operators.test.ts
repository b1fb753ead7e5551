/** `tnl force-release`, `resize`, `freeze`, `thaw` and `once forget`, as an operator types them, against a real cluster. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { readEnd } from '../../src/cli/admin/locks.js'
import { TestCluster } from '../kit/process-cluster.js'
import { Program } from '../kit/program.js'
import { fieldOf, Wire } from '../kit/wire.js'

let cluster: TestCluster

beforeAll(async () => {
  cluster = await TestCluster.start()
  await cluster.untilRisen()
})

afterAll(() => cluster.stop())

async function tnl(...words: readonly string[]): Promise<{ status: number | null; stdout: string; stderr: string }> {
  const program = new Program('tnl', [...words, '--endpoints', cluster.endpoints])
  const status = await program.status()
  const { stdout, stderr } = program
  return { status, stdout, stderr }
}

async function session(client: string): Promise<Wire> {
  const [follower] = await cluster.followers()
  const wire = await Wire.open(follower.port)
  expect(await wire.ask(`hello,version:2,client-id:${client},redirect:no`)).toMatch(/^welcome,/)
  return wire
}

describe('tnl', () => {
  it('force-release breaks one hold, and says when the lock passes on', async () => {
    const [alice, bob] = [await session('alice'), await session('bob')]
    const token = fieldOf(await alice.ask('lock,id:1,name:ops/force'), 'token')
    expect(await bob.ask('lock,id:1,name:ops/force,wait:60')).toMatch(/^queued,/)
    const forced = await tnl('force-release', 'ops/force', '--token', token, '--reason', 'gone, for good')
    expect(forced).toMatchObject({ status: 0, stderr: '' })
    expect(forced.stdout).toMatch(/^ops\/force: the hold with token \d+ is broken; .* \d+ s at most\n$/)
    expect(await alice.line()).toBe(`lost,name:ops/force,token:${token},reason:forced`)
    expect(await alice.ask(`release,id:2,name:ops/force,token:${token}`)).toBe('released,id:2,name:ops/force')
    const next = fieldOf(await bob.line(), 'token')
    const now = await tnl('force-release', 'ops/force', '--token', next, '--reason', 'again', '--now')
    expect(now.stdout).toMatch(/passes on at once\n$/)
    expect(now.stderr).toMatch(/two may hold/)
    const stale = await tnl('force-release', 'ops/force', '--token', token, '--reason', 'late')
    expect(stale).toMatchObject({ status: 1, stdout: '' })
    expect(stale.stderr).toMatch(/^not-holder: /)
    for (const wire of [alice, bob]) wire.destroy()
  })

  it('resize pins a limit and takes the pin away', async () => {
    expect((await tnl('resize', 'ops/resize', '--limit', '2')).stdout).toMatch(/^ops\/resize: the limit is 2 now/)
    const alice = await session('alice')
    expect(await alice.ask('lock,id:1,name:ops/resize,limit:7')).toMatch(/^ok,.*,limit:2$/)
    expect((await tnl('resize', 'ops/resize', '--reset')).status).toBe(0)
    expect(await tnl('resize', 'ops/resize', '--reset')).toMatchObject({ status: 1 })
    expect(await tnl('resize', 'ops/resize')).toMatchObject({ status: 2, stderr: 'either --limit N or --reset\n' })
    expect((await tnl('resize', 'ops/resize', '--limit', 'x')).stderr).toMatch(/^bad-request: limit:/)
    alice.destroy()
  })

  it('freeze and thaw', async () => {
    const alice = await session('alice')
    const frozen = await tnl('freeze', 'ops/freeze/', '--for', '3600', '--reason', 'release week')
    expect(frozen.stdout).toMatch(/^ops\/freeze\/: no new holds until \d{4}-\d\d-\d\dT[\d:.]+Z; /)
    expect(await alice.ask('lock,id:1,name:ops/freeze/x')).toBe(
      'not-granted,id:1,name:ops/freeze/x,reason:frozen,message:release%20week',
    )
    expect((await tnl('thaw', 'ops/freeze/')).stdout).toMatch(/^ops\/freeze\/: thawed/)
    expect(await alice.ask('lock,id:2,name:ops/freeze/x')).toMatch(/^ok,/)
    expect(await tnl('thaw', 'ops/freeze/')).toMatchObject({ status: 1 })
    expect(await tnl('freeze', 'ops/freeze/')).toMatchObject({ status: 2, stdout: '' })
    alice.destroy()
  })

  it('a freeze ends at its time', async () => {
    const alice = await session('alice')
    const at = Date.now() / 1000 + 4
    expect((await tnl('freeze', 'ops/short/', '--until', String(at), '--reason', 'short')).status).toBe(0)
    expect(await alice.ask('lock,id:1,name:ops/short/x,wait:60')).toMatch(/^queued,/)
    expect(await alice.line()).toMatch(/^ok,id:1,/)
    expect(Date.now() / 1000).toBeGreaterThanOrEqual(at - 0.01)
    alice.destroy()
  })

  it('once forget takes a mark away', async () => {
    const alice = await session('alice')
    const token = fieldOf(await alice.ask('lock,id:1,name:ops/once,once:ops/key'), 'token')
    expect(await alice.ask(`release,id:2,name:ops/once,token:${token},done:yes`)).toMatch(/^released,/)
    expect(await alice.ask('lock,id:3,name:ops/once,once:ops/key')).toMatch(/^done,id:3,key:ops\/key,since:\d+/)
    expect((await tnl('once', 'forget', 'ops/key')).stdout).toBe('ops/key: is no longer marked as done\n')
    expect(await alice.ask('lock,id:4,name:ops/once,once:ops/key')).toMatch(/^ok,/)
    expect(await tnl('once', 'forget', 'ops/key')).toMatchObject({ status: 1 })
    alice.destroy()
  })
})

describe('the end of a freeze', () => {
  const now = Date.parse('2030-01-31T08:00:00Z')

  it.each([
    [{}, undefined],
    [{ for: '90' }, now / 1000 + 90],
    [{ for: '0.5' }, now / 1000 + 0.5],
    [{ until: '1900000000' }, 1_900_000_000],
    [{ until: '2030-01-31T08:00:01Z' }, now / 1000 + 1],
  ])('%j', (options, end) => {
    expect(readEnd(options, now)).toBe(end)
  })

  it.each([
    [{ for: 'soon' }, /not a number of seconds/],
    [{ until: 'tomorrow' }, /neither unix seconds nor a time/],
    [{ until: '2030-01-31T08:00Z' }, /has passed/],
    [{ until: '17', for: '3' }, /either/],
  ])('%j is refused', (options, words) => {
    expect(() => readEnd(options, now)).toThrow(words)
  })
})
