/** What each command does: one line a command, and the compiler misses none. */
import { answered } from './answers.js'
import {
  type CommandName,
  type CommandNamed,
  CommandType,
  type RequestId,
  type SessionHeader,
} from './commands/commands.js'
import type { Answer, Answered } from './effects.js'
import { SWEPT_SESSIONS_PER_SWEEP } from './limits.js'
import type { Session } from './state/entities.js'
import { endNode, nodeUp, sweep } from './state/epochs.js'
import { holdLevel, setLevel } from './state/levels.js'
import { claimMember } from './state/members.js'
import * as sessions from './state/sessions.js'
import type { ApplyContext } from './state/state.js'
import { askedBy, askOf } from './table/asked.js'
import { letGo, timeLeft, timeOver } from './table/ends.js'
import { freeze, freezeOver, thaw } from './table/freezes.js'
import { forget, markOver } from './table/marks.js'
import { endWait, isNew } from './table/queue.js'
import { forceRelease, releaseLock, unlock } from './table/release.js'
import { cancelWait, requestLocks } from './table/requests.js'
import { resize } from './table/semaphores.js'

/** The clock that `delayOver` and `delayLeft` mean. */
const DELAY = 0

/** What a client is answered: what has an id under which it may ask again, and the one line of a classic client. */
type RequestName = {
  [N in CommandName]: CommandNamed<N> extends { readonly request: RequestId } | { readonly type: OpensClassic }
    ? N
    : never
}[CommandName]
type OpensClassic = typeof CommandType.openClassic

/** Returns what the client is to be told, if there is an answer now and somebody to tell it to. */
type Request<C> = (context: ApplyContext, command: C) => Answered | null

const REQUESTS: { readonly [N in RequestName]: Request<CommandNamed<N>> } = {
  openClassic: sessions.openClassic,
  lock: request((context, session, command) => requestLocks(context, session, command.request, askOf(command))),
  release: request(releaseLock),
  cancel: request(cancelWait),
  ask: request(
    (context, session, command) => requestLocks(context, session, command.request, askedBy(command)),
    ({ asks }) => asks.length,
  ),
  unlock: request(unlock),
  forceRelease: request(forceRelease),
  resize: request(resize),
  freeze: request(freeze),
  thaw: request(thaw),
  forget: request(forget),
}

type OtherName = Exclude<CommandName, RequestName>
type Behaviour<C> = (context: ApplyContext, command: C) => void

const OTHERS: { readonly [N in OtherName]: Behaviour<CommandNamed<N>> } = {
  nodeUp,
  nodeDown: endNode,
  expireNode: endNode,
  sweep: (context) => sweep(context, SWEPT_SESSIONS_PER_SWEEP),
  claimMember,
  setLevel,
  holdLevel,

  open: sessions.open,
  resume: sessions.resume,
  end: sessions.end,
  detach: sessions.detach,
  expireSession: sessions.expireSession,
  detachedWaitTimeout: sessions.detachedWaitTimeout,
  left: sessions.left,
  waitsLeft: sessions.waitsLeft,

  waitTimeout: numbered((context, session, { target }) => endWait(context, session, target, 'timeout')),
  ack: numbered(() => undefined),

  delayOver: (context, command) => timeOver(context, { ...command, clock: DELAY }),
  delayLeft: (context, command) => timeLeft(context, { ...command, clock: DELAY }),
  timeOver: (context, command) => {
    context.state.sawWallTime(command.wallMs)
    timeOver(context, command)
  },
  timeLeft,
  letGo,
  freezeOver,
  markOver,
}

const byType: Request<never>[] = []
for (const [name, answer] of Object.entries(REQUESTS)) byType[CommandType[name as RequestName]] = answer
for (const [name, behave] of Object.entries(OTHERS)) {
  byType[CommandType[name as OtherName]] = (context, command) => {
    behave(context, command)
    return null
  }
}

/** By the number of the command. Each takes the commands of its own number. */
export const BEHAVIOUR_OF_TYPE: readonly Request<never>[] = byType

/** A command of an attached session: carried out once, after its predecessor (rule 10). */
function numbered<C extends SessionHeader>(
  carryOut: (context: ApplyContext, session: Session, command: C) => void,
): Behaviour<C> {
  return (context, command) => {
    const session = sessions.numbered(context, command)
    if (session !== null) carryOut(context, session, command)
  }
}

/** A numbered command with an id under which its client may ask again: what became of the first is told then. `names`: see `admit`. */
function request<C extends SessionHeader & { readonly request: RequestId }>(
  carryOut: (context: ApplyContext, session: Session, command: C) => Answer | null,
  names: (command: C) => number = () => 1,
): Request<C> {
  return (context, command) => {
    const session = sessions.numbered(context, command)
    if (session === null || !isNew(context, session, command.request, names(command))) return null
    const given = carryOut(context, session, command)
    return given === null ? null : answered(context, session, command.request, given)
  }
}
