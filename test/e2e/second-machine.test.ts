/** A client on another machine: it is never sent to its own localhost, and administers only where that is allowed. */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { withOption } from '../kit/node-words.js'
import { TestCluster } from '../kit/process-cluster.js'
import { SecondMachine } from '../kit/second-machine.js'
import { fieldOf, Wire } from '../kit/wire.js'

const trouble = SecondMachine.trouble()
if (trouble !== null) process.stderr.write(`second-machine.test.ts is skipped: ${trouble}\n`)

const HELLO = 'hello,version:2'
/** Serves here, also where another node leads. */
const STAY = 'hello,version:2,redirect:no'
let machine: SecondMachine
let cluster: TestCluster

/** Nodes that everybody can reach and that say that they are `localhost`: what one gets without `--advertise`. */
async function openToAll(words: readonly string[]): Promise<TestCluster> {
  return TestCluster.start(words, undefined, (plan) => ({
    ...plan,
    words: withOption(plan.words, '--listen', `0.0.0.0:${plan.clientPort}`),
  }))
}

/** What a client on this machine is answered to the last of `lines`. */
async function fromHere(port: number, ...lines: readonly string[]): Promise<string | null> {
  const wire = await Wire.open(port)
  try {
    let answer: string | null = null
    for (const line of lines) answer = await wire.ask(line)
    return answer
  } finally {
    wire.destroy()
  }
}

const fromThere = async (port: number, ...lines: readonly string[]): Promise<string | undefined> =>
  (await machine.converse(port, lines)).at(-1)

describe.skipIf(trouble !== null)('a client on another machine', () => {
  beforeAll(() => {
    machine = SecondMachine.open()
  })
  afterAll(() => machine.remove())
  afterEach(() => cluster.stop())

  it('is served where one on this machine is sent to the localhost of the leader', async () => {
    cluster = await openToAll(['--followers', 'redirect'])
    const leader = await cluster.leader()
    for (const { port, id } of await cluster.followers()) {
      const elsewhere = `redirect,address:localhost:${leader.port}`
      expect(await fromHere(port, `lock,name:${id}`)).toBe(elsewhere)
      expect(await fromHere(port, HELLO)).toContain(elsewhere)
      expect(await fromThere(port, `lock,name:${id},redirect:yes`)).toBe('ok')
      const [welcome = '', granted] = await machine.converse(port, [HELLO, `lock,id:1,name:${id}-session`])
      expect(welcome).toMatch(/^welcome,/)
      expect(welcome).not.toContain('localhost')
      expect(granted).toMatch(/^ok,id:1,/)
    }
  })

  it('may not administer, unless that is allowed', async () => {
    cluster = await openToAll([])
    const { port } = await cluster.leader()
    expect(await fromHere(port, HELLO, '.members,id:1')).toMatch(/^member,id:1,/)
    const refused = await fromThere(port, HELLO, '.members,id:1')
    expect(fieldOf(refused ?? '', 'code')).toBe('unauthorized')
    expect(refused).toContain('--allow-admin')
  })

  it('may not administer with --admin off, and nor may anybody on this machine', async () => {
    cluster = await openToAll(['--admin', 'off'])
    for (const { port } of cluster.nodes) {
      for (const action of ['.members,id:1', '.transfer,id:1,node:n1', '.member-remove,id:1,node:n3']) {
        for (const answer of [await fromHere(port, STAY, action), await fromThere(port, STAY, action)]) {
          expect(answer, action).toContain('code:unauthorized')
          expect(decodeURIComponent(answer ?? '')).toContain('--admin off')
        }
      }
    }
  })
})
