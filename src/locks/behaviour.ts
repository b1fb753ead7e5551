/** What each command does: one line a command, and the compiler misses none. */
import { type CommandName, type CommandNamed, CommandType, type SessionHeader } from './commands/commands.js'
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
import { endWait } from './table/queue.js'
import { forceRelease, releaseLock, unlock } from './table/release.js'
import { cancelWait, requestLocks } from './table/requests.js'
import { resize } from './table/semaphores.js'

/** The clock that `delayOver` and `delayLeft` mean. */
const DELAY = 0

type Behaviours = { readonly [N in CommandName]: (context: ApplyContext, command: CommandNamed<N>) => void }

const BEHAVIOURS: Behaviours = {
  nodeUp,
  nodeDown: endNode,
  expireNode: endNode,
  sweep: (context) => sweep(context, SWEPT_SESSIONS_PER_SWEEP),
  claimMember,
  setLevel,
  holdLevel,

  open: sessions.open,
  openClassic: sessions.openClassic,
  resume: sessions.resume,
  end: sessions.end,
  detach: sessions.detach,
  expireSession: sessions.expireSession,
  detachedWaitTimeout: sessions.detachedWaitTimeout,
  left: sessions.left,
  waitsLeft: sessions.waitsLeft,

  lock: numbered((context, session, command) => requestLocks(context, session, command.request, askOf(command))),
  release: numbered(releaseLock),
  cancel: numbered((context, session, { request, target }) => cancelWait(context, session, request, target)),
  waitTimeout: numbered((context, session, { target }) => endWait(context, session, target, 'timeout')),
  ack: numbered(() => undefined),

  delayOver: (context, command) => timeOver(context, { ...command, clock: DELAY }),
  delayLeft: (context, command) => timeLeft(context, { ...command, clock: DELAY }),

  ask: numbered((context, session, command) => requestLocks(context, session, command.request, askedBy(command))),
  unlock: numbered(unlock),
  timeOver: (context, command) => {
    context.state.sawWallTime(command.wallMs)
    timeOver(context, command)
  },
  timeLeft,
  letGo,
  forceRelease: numbered(forceRelease),
  resize: numbered(resize),
  freeze: numbered(freeze),
  thaw: numbered(thaw),
  freezeOver,
  forget: numbered(forget),
  markOver,
}

const byType: ((context: ApplyContext, command: never) => void)[] = []
for (const [name, behave] of Object.entries(BEHAVIOURS)) byType[CommandType[name as CommandName]] = behave

/** By the number of the command. Each takes the commands of its own number. */
export const BEHAVIOUR_OF_TYPE: readonly ((context: ApplyContext, command: never) => void)[] = byType

/** A command of an attached session: carried out once, after its predecessor (rule 10). */
function numbered<C extends SessionHeader & { readonly request?: number }>(
  carryOut: (context: ApplyContext, session: Session, command: C) => void,
): (context: ApplyContext, command: C) => void {
  return (context, command) => {
    const session = sessions.numbered(context, command)
    if (session === null) return
    carryOut(context, session, command)
    sessions.endIfIdle(context, session)
  }
}
