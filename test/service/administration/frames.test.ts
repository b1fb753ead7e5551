import { describe, expect, it } from 'vitest'
import { decodeAnswer } from '../../../src/service/administration/frames.js'

const answer = (...rows: unknown[]): Uint8Array =>
  new TextEncoder().encode(JSON.stringify({ number: 1, body: { rows, count: false } }))

describe("a leader's answer to an administration line", () => {
  it('is rows of known words, with keys and values', () => {
    const rows = [['member', ['node', 'n1'], ['raft-id', 1]], ['done']]
    expect(decodeAnswer(answer(...rows))).toEqual({ number: 1, body: { rows, count: false } })
  })

  it.each([
    ['a word that claims a lease', ['ok', ['name', 'a']]],
    ['a word with a line in it', ['done\nalive']],
    ['a key with a line in it', ['done', ['a\nalive\nx', 'b']]],
    ['a key with a field in it', ['member', ['node:n1,role', 'voter']]],
    ['no word', []],
    ['a value that is none', ['member', ['node', null]]],
  ])('is refused with %s: it would be said to the client as it stands', (_, row) => {
    expect(decodeAnswer(answer(row))).toBeNull()
  })
})
