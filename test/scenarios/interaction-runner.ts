/**
 * Runs scenario files of whole groups: the grammar of etcd-raft's interaction tests, without log lines.
 * Beyond it, for this project's own files: `read-index ID CONTEXT`, `restart ID` (a crash and a new start),
 * `deliver-msgs … keep=true` (the network keeps copies and delivers them again later),
 * `add-nodes … max-size-per-msg=BYTES` (0: appends carry one entry each) and `eager-vote-requests=false` (as the real
 * node, unlike etcd, has it).
 */

import { ReadOnlyOption } from '../../src/raft/core/config.js'
import { CompactedError, SnapshotOutOfDateError } from '../../src/raft/core/errors.js'
import {
  ConfChangeTransition,
  type ConfState,
  EMPTY_BYTES,
  EMPTY_CONF_STATE,
  EntryType,
  type RaftId,
  type Snapshot,
} from '../../src/raft/core/types.js'
import {
  boolArg,
  type Directive,
  findArg,
  type Handler,
  intArg,
  parseInteger,
  type RunResult,
  runFile,
  runOwnFile,
  stringArg,
} from './datadriven.js'
import { msgTypeByName } from './describe.js'
import { InteractionEnv, type Recipient } from './interaction-env.js'
import { type ConfigTemplate, EMPTY_SNAPSHOT } from './interaction-node.js'
import { CommandError } from './interaction-output.js'
import { parseConfChanges } from './notation.js'

const LOG_LINE = /^\s*(DEBUG|INFO|WARN|ERROR|FATAL) /

/** Runs one of etcd's files. */
export function run(path: string): RunResult {
  return runFile(path, interactionHandler(), withoutLogLines)
}

/** Runs one of this project's files; UPDATE_SCENARIOS=1 rewrites it. */
export function runOwn(path: string): RunResult {
  return runOwnFile(path, interactionHandler(), withoutLogLines)
}

/** What is compared. A command that only logs, or says nothing at all (`ok`), is empty. */
function withoutLogLines(output: string): string {
  const lines = output.split('\n').filter((line) => !LOG_LINE.test(line))
  const text = lines.join('\n')
  return text === 'ok\n' ? '' : text
}

/** A handler with a group of its own, for the commands of one file. */
export function interactionHandler(): Handler {
  const env = new InteractionEnv()
  return (directive) => {
    env.output.take()
    try {
      perform(env, directive)
    } catch (error) {
      if (!isRefusal(error)) throw error
      if (env.output.quiet) return error.message
      env.output.write(error.message)
    }
    return env.output.take() || 'ok'
  }
}

/** What the scenario is told, as opposed to what makes it fail. */
function isRefusal(error: unknown): error is Error {
  return error instanceof CommandError || error instanceof CompactedError || error instanceof SnapshotOutOfDateError
}

const COMMANDS: Readonly<Record<string, (env: InteractionEnv, directive: Directive) => void>> = {
  _breakpoint: () => {},
  'add-nodes': addNodes,
  campaign: (env, d) => env.node(firstId(d)).raw.campaign(),
  compact: (env, d) => env.compact(firstId(d), positional(d, 1)),
  'deliver-msgs': deliverMessages,
  'process-ready': (env, d) => forEachId(env, d, 'handling Ready', (id) => env.processReady(id)),
  'process-append-thread': (env, d) =>
    forEachId(env, d, 'processing append thread', (id) => env.processAppendThread(id)),
  'process-apply-thread': (env, d) => forEachId(env, d, 'processing apply thread', (id) => env.processApplyThread(id)),
  'log-level': (env, d) => env.output.setLevel(d.args[0]?.key ?? ''),
  'raft-log': (env, d) => env.raftLog(firstId(d)),
  'raft-state': (env) => env.raftState(),
  'set-randomized-election-timeout': (env, d) =>
    env.node(firstId(d)).raw.setRandomizedElectionTimeout(required(intArg(d, 'timeout'), 'timeout')),
  stabilize,
  status: (env, d) => env.status(firstId(d)),
  'tick-election': (env, d) => tick(env, firstId(d), env.node(firstId(d)).electionTick),
  'tick-heartbeat': (env, d) => tick(env, firstId(d), env.node(firstId(d)).heartbeatTick),
  'transfer-leadership': (env, d) =>
    env.node(required(intArg(d, 'from'), 'from')).raw.transferLeader(required(intArg(d, 'to'), 'to')),
  'forget-leader': (env, d) => env.node(firstId(d)).raw.forgetLeader(),
  'send-snapshot': (env, d) => env.sendSnapshot(firstId(d), positional(d, 1)),
  propose,
  'propose-conf-change': proposeConfChange,
  'report-unreachable': (env, d) => env.node(firstId(d)).raw.reportUnreachable(positional(d, 1)),
  'read-index': (env, d) => env.node(firstId(d)).raw.readIndex(encode(d.args[1]?.key ?? '')),
  restart: (env, d) => env.restart(firstId(d)),
}

function perform(env: InteractionEnv, directive: Directive): void {
  const command = COMMANDS[directive.cmd]
  if (command === undefined) throw new CommandError('unknown command')
  command(env, directive)
}

// ----------------------------------------------------------------------------------------------- commands

function addNodes(env: InteractionEnv, d: Directive): void {
  const confState: ConfState = {
    ...EMPTY_CONF_STATE,
    voters: findArg(d, 'voters')?.vals.map(parseInteger) ?? [],
    learners: findArg(d, 'learners')?.vals.map(parseInteger) ?? [],
  }
  const index = intArg(d, 'index') ?? 0
  const content = stringArg(d, 'content') ?? ''
  const isEmpty = confState.voters.length === 0 && confState.learners.length === 0 && index === 0 && content === ''
  // Index 1 belongs to the membership that the nodes are given.
  if (!isEmpty && index <= 1) throw new CommandError('index must be specified as > 1 due to bootstrap')
  const bootstrap: Snapshot = { metadata: { index, term: 1, confState }, data: encode(content) }
  env.addNodes(firstId(d), configOf(d), isEmpty ? EMPTY_SNAPSHOT : bootstrap)
}

function configOf(d: Directive): ConfigTemplate {
  const maxSize = intArg(d, 'max-size-per-msg')
  const maxCommitted = intArg(d, 'max-committed-size-per-ready')
  return {
    electionTick: 3,
    heartbeatTick: 1,
    // The longest election timeouts: a scenario that wants others sets them.
    randomInt: (bound) => bound - 1,
    maxInflightMsgs: intArg(d, 'inflight') ?? Number.MAX_SAFE_INTEGER,
    asyncStorageWrites: boolArg(d, 'async-storage-writes') ?? false,
    eagerVoteRequests: boolArg(d, 'eager-vote-requests') ?? true,
    preVote: boolArg(d, 'prevote') ?? false,
    checkQuorum: boolArg(d, 'checkquorum') ?? false,
    ...(maxSize === undefined ? {} : { maxSizePerMsg: maxSize }),
    ...(maxCommitted === undefined ? {} : { maxCommittedSizePerReady: maxCommitted }),
    disableConfChangeValidation: boolArg(d, 'disable-conf-change-validation') ?? false,
    readOnlyOption: readOnlyOption(stringArg(d, 'read-only') ?? ReadOnlyOption.safe),
    stepDownOnRemoval: boolArg(d, 'step-down-on-removal') ?? false,
  }
}

function readOnlyOption(name: string): ReadOnlyOption {
  const option = Object.values(ReadOnlyOption).find((known) => known === name)
  if (option === undefined) throw new CommandError(`invalid read-only option "${name}"`)
  return option
}

function deliverMessages(env: InteractionEnv, d: Directive): void {
  const recipients: Recipient[] = []
  for (const { key, vals } of d.args) {
    if (vals.length === 0) recipients.push({ id: parseInteger(key), drop: false })
    if (key === 'drop') recipients.push(...vals.map((id) => ({ id: parseInteger(id), drop: true })))
  }
  const ids = recipients.map(({ id }) => id)
  if (new Set(ids).size !== ids.length) throw new Error("can't both deliver and drop messages to one node")
  const name = stringArg(d, 'type')
  const type = name === undefined ? null : msgTypeByName(name)
  if (name !== undefined && type === null) throw new Error(`unknown message type ${name}`)
  if (env.deliver(recipients, type, boolArg(d, 'keep') ?? false) === 0) env.output.line('no messages')
}

function stabilize(env: InteractionEnv, d: Directive): void {
  const listed = idsOf(d)
  const ids = listed.length > 0 ? listed : Array.from({ length: env.nodeCount }, (_, i) => i + 1)
  const wasQuiet = env.output.quiet
  const level = stringArg(d, 'log-level')
  try {
    if (level !== undefined) env.output.setLevel(level)
    env.stabilize(ids)
  } finally {
    env.output.quiet = wasQuiet
  }
}

function tick(env: InteractionEnv, id: RaftId, ticks: number): void {
  for (let i = 0; i < ticks; i++) env.node(id).raw.tick()
}

function propose(env: InteractionEnv, d: Directive): void {
  const data = d.args[1]
  if (d.args.length !== 2 || data === undefined || data.vals.length > 0) throw new Error('propose takes one proposal')
  refuse(env.node(firstId(d)).raw.propose(encode(data.key)))
}

const TRANSITIONS: Readonly<Record<string, ConfChangeTransition>> = {
  auto: ConfChangeTransition.auto,
  implicit: ConfChangeTransition.jointImplicit,
  explicit: ConfChangeTransition.jointExplicit,
}

function proposeConfChange(env: InteractionEnv, d: Directive): void {
  const name = stringArg(d, 'transition') ?? 'auto'
  const transition = TRANSITIONS[name]
  if (transition === undefined) throw new CommandError(`unknown transition ${name}`)
  const v1 = boolArg(d, 'v1') ?? false
  const changes = parseConfChanges(d.input)
  if (v1 && (changes.length > 1 || transition !== ConfChangeTransition.auto)) {
    throw new CommandError('v1 conf change can only have one operation and no transition')
  }
  const type = v1 ? EntryType.confChange : EntryType.confChangeV2
  refuse(env.node(firstId(d)).raw.proposeConfChange({ transition, changes, context: EMPTY_BYTES }, type))
}

// ---------------------------------------------------------------------------------------------- arguments

function forEachId(env: InteractionEnv, d: Directive, title: string, work: (id: RaftId) => void): void {
  const ids = idsOf(d)
  for (const id of ids) {
    if (ids.length === 1) {
      work(id)
    } else {
      env.output.line(`> ${id} ${title}`)
      env.output.indented(() => work(id))
    }
  }
}

function idsOf(d: Directive): RaftId[] {
  return d.args.filter(({ vals }) => vals.length === 0).map(({ key }) => parseInteger(key))
}

function firstId(d: Directive): RaftId {
  return positional(d, 0)
}

function positional(d: Directive, position: number): number {
  return parseInteger(required(d.args[position]?.key, `argument ${position + 1}`))
}

function required<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`${name} is missing`)
  return value
}

function refuse(refusal: string | null): void {
  if (refusal !== null) throw new CommandError(refusal)
}

function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text)
}
