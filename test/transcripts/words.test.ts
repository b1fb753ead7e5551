/**
 * No word of the protocol is forgotten: each that the tables of the sources have is shown by a transcript and stands in
 * docs/protocol.md, and the page's own tables have no others.
 */
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { PAGE } from './pages.js'
import { allScenes, readScenes } from './script.js'
import { allWords, KINDS, quotedIn, requestRows, WORDS, wordsOf } from './words.js'

const page = readFileSync(PAGE, 'utf8')

/** What no script can bring about, and why. Once one can, the word does not belong here. */
const NOT_SHOWN: Readonly<Record<string, string>> = {
  'code frozen': 'no node says it, and the page says so: whatever meets a freeze is not granted',
  'reason lease-expired': 'no node says it, and the page says so: whoever could be told is gone',
  'code behind': 'a learner must lack a thousand entries: test/service/administration',
  'code change-under-way': 'two changes must meet within a millisecond: test/service/administration',
  'code failed': 'a bug',
  'code impossible-change': 'refused before Raft is asked: test/service/administration',
  'code not-leader': 'a leader must be deposed between two of its steps: test/service/administration',
  'code not-taken-over': 'the heir must fall silent while it takes over: test/service/administration',
  'code quorum-at-risk': 'a voter must be dead, and not only for its clients: test/service/administration',
  'code unconfirmed': 'the quorum must be lost while a change is under way: test/service/administration',
}

describe('the words of the protocol', () => {
  it('are shown by transcripts, all of them', () => {
    const shown = wordsOf(allScenes())
    expect(allWords().filter((word) => !shown.has(word))).toEqual(
      allWords().filter((word) => Object.hasOwn(NOT_SHOWN, word)),
    )
  })

  it('are missed where no transcript shows them', () => {
    const scenes = readScenes(
      'one',
      '== one: One\n> lock,name:x\n< ok\n> .keepalive\n< (closed)\n> hello\n> .keepalive',
    )
    expect([...wordsOf(scenes)].sort()).toEqual([
      'answer ok',
      'classic action .keepalive',
      'classic action lock',
      'session action .keepalive',
      'session action hello',
    ])
  })

  it.each(KINDS)('stand in docs/protocol.md: %s', (kind) => {
    const words = new Set(quotedIn(page).flatMap((quoted) => quoted.split(/[^a-z.-]+/)))
    expect(WORDS[kind].filter((word) => !words.has(word))).toEqual([])
  })

  it('are all that the tables of the page have', () => {
    const actions = new Set([...WORDS['classic action'], ...WORDS['session action']])
    const answers = new Set([...WORDS.answer, ...WORDS.code])
    const beginning = (cell: string): string[] =>
      quotedIn(cell).flatMap((quoted) => /^[a-z.][a-z-]*(?=,|\||$)/.exec(quoted)?.[0] ?? [])
    const rows = requestRows(page)
    expect(rows.length).toBeGreaterThan(20)
    expect(rows.flatMap(({ sent }) => beginning(sent)).filter((word) => !actions.has(word))).toEqual([])
    expect(rows.flatMap(({ answered }) => beginning(answered)).filter((word) => !answers.has(word))).toEqual([])
  })
})
