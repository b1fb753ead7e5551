/** Whose a session is, and what only its identity may do: come back to it, name its holds as kept, unlock them without a secret. */
import { describe, expect, test } from 'vitest'
import { Stage, wordsOf } from './stage.js'

const kinds = (effects: readonly { kind: string }[]) => effects.map(({ kind }) => kind)

describe('a session is resumed', () => {
  test('by its identity, and by nobody else who knows the secret; it lives on', () => {
    const stage = new Stage()
    const ci = stage.client('A', { identity: 'ci' })
    ci.ask('x')
    for (const other of ['ops', '']) expect(kinds(ci.tryToResume(other))).toEqual(['resumeForbidden'])
    expect(stage.holders('x')).toEqual(['A'])
    expect(ci.resume().held).toMatchObject([{ name: 'x' }])
  })

  test('by whoever knows the secret, where the node asks nobody who it is; it stays whose it is', () => {
    const ci = new Stage().client('A', { identity: 'ci' })
    expect(kinds(ci.tryToResume('', true))).toContain('resumed')
    expect(kinds(ci.tryToResume('ops'))).toEqual(['resumeForbidden'])
    expect(kinds(ci.tryToResume('ci'))).toContain('resumed')
  })

  test('by an identity while it is nobody’s, and is that identity’s from then on', () => {
    const somebody = new Stage().client('A')
    expect(kinds(somebody.tryToResume(''))).toContain('resumed')
    expect(kinds(somebody.tryToResume('ci'))).toContain('resumed')
    expect(kinds(somebody.tryToResume('ops'))).toEqual(['resumeForbidden'])
    expect(kinds(somebody.tryToResume(''))).toEqual(['resumeForbidden'])
  })
})

describe('holding', () => {
  /** A and B wait for each other, if B may say that it keeps what another session of its identity, or another identity, holds. */
  function outer(identity: string) {
    const stage = new Stage()
    const [A, B, inner] = [
      stage.client('A', { identity: 'ci' }),
      stage.client('B', { identity }),
      stage.client('inner', { identity: 'ci' }),
    ]
    B.ask('b')
    A.ask('a')
    A.ask('b', { holding: `a@${stage.tokenOf('a')}` })
    return (keepsAnyones: boolean) => inner.ask('a', { holding: `b@${stage.tokenOf('b')}`, keepsAnyones })
  }

  test('names holds of the same identity', () => {
    expect(outer('ci')(false)).toEqual(['1 deadlock'])
  })

  test('of another identity it is not heard, as though they were over', () => {
    expect(outer('ops')(false)).toEqual(['1 queued a 1'])
    expect(outer('')(false)).toEqual(['1 queued a 1'])
  })

  test('of another identity counts for who may break them', () => {
    expect(outer('ops')(true)).toEqual(['1 deadlock'])
  })

  test('is not heard of a token that is given out only later', () => {
    const stage = new Stage()
    const [A, B, inner] = [
      stage.client('A', { identity: 'ci' }),
      stage.client('B', { identity: 'ops' }),
      stage.client('inner', { identity: 'ci' }),
    ]
    A.ask('a')
    const next = 1_000 * 6
    inner.ask('a', { holding: `b@${next}` })
    B.ask('b')
    expect(stage.tokenOf('b')).toBe(next)
    expect(A.ask('b', { holding: `a@${stage.tokenOf('a')}` })).toEqual(['2 queued b 1'])
  })
})

describe('a loose hold is unlocked', () => {
  function loose() {
    const stage = new Stage()
    const ci = stage.client('A', { identity: 'ci' })
    ci.ask('x', { ttlMs: 60_000, loose: true })
    return { stage, ci, ops: stage.client('B', { identity: 'ops' }) }
  }

  test('by another session of the identity that took it', () => {
    const { stage } = loose()
    expect(stage.client('C', { identity: 'ci' }).unlock('x')).toEqual(['1 released'])
    expect(stage.holders('x')).toEqual([])
  })

  test('by nobody else without its secret: for them it is not there', () => {
    const { stage, ops } = loose()
    expect(ops.unlock('x')).toEqual(['1 not-holder'])
    expect(ops.unlock('x', stage.tokenOf('x'))).toEqual(['2 not-holder'])
    expect(stage.client('C').unlock('x')).toEqual(['1 not-holder'])
    expect(stage.holders('x')).toEqual(['A'])
  })

  test('by whoever knows its secret, or may break it', () => {
    const one = loose()
    expect(one.ops.unlock('x', 0, one.ci)).toEqual(['1 released'])
    const other = loose()
    expect(other.ops.unlock('x', 0, null, true)).toEqual(['1 released'])
  })

  test('though others have loose holds of it, which do not count', () => {
    const { stage, ci } = loose()
    const [one, two] = [stage.client('C', { identity: 'ci' }), stage.client('D', { identity: 'ops' })]
    for (const client of [one, two]) client.ask('s@1/2', { ttlMs: 60_000, loose: true })
    expect(ci.unlock('s')).toEqual(['2 released'])
    expect(stage.holders('s')).toEqual(['D'])
  })
})

test('a session whose client has lost its rights waits for its lease only, however long it wanted to linger', () => {
  const stage = new Stage()
  const client = stage.client('A', { leaseMs: 5_000, lingerMs: 86_400_000 })
  client.ask('x')
  client.detach(false, true)
  expect([...stage.machine.detachedSessions()]).toMatchObject([{ session: client.session, forMs: 5_000 }])
})

test('who waits for what of whom is kept as it is, for whoever tells it', () => {
  const stage = new Stage()
  const [A, B] = [stage.client('A'), stage.client('B')]
  A.ask('x')
  B.ask('y')
  B.ask('x', { holding: 'all' })
  const effects = stage.apply({ ...A.askCommand('y'), keepsAll: true })
  expect(wordsOf(effects)).toEqual(['2 deadlock'])
  expect(effects.find(({ kind }) => kind === 'answered')).toMatchObject({
    answer: {
      steps: [
        { who: 'A', name: 'y' },
        { who: 'B', name: 'x' },
      ],
      isCut: false,
    },
  })
})
