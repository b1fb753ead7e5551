/** Auth files with something changed: each is read, or refused with places and words, and no secret is repeated. */
import { readAuth } from '../../../src/server/access/auth-schema.js'
import { nobody } from '../../../src/service/access/caller.js'
import { FilePolicy } from '../../../src/service/access/file-policy.js'
import type { SeededRandom } from '../../../src/testing/seeded-random.js'
import { damaged, freeText, nameText, numberText } from '../values.js'

const SECRET = `tnl_${'s3cr3t'.repeat(7)}x`

function value(random: SeededRandom): string {
  const odd = ['{', '[', '- a', '&a [*a]', '*a', '!!binary x', '~', '"', '? ', 'null', '2026-01-01', '<<: *a', '']
  return random.pick([
    ...[
      `[lock, see]`,
      'see',
      '[lock, see, break]',
      '[members, transfer]',
      `['sha256:${'a'.repeat(64)}']`,
      `[${SECRET}]`,
    ],
    ...[freeText(random), nameText(random), numberText(random), random.pick(odd)],
  ])
}

function drawn(random: SeededRandom): string {
  const lines = ['identities:']
  for (let at = random.int(4); at > 0; at--) {
    lines.push(`  ${random.pick(['ci', 'a.b', SECRET, 'anonymous', `'${nameText(random)}'`])}:`)
    for (const key of ['tokens', 'certificates', 'cluster', random.pick(['tokns', SECRET, '? x'])]) {
      if (random.chance(0.4)) lines.push(`    ${key}: ${value(random)}`)
    }
    lines.push(random.chance(0.3) ? '    may: &a' : '    may:')
    for (let rules = random.int(4); rules > 0; rules--) lines.push(`      '${nameText(random)}': ${value(random)}`)
  }
  if (random.chance(0.5)) lines.push(`anonymous: { may: { '': ${value(random)} } }`)
  if (random.chance(0.5)) {
    const rule = random.pick(['max-hold', 'metadata', 'modes', 'max-waiters'])
    lines.push(`policies: { '${nameText(random)}': { ${rule}: ${value(random)} } }`)
  }
  return `${lines.join('\n')}\n`
}

/** What was read, and what is wrong with how it was read; null: nothing. */
export function tryAuthText(random: SeededRandom): { readonly text: string; readonly complaint: string | null } {
  const bytes = Buffer.from(drawn(random))
  const text = Buffer.from(random.chance(0.3) ? damaged(random, bytes) : bytes).toString('utf8')
  const read = readAuth(text)
  if ('problems' in read) {
    const words = read.problems.map((problem) => problem.text).join('\n')
    if (read.problems.length === 0) return { text, complaint: 'refused without a word' }
    if (read.problems.some(({ line, column }) => line < 1 || column < 1)) return { text, complaint: 'no place' }
    // A word of the file may be repeated.
    if (/undefined|\[object/.test(words) && !text.includes('undefined')) return { text, complaint: words }
    // Damage may have cut it into pieces that nobody could know for what they are.
    return { text, complaint: words.includes(SECRET) ? `a secret is repeated: ${words}` : null }
  }
  const policy = new FilePolicy(read.data, false)
  for (const caller of [nobody(false), ...read.data.identities.map(({ id }) => ({ ...nobody(false), id }))]) {
    const name = nameText(random)
    if (policy.refusalUnder(caller, 'see', name) === null && policy.refusal(caller, 'see', `${name}x`) !== null) {
      return { text, complaint: `${caller.id} may see all under ${name}, and not ${name}x` }
    }
  }
  return { text, complaint: null }
}
