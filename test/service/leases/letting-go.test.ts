/** Who has lost a hold is given a whole lease to stop believing in it (rules.md rule 12). */
import { describe, expect, it } from 'vitest'
import { CommandType } from '../../../src/locks/commands/commands.js'
import { LettingGo } from '../../../src/service/leases/letting-go.js'
import { DutyBench } from './duty-bench.js'

class Bench extends DutyBench {
  readonly lettingGo: LettingGo
  readonly ending = new Set<number>()
  attach = 1

  constructor() {
    super({
      isEnding: (_name, token) => this.ending.has(token),
      attachOf: () => this.attach,
    })
    const { clock, state, office } = this
    this.lettingGo = new LettingGo({ clock, state, propose: (command) => office.propose(command) })
  }

  lose(token: number, attach = this.attach, leaseMs = 10_000): void {
    this.ending.add(token)
    this.lettingGo.count({ name: 'x', token, session: 3, attach }, leaseMs)
  }
}

describe('letting go of a lost hold', () => {
  it('happens a whole lease after the loss, not before, and until it is applied', () => {
    const bench = new Bench()
    bench.lose(7)
    bench.advance(9_999)
    expect(bench.commands).toEqual([])
    bench.advance(600)
    const letGo = { type: CommandType.letGo, name: 'x', token: 7, session: 3, attach: 1 }
    expect(bench.commands).toEqual([letGo, letGo])
    bench.ending.clear()
    bench.lettingGo.look()
    bench.advance(5_000)
    expect(bench.commands).toHaveLength(2)
    expect(bench.lettingGo.size).toBe(0)
  })

  it('does not happen when the client has given it back', () => {
    const bench = new Bench()
    bench.lose(7)
    bench.ending.clear()
    bench.advance(30_000)
    expect(bench.commands).toEqual([])
    expect(bench.lettingGo.size).toBe(0)
  })

  it('is for another to count once the session has come back there', () => {
    const bench = new Bench()
    bench.lose(7)
    bench.attach = 2
    bench.advance(30_000)
    expect(bench.commands).toEqual([])
  })

  it('begins again with a resume, and only then', () => {
    const bench = new Bench()
    bench.lose(7)
    bench.advance(6_000)
    bench.lose(7)
    bench.advance(3_000)
    bench.attach = 2
    bench.lose(7)
    bench.advance(9_999)
    expect(bench.commands).toEqual([])
    bench.advance(1)
    expect(bench.commands).toMatchObject([{ token: 7, attach: 2 }])
  })

  it('leaves nothing behind of those that are given back at once, lease by lease', () => {
    const bench = new Bench()
    for (let token = 1; token <= 20_000; token++) {
      bench.lose(token, 1, 86_400_000)
      bench.ending.delete(token)
    }
    expect(bench.lettingGo.size).toBeLessThanOrEqual(1_000)
  })
})
