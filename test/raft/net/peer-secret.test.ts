import { describe, expect, it } from 'vitest'
import { encodeFragment, FrameParser } from '../../../src/raft/net/frame.js'
import { LinkKind } from '../../../src/raft/net/handshake.js'
import { isProved, type PeerSecrets, prove, Side } from '../../../src/raft/net/peer-secret.js'
import { Lane, RefusalCode } from '../../../src/raft/ports/transport.js'
import { helloFrame } from '../../kit/hello.js'
import { introduce, refusing, type TestNode } from './kit.js'
import { testBed } from './test-bed.js'

const { start, proxyTo, rawTo } = testBed()
const [A, B] = ['a'.repeat(32), 'b'.repeat(32)] as const
const secrets = (isRequired: boolean, ...words: string[]): PeerSecrets => ({
  isRequired,
  current: () => words.map((word) => Buffer.from(word)),
})
const required = (...words: string[]) => ({ secrets: secrets(true, ...words) })
const optional = (...words: string[]) => ({ secrets: secrets(false, ...words) })

describe('a proof', () => {
  const hellos = { listener: Buffer.from('one'), dialler: Buffer.from('two') }
  const proof = prove(secrets(true, A, B), Side.listener, hellos)

  it('is made with the first secret, and any of them is accepted', () => {
    expect(isProved(secrets(true, B, A), Side.listener, hellos, proof)).toBe(true)
    expect(isProved(secrets(true, B), Side.listener, hellos, proof)).toBe(false)
  })

  it('fits one side of one connection', () => {
    const all = secrets(true, A)
    expect(isProved(all, Side.dialler, hellos, proof)).toBe(false)
    expect(isProved(all, Side.listener, { ...hellos, dialler: Buffer.from('twO') }, proof)).toBe(false)
    expect(isProved(all, Side.listener, { listener: Buffer.from('on'), dialler: Buffer.from('etwo') }, proof)).toBe(
      false,
    )
    expect(isProved(all, Side.listener, hellos, new Uint8Array(0))).toBe(false)
  })
})

describe('nodes', () => {
  it.each([
    ['with the same secret', required(A), required(A)],
    ['of which one has turned to the next secret already', required(B, A), required(A, B)],
    ['of which one has none yet, and the other says optional', optional(A), {}],
    ['of which one says optional still', optional(A), required(A)],
  ])('%s meet, whoever dials', async (_name, one, other) => {
    for (const dialler of ['a', 'b']) {
      const [a, b] = [await start('a', one), await start('b', other)]
      if (dialler === 'a') a.transport.setPeers([b.peer()])
      else b.transport.setPeers([a.peer()])
      await Promise.all([a.untilUp('b'), b.untilUp('a')])
      a.say('b', 'hello')
      await b.until(() => b.texts().includes('hello'))
      await Promise.all([a.transport.close(), b.transport.close()])
    }
  })

  it.each([
    ['with different secrets', required(A), required(B)],
    ['of which one has none', required(A), {}],
    ['of which one has another one, although the other says optional', optional(A), required(B)],
  ])('%s refuse each other, for the moment, and say why', async (_name, one, other) => {
    const [a, b] = [await start('a', one), await start('b', other)]
    introduce(a, b)
    const isTold = (node: TestNode) =>
      node.logged('refused a peer').length + node.logged('refused by a peer').length > 0
    await Promise.all([a.until(() => isTold(a)), b.until(() => isTold(b))])
    for (const node of [a, b]) {
      for (const { reason } of [...node.logged('refused a peer'), ...node.logged('refused by a peer')]) {
        expect(reason).toContain('--peer-secret-file')
      }
      expect(node.of('refused').filter(({ refusal }) => refusal.isFinal)).toEqual([])
    }
    expect([...a.of('up'), ...b.of('up')]).toEqual([])
  })

  it('come together as soon as both have the secret', async () => {
    const words = [A]
    const [a, b] = [
      await start('a', required(B)),
      await start('b', { secrets: { isRequired: true, current: () => [Buffer.from(words[0] ?? '')] } }),
    ]
    words[0] = 'c'.repeat(32)
    introduce(a, b)
    await b.until(() => b.logged('refused by a peer').length + b.logged('refused a peer').length > 0)
    words[0] = B
    await Promise.all([a.untilUp('b'), b.untilUp('a')])
  })

  it('believe nothing final of who has proved nothing', async () => {
    const judge = () => refusing('away', RefusalCode.notMember, true)
    const [a, b] = [await start('a', { judge }), await start('b', optional(A))]
    b.transport.setPeers([a.peer()])
    await b.until(() => b.of('refused').length > 0)
    expect(b.of('refused')[0]?.by).toMatchObject({ wasDialled: false, hello: null })
  })

  it('notice a hello that was altered on the way', async () => {
    const [a, b] = [await start('a', required(A)), await start('b', required(A))]
    const alter = (bytes: Buffer): Buffer => {
      const parser = new FrameParser()
      parser.push(bytes)
      const frame = parser.next()
      if (frame?.kind !== LinkKind.hello) return bytes
      const changed = Buffer.from(Buffer.from(frame.payload).toString('latin1').replace('uid-a', 'uid-x'), 'latin1')
      const rest = bytes.subarray(9 + frame.payload.length)
      return Buffer.concat([...encodeFragment(Lane.control, LinkKind.hello, false, [changed]), rest])
    }
    const proxy = await proxyTo(b, (chunk, pass) => pass(alter(chunk)))
    a.transport.setPeers([{ ...b.peer(), address: proxy.address }])
    await a.until(() => a.logged('refused a peer').length > 0)
    expect(b.of('up')).toEqual([])
  })

  it('judge nothing before the proof, and send none to who only listens', async () => {
    const judged: string[] = []
    const judge = ({ nodeId }: { nodeId: string }) => {
      judged.push(nodeId)
      return { accept: true } as const
    }
    const a = await start('a', { judge, ...required(A) })
    const socket = rawTo(a)
    socket.resume()
    const proof = encodeFragment(Lane.control, LinkKind.proof, false, [Buffer.alloc(32)])
    socket.write(
      Buffer.concat([...encodeFragment(Lane.control, LinkKind.hello, false, [helloFrame({ nodeId: 'b' })]), ...proof]),
    )
    await new Promise((resolve) => socket.once('close', resolve))
    expect(judged).toEqual([])
  })
})
