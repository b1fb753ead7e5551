/** Bugs of the lock state machine. */
import type { Mutant } from '../mutant.js'

export const LOCK_LAYER: readonly Mutant[] = [
  {
    id: 'M69',
    title: 'a release frees the lock whoever holds it, under whatever token',
    rule: 'others',
    edits: [
      {
        file: 'src/locks/table/release.ts',
        find: 'if (hold !== null && hold.session === session) return hold',
        replace: 'if (hold !== null) return hold',
      },
      {
        file: 'src/locks/table/release.ts',
        find: 'if (hold.session === session) found.push(hold)',
        replace: 'found.push(hold)',
      },
    ],
  },
  {
    id: 'M72',
    title: 'a repeated request is carried out again',
    rule: 'others',
    edits: [
      {
        file: 'src/locks/table/queue.ts',
        find: '  if (waiting === null) return admit(context, session, request, names)',
        replace: '  if (waiting === null) {\n    admit(context, session, request, names)\n    return true\n  }',
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
        file: 'src/locks/table/grants.ts',
        find: 'new Hold(lock, state.draw(index), amount',
        replace: 'new Hold(lock, localToken(state), amount',
      },
      {
        file: 'src/locks/table/grants.ts',
        find: '\nexport function grant(',
        replace:
          '\nconst localTokens = new WeakMap<object, number>()\n\nfunction localToken(state: object): number {\n  const local = (localTokens.get(state) ?? 0) + 1\n  localTokens.set(state, local)\n  return local\n}\n\nexport function grant(',
      },
    ],
  },
]
