import { type ConfChangeSingle, ConfChangeType } from '../types.js'

const TYPE_OF_LETTER: Readonly<Record<string, ConfChangeType>> = {
  v: ConfChangeType.addNode,
  l: ConfChangeType.addLearnerNode,
  r: ConfChangeType.removeNode,
  u: ConfChangeType.updateNode,
}
const LETTER_OF_TYPE = { 0: 'v', 1: 'r', 2: 'u', 3: 'l' } as const satisfies Record<ConfChangeType, string>

/** Reads `v1 l2 r3 u4`: make 1 a voter and 2 a learner, remove 3, update 4. */
export function parseConfChanges(text: string): ConfChangeSingle[] {
  return text.split(' ').filter(Boolean).map(parseOne)
}

function parseOne(token: string): ConfChangeSingle {
  if (token.length < 2) throw new Error(`unknown token ${token}`)
  const type = TYPE_OF_LETTER[token.charAt(0)]
  if (type === undefined) throw new Error(`unknown input: ${token}`)
  const nodeId = Number(token.slice(1))
  if (!/^\d+$/.test(token.slice(1)) || !Number.isSafeInteger(nodeId)) throw new Error(`not a member id: ${token}`)
  return { type, nodeId }
}

/** The inverse of `parseConfChanges`. */
export function printConfChanges(changes: readonly ConfChangeSingle[]): string {
  return changes.map(({ type, nodeId }) => `${LETTER_OF_TYPE[type]}${nodeId}`).join(' ')
}
