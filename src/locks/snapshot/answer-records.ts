/** The stored answers of a session as bytes. Under level 1 there are fewer kinds, and a grant is of one name. */
import type { ByteReader } from '../../bytes/reader.js'
import type { ByteWriter } from '../../bytes/writer.js'
import { BASE_LEVEL } from '../../feature-level.js'
import { invariant } from '../../invariant.js'
import type { RequestId } from '../commands/commands.js'
import type { Answer, AnswerErrorCode, CycleStep, Grant, RefusalReason } from '../effects.js'

// The numbers of words are their places here: new ones come last.
const ERROR_CODES: readonly AnswerErrorCode[] = [
  'deadlock',
  'not-holder',
  'limit',
  'limit-mismatch',
  'bad-request',
  'permits',
]
const REASONS: readonly RefusalReason[] = ['held', 'timeout', 'cancelled', 'queued', 'delayed', 'frozen']
const ENDINGS: readonly Grant['ended'][] = [null, 'released', 'lease-expired', 'forced', 'ttl']
const KINDS: readonly Answer['kind'][] = [
  'granted',
  'not-granted',
  'released',
  'cancelled',
  'error',
  'done',
  'forced',
  'resized',
  'frozen',
  'thawed',
  'forgotten',
  'deadlock',
]

export function sortedAnswers(answers: ReadonlyMap<RequestId, Answer>): [RequestId, Answer][] {
  return [...answers].sort(([a], [b]) => a - b)
}

export function writeAnswer(out: ByteWriter, answer: Answer, level: number): void {
  out.byte(KINDS.indexOf(answer.kind))
  switch (answer.kind) {
    case 'granted':
      writeGrants(out, answer.grants, level)
      break
    case 'not-granted':
      out.text(answer.name)
      out.byte(REASONS.indexOf(answer.reason))
      out.text(answer.holder)
      if (level === BASE_LEVEL) break
      out.varint(answer.holders)
      out.varint(answer.forMs)
      out.text(answer.message)
      break
    case 'released':
      out.text(answer.name)
      break
    case 'cancelled':
      break
    case 'error':
      out.byte(ERROR_CODES.indexOf(answer.code))
      out.text(answer.message)
      break
    case 'done':
      out.text(answer.key)
      out.wide(answer.sinceWallMs)
      out.text(answer.holder)
      break
    case 'forced':
      out.text(answer.name)
      out.wide(answer.token)
      out.varint(answer.withinMs)
      break
    case 'resized':
      out.text(answer.name)
      out.varint(answer.limit)
      break
    case 'frozen':
    case 'thawed':
      out.text(answer.prefix)
      break
    case 'forgotten':
      out.text(answer.key)
      break
    case 'deadlock':
      writeSteps(out, answer.steps)
      out.bool(answer.isCut)
      break
  }
}

function writeGrants(out: ByteWriter, grants: readonly Grant[], level: number): void {
  if (level === BASE_LEVEL) {
    const [only] = grants
    invariant(only !== undefined, 'a grant is of a name')
    out.text(only.name)
    out.wide(only.token)
    return
  }
  out.varint(grants.length)
  for (const { name, token, limit, ended } of grants) {
    out.text(name)
    out.wide(token)
    out.varint(limit)
    out.byte(ENDINGS.indexOf(ended))
  }
}

function writeSteps(out: ByteWriter, steps: readonly CycleStep[]): void {
  out.varint(steps.length)
  for (const { who, name } of steps) {
    out.text(who)
    out.text(name)
  }
}

function readSteps(input: ByteReader): CycleStep[] {
  const steps: CycleStep[] = []
  for (let left = input.varint(); left > 0; left--) steps.push({ who: input.text(), name: input.text() })
  return steps
}

export function readAnswer(input: ByteReader, level: number): Answer {
  const kind = pick(input, KINDS)
  switch (kind) {
    case 'granted':
      return { kind, grants: readGrants(input, level) }
    case 'not-granted': {
      const bare = { kind, name: input.text(), reason: pick(input, REASONS), holder: input.text() }
      if (level === BASE_LEVEL) return { ...bare, holders: 0, forMs: 0, message: '' }
      return { ...bare, holders: input.varint(), forMs: input.varint(), message: input.text() }
    }
    case 'released':
      return { kind, name: input.text() }
    case 'cancelled':
      return { kind }
    case 'error':
      return { kind, code: pick(input, ERROR_CODES), message: input.text() }
    case 'done':
      return { kind, key: input.text(), sinceWallMs: input.wide(), holder: input.text() }
    case 'forced':
      return { kind, name: input.text(), token: input.wide(), withinMs: input.varint() }
    case 'resized':
      return { kind, name: input.text(), limit: input.varint() }
    case 'frozen':
    case 'thawed':
      return { kind, prefix: input.text() }
    case 'forgotten':
      return { kind, key: input.text() }
    case 'deadlock':
      return { kind, steps: readSteps(input), isCut: input.bool() }
  }
}

function readGrants(input: ByteReader, level: number): Grant[] {
  if (level === BASE_LEVEL) return [{ name: input.text(), token: input.wide(), limit: 0, ended: null }]
  const grants: Grant[] = []
  for (let left = input.varint(); left > 0; left--) {
    grants.push({ name: input.text(), token: input.wide(), limit: input.varint(), ended: pick(input, ENDINGS) })
  }
  return grants
}

export function pick<T>(input: ByteReader, words: readonly T[]): T {
  const word = words[input.byte()]
  return word === undefined ? input.fail('an unknown word') : word
}
