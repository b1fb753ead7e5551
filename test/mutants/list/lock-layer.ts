/** Bugs of the lock state machine. */
import type { Mutant } from '../mutant.js'

const GRANTS = 'src/locks/table/grants.ts'
const RELEASE = 'src/locks/table/release.ts'
const REQUESTS = 'src/locks/table/requests.ts'

export const LOCK_LAYER: readonly Mutant[] = [
  {
    id: 'M69',
    title: 'a release frees the lock whoever holds it, under whatever token',
    rule: 'others',
    edits: [
      {
        file: RELEASE,
        find: 'if (lock === undefined || lock.holder !== session) {',
        replace: 'if (lock === undefined || lock.holder === null) {',
      },
      {
        file: RELEASE,
        find: '} else if (token !== 0 && token !== lock.token) {',
        replace: '} else if (token < 0) {',
      },
    ],
  },
  {
    id: 'M72',
    title: 'a repeated request is carried out again',
    rule: 'others',
    edits: [
      {
        file: REQUESTS,
        find: '  if (waiting === null) return admit(context, session, request)',
        replace: '  if (waiting === null) {\n    admit(context, session, request)\n    return true\n  }',
      },
    ],
  },
  {
    id: 'M72b',
    title: 'a late duplicate of an opening opens again',
    rule: 'others',
    edits: [
      {
        file: 'src/locks/state/sessions.ts',
        find: 'if (header.conn < place.floor || place.opened.has(header.conn)) return null',
        replace: '',
      },
    ],
  },
  {
    id: 'M73',
    title: 'tokens come from a counter of the process, not from the replicated one',
    rule: 'others',
    edits: [
      {
        file: GRANTS,
        find: '  lock.token = context.state.draw(context.index)',
        replace: `  const local = (localTokens.get(context.state) ?? 0) + 1
  localTokens.set(context.state, local)
  lock.token = local`,
      },
      {
        file: GRANTS,
        find: '\nexport function grant(',
        replace: '\nconst localTokens = new WeakMap<object, number>()\n\nexport function grant(',
      },
    ],
  },
]
