/** What a node says is positive or neutral, and neither passes for the other: `npm run typecheck` is part of this test. */
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'
import {
  joined,
  type NeutralReply,
  neutral,
  neutralJson,
  POSITIVE_WORDS,
  type PositiveReply,
  plainError,
  positive,
} from '../../src/protocol/replies.js'

const say = (reply: NeutralReply): string => reply
const speak = (reply: PositiveReply): string => reply

describe('replies', () => {
  it('are lines', () => {
    expect(speak(positive('ok', { id: 1, name: 'a', token: 7 }))).toBe('ok,id:1,name:a,token:7\n')
    expect(speak(joined(positive('held', { name: 'a' }), positive('ready')))).toBe('held,name:a\nready\n')
    expect(say(neutral('not-granted', { id: 1, holder: 'a b' }))).toBe('not-granted,id:1,holder:a%20b\n')
    expect(say(neutralJson('stats', { lock_count: 1, words: 'a, b' }))).toBe('stats,{"lock_count":1,"words":"a, b"}\n')
    expect(say(plainError('no quorum, or\nok'))).toBe('err,no quorum, or ok\n')
  })

  it('that claim something are taken by nobody but the one who looks first', () => {
    const word: string = 'ok'
    // @ts-expect-error a claim passes for no neutral reply …
    say(positive('alive'))
    // @ts-expect-error … nor does a word that is written by hand,
    say('ok\n')
    // @ts-expect-error or one that is made under a false name,
    say(neutral('queued'))
    // @ts-expect-error or that nobody knows before it is said,
    say(neutral(word))
    // @ts-expect-error or one among others,
    say(neutral(word as 'err' | 'safe'))
    // @ts-expect-error or inside of another,
    say(joined(neutral('err'), positive('ok')))
    // @ts-expect-error or that is glued to something harmless.
    say(`${neutral('err')}${positive('ok')}`)
    // @ts-expect-error JSON is no exception.
    say(neutralJson('held', {}))
    // @ts-expect-error What claims nothing is not spoken either: it would be kept back without a reason.
    speak(neutral('err'))
    // @ts-expect-error Positive words are a closed list.
    speak(positive('released'))
    expect(POSITIVE_WORDS).toContain(word)
  })

  it('are made in one place, and written to a client in one place', () => {
    const src = fileURLToPath(new URL('../../src/', import.meta.url))
    const files = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.ts'))
    const having = (pattern: RegExp, folder = ''): string[] =>
      files.filter((file) => file.startsWith(folder) && pattern.test(readFileSync(join(src, file), 'utf8')))
    expect(having(/\bas (Positive|Neutral)?Reply\b/)).toEqual(['protocol/replies.ts'])
    expect(having(/socket\.write\(/, 'service/')).toEqual(['service/dialects/connection.ts'])
  })
})
