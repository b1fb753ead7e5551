/** Who may what (ADR 39): the policy, its file, HTTP, the audit. */
import { edit, type Mutant } from '../mutant.js'

const POLICY = 'src/service/access/file-policy.ts'
const AUDIT = 'src/server/access/audit-file.ts'
const HTTP = 'src/server/http/http-access.ts'

const killedBy = (test: string) => ({ rule: 'own', killers: ['tests'], tests: [test] }) as const
const policy = killedBy('test/service/access/file-policy.test.ts')
const attempts = killedBy('test/service/access/failed-attempts.test.ts')
const files = killedBy('test/server/config/watched-files.test.ts')
const authFile = killedBy('test/server/access/auth-file.test.ts')
const schema = killedBy('test/server/access/auth-schema.test.ts')
const audit = killedBy('test/server/access/audit-file.test.ts')
const http = killedBy('test/server/http/http-access.test.ts')

export const WHO_MAY_WHAT: readonly Mutant[] = [
  {
    ...policy,
    id: 'T840',
    title: 'the shortest prefix counts, not the longest',
    edits: [edit('src/service/access/prefix-map.ts', '.sort((a, b) => b - a)', '.sort((a, b) => a - b)')],
  },
  {
    ...policy,
    id: 'T841',
    title: 'what is asked of a whole prefix does not look at longer rules',
    edits: [
      edit(POLICY, '      if (value.has(verb)) continue\n', '      if (value.has(verb) || verb !== null) continue\n'),
    ],
  },
  {
    ...policy,
    id: 'T842',
    title: 'a token that was taken away is still one',
    edits: [
      edit(POLICY, 'return this.#tokens.has(evidence, id)', 'return this.#tokens.has(evidence, id) || id !== null'),
    ],
  },
  {
    ...policy,
    id: 'T843',
    title: 'whoever shows a wrong token beside a certificate that is known is let in',
    edits: [edit(POLICY, '      return found === null ? null : {', '      if (found !== null) return {')],
  },
  {
    ...policy,
    id: 'T844',
    title: '--admin off does not win over the file',
    edits: [
      edit(
        POLICY,
        "  refusalUnder(caller: Caller, verb: LockVerb, prefix: string): string | null {\n    if (verb === 'break' && this.isAdminOff) return ADMIN_OFF_TEXT\n",
        '  refusalUnder(caller: Caller, verb: LockVerb, prefix: string): string | null {\n',
      ),
    ],
  },
  {
    ...attempts,
    id: 'T845',
    title: 'in a flood of wrong tokens the newest is answered, and the oldest waits on',
    edits: [
      edit(
        'src/service/access/failed-attempts.ts',
        'const [oldest] = this.#waiting.keys()',
        'const oldest = [...this.#waiting.keys()].at(-1)',
      ),
    ],
  },
  {
    ...files,
    id: 'T846',
    title: 'a file is read while it is still being written',
    edits: [
      edit('src/server/config/watched-files.ts', 'const isSettled = now === watched.seen', 'const isSettled = true'),
    ],
  },
  {
    ...authFile,
    id: 'T847',
    title: 'an auth file that cannot be read any more takes all rights away',
    edits: [
      edit(
        'src/server/access/auth-file.ts',
        '      this.#isBad = true\n      this.#failed(',
        '      this.#data = { ...this.#data, identities: [] }\n      this.#isBad = true\n      this.#failed(',
      ),
    ],
  },
  {
    ...schema,
    id: 'T848',
    title: 'a token that stands where its hash belongs is told in full',
    edits: [edit('src/server/access/yaml-reader.ts', "text.replace(/tnl_\\w+|\\w{32,}/g, '…')", 'text')],
  },
  {
    ...audit,
    id: 'T849',
    title: 'lines of the audit that a full disk did not take are not counted',
    edits: [edit(AUDIT, 'return this.#output.droppedLines\n', 'return 0\n')],
  },
  {
    ...http,
    id: 'T850',
    title: 'names of strangers that lead to this machine are answered (DNS rebinding)',
    edits: [edit(HTTP, 'host === undefined || isOwnHost(host, advertise)', 'host === undefined || advertise !== null')],
  },
  {
    ...http,
    id: 'T851',
    title: 'streams go on though somebody else may look now',
    edits: [edit('src/server/http/http-port.ts', '      for (const stream of this.#streams) stream.drop()\n', '')],
  },
  {
    ...http,
    id: 'T852',
    title: 'numbers of all locks are told to whoever sees some',
    edits: [
      edit(
        'src/server/http/shown-to.ts',
        '  if (visible.isAll) return report\n',
        '  if (visible !== null) return report\n',
      ),
    ],
  },
]
