/** What a review of the doors has found: amounts, other people's names, files and clients that stand still. */
import { edit, type Mutant } from '../mutant.js'

const killedBy = (test: string) => ({ rule: 'own', killers: ['tests'], tests: [test] }) as const

export const DOORS: readonly Mutant[] = [
  {
    ...killedBy('test/service/access/file-policy.test.ts'),
    id: 'T970',
    title: 'a lock that may be held for a minute can be kept from others for a day by the tail that it leaves',
    edits: [edit('src/service/access/name-rules.ts', 'if (minHoldMs > maxMs)', 'if (minHoldMs > maxMs && maxMs < 0)')],
  },
  {
    ...killedBy('test/service/dialects/rights.test.ts'),
    id: 'T971',
    title: 'nobody reads of what the rules for names refuse',
    edits: [
      edit(
        'src/service/dialects/requests/name-rules.ts',
        "    audit.record({ caller, remote, action: 'lock', name, result: 'refused', reason: refusal.text })\n",
        '',
      ),
    ],
  },
  {
    ...killedBy('test/server/http/lock-metrics.test.ts'),
    id: 'T972',
    title: 'whoever sees team/ is told the numbers of team2/',
    edits: [edit('src/server/http/prefix-labels.ts', 'return hasAllUnder(label)', "return hasAllUnder(label + '/')")],
  },
  {
    ...killedBy('test/service/dialects/access.test.ts'),
    id: 'T973',
    title: 'whoever shows wrong tokens has the places of those who have right ones',
    edits: [edit('src/service/dialects/connection.ts', '    this.socket.makeWay()\n', '')],
  },
  {
    ...killedBy('test/server/config/watched-files.test.ts'),
    id: 'T974',
    title: 'a disk with certificates that hangs keeps a token from being taken away',
    edits: [
      edit(
        'src/server/config/watched-files.ts',
        'const timer = this.deps.clock.after(WATCHED_FILES_PATIENCE_MS, resolve)',
        'const timer = this.deps.clock.after(WATCHED_FILES_PATIENCE_MS, () => undefined)',
      ),
    ],
  },
  {
    ...killedBy('test/server/config/watched-files.test.ts'),
    id: 'T975',
    title: 'a new auth file that could not be read once is never read',
    edits: [edit('src/server/config/watched-files.ts', 'watched.retryInLooks -= 1', 'watched.retryInLooks -= 0')],
  },
  {
    ...killedBy('test/server/access/audit-file.test.ts'),
    id: 'T976',
    title: 'how often somebody was refused is never told, if another was refused a moment before',
    edits: [edit('src/server/access/audit-file.ts', 'if (this.#repeats.kindCount > 0) this.#tellLater()', '')],
  },
  {
    ...killedBy('test/sockets/tls.test.ts'),
    id: 'T977',
    title: 'who goes on with a session of TLS in which no certificate was shown counts as one with a certificate',
    edits: [edit('src/sockets/tls/subject.ts', 'return Object.keys(certificate).length === 0 ? null : ', 'return ')],
  },
  {
    ...killedBy('test/sockets/handshakes.test.ts'),
    id: 'T978',
    title: 'a stranger behind a relay keeps out all others behind it',
    edits: [
      edit('src/sockets/handshakes.ts', 'return this.#header?.client?.host ?? this.address', 'return this.address'),
    ],
  },
  {
    ...killedBy('test/service/dialects/access.test.ts'),
    id: 'T979',
    title: 'why tells when a lock ends that may not be seen',
    edits: [edit('src/locks/views/why.ts', '      this.free = null\n      return\n', '      return\n')],
  },
]
