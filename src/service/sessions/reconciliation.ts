/**
 * A snapshot was installed on a node that serves (rule 9): effects in between were never told, so every attachment is compared
 * with the new state, and what was missed is made good before anything else is said.
 */
import type { ConnId, SessionId } from '../../locks/commands/commands.js'
import type { SessionView } from '../../locks/effects.js'
import { type Attachment, type AttachmentListener, type DetachReason, OpeningKind } from './attachment.js'

export interface Reconciled {
  /** Those of this node and epoch. */
  readonly attachments: Iterable<Attachment>
  /** Sessions that the new state has at this node and epoch, by connection. */
  readonly sessions: Map<ConnId, SessionView>
  /** Whether the opening of this connection was applied, or can be applied no longer. */
  openingApplied(conn: ConnId): boolean
  opened(conn: ConnId, view: SessionView): void
  resumed(conn: ConnId, view: SessionView): void
  /** Its commands up to number `n` are applied. */
  applied(attachment: Attachment, n: number): void
  /** The attachment is gone. Returns who is to be told. */
  drop(attachment: Attachment): AttachmentListener | null
  /** A session without a connection leaves. */
  evict(conn: ConnId, session: SessionId, attach: number, detachReason: DetachReason): void
}

export function reconcile(node: Reconciled): void {
  const { sessions } = node
  for (const attachment of [...node.attachments]) {
    const view = sessions.get(attachment.conn)
    sessions.delete(attachment.conn)
    if (view === undefined) missed(node, attachment)
    else compare(node, attachment, view)
  }
  for (const [conn, { session, attach, classic }] of sessions) {
    node.evict(conn, session, attach, classic ? 'end' : 'detach')
  }
}

/** The state has no session for it. */
function missed(node: Reconciled, attachment: Attachment): void {
  // An opening may still be on its way: it is repeated, and its request timeout stands.
  if (attachment.opening !== null && !node.openingApplied(attachment.conn)) return
  const { detachReason } = attachment
  const listener = node.drop(attachment)
  // Nobody but this node ends a session of its live epoch: what it asked for has happened.
  if (detachReason === 'end' || detachReason === 'bye') listener?.ended()
  else listener?.displaced()
}

function compare(node: Reconciled, attachment: Attachment, view: SessionView): void {
  if (attachment.opening !== null) {
    if (attachment.kind === OpeningKind.resume) {
      node.resumed(attachment.conn, view)
      return
    }
    node.opened(attachment.conn, view)
  }
  node.applied(attachment, view.lastN)
  if (attachment.detachReason === null) attachment.listener?.reconciled(view)
}
