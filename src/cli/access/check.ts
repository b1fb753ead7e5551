/** `tnl auth check FILE`: whether a node would take the file, and who may what by it. */
import { problemsText, readAuthFile } from '../../server/access/auth-file.js'
import { type Caller, nobody } from '../../service/access/caller.js'
import { FilePolicy } from '../../service/access/file-policy.js'
import type { PolicyData, Rights } from '../../service/access/policy-data.js'
import { CLUSTER_VERBS, type ClusterVerb, type LockVerb } from '../../service/access/verbs.js'
import { CommandFailure } from '../shared/command-failure.js'
import { TnlExit } from '../shared/exit-statuses.js'
import { formatTable } from '../shared/table.js'

export interface CheckOptions {
  readonly identity?: string
  readonly verb?: LockVerb | ClusterVerb
  readonly name?: string
  readonly prefix?: string
  readonly json?: boolean
}

const ANONYMOUS = 'anonymous'

export async function checkAuth(file: string, options: CheckOptions): Promise<void> {
  const read = await readAuthFile(file)
  if ('problems' in read) {
    if (options.json === true) print({ file, problems: read.problems })
    throw new CommandFailure(TnlExit.failed, problemsText(file, read.problems))
  }
  const { data, notes } = read
  if (options.verb !== undefined) answer(data, options.verb, options)
  else if (options.json === true) print({ file, hash: data.hash, identities: rowsOf(data), notes })
  else show(data, notes, options.identity)
}

/** Whether somebody may do one thing. */
function answer(data: PolicyData, verb: LockVerb | ClusterVerb, options: CheckOptions): void {
  const caller = callerOf(data, options.identity ?? ANONYMOUS)
  const refusal = refusalOf(new FilePolicy(data, false), caller, verb, options)
  const allowed = refusal === null
  if (options.json === true) print({ allowed, reason: refusal })
  else if (allowed) process.stdout.write('yes\n')
  if (!allowed) throw new CommandFailure(TnlExit.refused, refusal)
}

function refusalOf(
  policy: FilePolicy,
  caller: Caller,
  verb: LockVerb | ClusterVerb,
  { name, prefix }: CheckOptions,
): string | null {
  if (isClusterVerb(verb)) {
    if (name !== undefined || prefix !== undefined) throw usage(`${verb} is about the cluster: no --name or --prefix`)
    return policy.refusalOfCluster(caller, verb)
  }
  if (name !== undefined && prefix === undefined) return policy.refusal(caller, verb, name)
  if (prefix !== undefined && name === undefined) return policy.refusalUnder(caller, verb, prefix)
  throw usage(`${verb} is about locks: which --name, or all names of which --prefix?`)
}

const isClusterVerb = (verb: LockVerb | ClusterVerb): verb is ClusterVerb =>
  CLUSTER_VERBS.some((candidate) => candidate === verb)

function callerOf(data: PolicyData, id: string): Caller {
  if (id === ANONYMOUS) return nobody(false)
  if (!data.identities.some((identity) => identity.id === id)) throw usage(`--identity ${id}: the file has none`)
  return { id, proof: 'token', evidence: '', isLocal: false }
}

function show(data: PolicyData, notes: readonly string[], only: string | undefined): void {
  if (only !== undefined) callerOf(data, only)
  const rows = rowsOf(data).filter(({ identity }) => only === undefined || identity === only)
  const table = rows.flatMap(({ identity, tokens, certificates, may, cluster }) => {
    const rules = Object.entries(may).map(([prefix, verbs]) => `${prefix === '' ? '(all)' : prefix} ${verbs.join(',')}`)
    const lines = [...rules, ...(cluster.length === 0 ? [] : [`cluster: ${cluster.join(',')}`])]
    const proofs = identity === ANONYMOUS ? ['', ''] : [String(tokens), certificates.join(' ')]
    return [[identity, ...proofs, lines[0] ?? 'nothing'], ...lines.slice(1).map((line) => ['', '', '', line])]
  })
  process.stdout.write(
    `${formatTable(['IDENTITY TOKENS CERTIFICATES MAY'.split(' '), ...table])}\n\nfile ${data.hash}\n`,
  )
  for (const note of notes) process.stderr.write(`${note}\n`)
}

interface Row {
  readonly identity: string
  /** How many. */
  readonly tokens: number
  readonly certificates: readonly string[]
  readonly may: Readonly<Record<string, readonly LockVerb[]>>
  readonly cluster: readonly ClusterVerb[]
}

function rowsOf({ identities, anonymous }: PolicyData): readonly Row[] {
  const rowOf = (identity: string, { may, cluster }: Rights, tokens: number, certificates: readonly string[]): Row => ({
    identity,
    tokens,
    certificates,
    may: Object.fromEntries([...may].map(([prefix, verbs]) => [prefix, [...verbs]])),
    cluster: [...cluster],
  })
  return [
    ...identities.map((each) => rowOf(each.id, each, each.tokenHashes.length, each.certificateNames)),
    rowOf(ANONYMOUS, anonymous, 0, []),
  ]
}

const print = (value: unknown): void => void process.stdout.write(`${JSON.stringify(value)}\n`)

const usage = (text: string): CommandFailure => new CommandFailure(TnlExit.usage, text)
