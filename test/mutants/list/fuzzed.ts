/** What only shows once enough was fed: things that stay behind, names that are taken for others, and what is told to strangers. */
import { edit, type Mutant } from '../mutant.js'

const killedBy = (test: string) => ({ rule: 'own', killers: ['tests'], tests: [test] }) as const
const fuzzed = killedBy('test/fuzz/fuzz.test.ts')
const wholeNode = killedBy('test/fuzz/whole-node.test.ts')

export const FUZZED: readonly Mutant[] = [
  {
    ...fuzzed,
    id: 'T930',
    title: 'connections that are gone are kept',
    edits: [edit('src/service/lock-service.ts', '    this.#connections.delete(connection)\n', '')],
  },
  {
    ...fuzzed,
    id: 'T931',
    title: 'attachments that are gone are kept',
    edits: [edit('src/service/sessions/attachments.ts', '    this.#attachments.delete(attachment.conn)\n', '')],
  },
  {
    ...fuzzed,
    id: 'T932',
    title: 'a quoted name in a certificate is read with its quotes',
    edits: [edit('src/sockets/tls/subject.ts', `value.startsWith('"') ? unquoted(value) : value`, 'value')],
    tests: ['test/sockets/subject.test.ts'],
  },
  {
    ...fuzzed,
    id: 'T933',
    title: 'whoever comes to nothing before the first line keeps the connection',
    edits: [
      edit(
        'src/sockets/handshakes.ts',
        '    this.#finish(null)\n    this.tcp.destroy()\n  }\n\n  // ---',
        '    this.#finish(null)\n  }\n\n  // ---',
      ),
    ],
    tests: ['test/sockets/tls.test.ts'],
  },
  {
    ...wholeNode,
    id: 'T934',
    title: 'a listing names locks that its reader may not see',
    edits: [edit('src/service/reads/listings.ts', 'sees.has(name) && (pattern', 'sees !== null && (pattern')],
  },
]
