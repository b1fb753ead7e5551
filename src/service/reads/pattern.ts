/** `match`: a regular expression of RE2's syntax for the whole name, which takes linear time whatever it says (ADR 31). */
import { RE2JS, RE2JSException } from 're2js'
import { PATTERN_MAX_CHARS, PATTERN_MAX_INSTRUCTIONS } from '../limits.js'

export interface Pattern {
  matches(name: string): boolean
}

/** Or the words for what is wrong with it. */
export function compilePattern(
  text: string,
): Pattern | { readonly code: 'bad-request' | 'limit'; readonly why: string } {
  if (text.length > PATTERN_MAX_CHARS) return { code: 'limit', why: `match: at most ${PATTERN_MAX_CHARS} characters` }
  try {
    const compiled = RE2JS.compile(text)
    if (compiled.programSize() > PATTERN_MAX_INSTRUCTIONS) {
      return { code: 'limit', why: 'match: this pattern is too large; name fewer repetitions or alternatives' }
    }
    return { matches: (name) => compiled.matches(name) }
  } catch (error) {
    if (!(error instanceof RE2JSException)) throw error
    return { code: 'bad-request', why: `match: ${error.message}` }
  }
}
