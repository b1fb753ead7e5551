/** docs/protocol.md is true: its transcripts are replayed, each on a connection of its own, against a real cluster. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { TestCluster } from '../kit/process-cluster.js'
import { Wire } from '../kit/wire.js'

const PAGE = fileURLToPath(new URL('../../docs/protocol.md', import.meta.url))

interface Step {
  readonly from: 'C' | 'S'
  readonly text: string
}

/** Blocks marked `transcript`: `C:` is sent, `S:` must be received, `S: (closed)` is the end of the stream. */
function transcripts(page: string): readonly (readonly Step[])[] {
  return [...page.matchAll(/^```transcript\n([\s\S]*?)^```/gm)].map(([, block = '']) =>
    block
      .trimEnd()
      .split('\n')
      .map((line) => {
        const [, from, text] = /^([CS]): (.*)$/.exec(line) ?? []
        if ((from !== 'C' && from !== 'S') || text === undefined) throw new Error(`not a line of a transcript: ${line}`)
        return { from, text }
      }),
  )
}

const PLACEHOLDERS: Readonly<Record<string, string>> = { number: '\\d+', word: '[^,]+', rest: '.*' }

/** `(number)`, `(word)` and `(rest)` stand for what differs from run to run. */
function pattern(text: string): RegExp {
  const literal = text.replace(/[.*+?^${}|[\]\\]/g, '\\$&')
  return new RegExp(`^${literal.replace(/\((\w+)\)/g, (all, name: string) => PLACEHOLDERS[name] ?? all)}$`)
}

describe('docs/protocol.md', () => {
  let cluster: TestCluster

  beforeAll(async () => {
    cluster = await TestCluster.start()
  })

  afterAll(() => cluster.stop())

  const all = transcripts(readFileSync(PAGE, 'utf8'))

  it('has transcripts', () => expect(all.length).toBeGreaterThan(3))

  it.each(all.map((steps) => [steps[0]?.text, steps] as const))('%s', async (_, steps) => {
    const wire = await Wire.open((await cluster.followers())[0].port)
    for (const { from, text } of steps) {
      if (from === 'C') wire.send(`${text}\n`)
      else if (text === '(closed)') expect(await wire.rest()).toBe('')
      else expect(await wire.line()).toMatch(pattern(text))
    }
    wire.destroy()
  })
})
