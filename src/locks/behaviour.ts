/** What each command does: one line a command, and the compiler misses none. */
import {
  type Command,
  type CommandName,
  type CommandNamed,
  CommandType,
  type SessionHeader,
} from './commands/commands.js'
import { SWEPT_SESSIONS_PER_SWEEP } from './limits.js'
import type { Session } from './state/entities.js'
import { endNode, nodeUp, sweep } from './state/epochs.js'
import { holdLevel, setLevel } from './state/levels.js'
import { claimMember } from './state/members.js'
import * as sessions from './state/sessions.js'
import type { ApplyContext } from './state/state.js'
import { delayLeft, endDelay } from './table/delay.js'
import { endWait } from './table/queue.js'
import { releaseLock } from './table/release.js'
import { cancelWait, requestLock } from './table/requests.js'

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

  lock: numbered((context, session, command) => requestLock(context, session, command.request, command)),
  release: numbered((context, session, { request, name, token }) =>
    releaseLock(context, session, request, name, token),
  ),
  cancel: numbered((context, session, { request, target }) => cancelWait(context, session, request, target)),
  waitTimeout: numbered((context, session, { target }) => endWait(context, session, target, 'timeout')),
  ack: numbered(() => undefined),

  delayOver: (context, { name, token }) => endDelay(context, name, token),
  delayLeft: (context, { name, token, leftMs }) => delayLeft(context, name, token, leftMs),
}

/** By the number of the command. */
const BY_TYPE: ((context: ApplyContext, command: never) => void)[] = []
for (const [name, behave] of Object.entries(BEHAVIOURS)) BY_TYPE[CommandType[name as CommandName]] = behave

export function applyCommand(context: ApplyContext, command: Command): void {
  // Each behaviour takes the command of its own number, which is what stands under that number.
  BY_TYPE[command.type]?.(context, command as never)
}

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
