/** Directories that are put back to an older state, and who finds out. */
import { type HelloVerdict, type PeerHello, RefusalCode } from '../../src/raft/ports/transport.js'
import type { Cluster } from './cluster.js'
import type { Host } from './host.js'
import type { Meeting } from './network/meeting.js'
import type { PeerTap } from './network/peer-tap.js'

/** It has been told and must have ended by then; one that does not know who told it is taken away by its operator. */
const TOLD_MS = 10_000

/**
 * A directory that has forgotten and meets only nodes that remember nothing may break any promise: that is a limit of Raft. So
 * it is let to those alone that must find out, and taken away when there are none.
 */
export class PutBack implements Meeting {
  constructor(private readonly cluster: Cluster) {}

  /** Some time later the directory is put back to what it is now, while its process is down. */
  later(host: Host, delayMs: number): void {
    const { cluster } = this
    const { volume } = host
    const old = cluster.copyOf(volume)
    cluster.world.after(delayMs, () => {
      if (host.volume !== volume || host.isLost || cluster.isHealing || !cluster.canLoseOne()) return
      cluster.world.note(`${host.nodeId} is put back to an older state`)
      cluster.world.count('seen directory put back')
      old.isPutBack = true
      host.volume = old
      cluster.kill(host)
    })
  }

  arrived(at: PeerTap, payload: Uint8Array): void {
    const host = this.cluster.hosts.get(at.nodeId)
    const status = host?.process === at.process ? host.member?.node?.status() : null
    if (status != null) this.cluster.checks.witnesses.arrived(at.process, status, payload)
  }

  mayMeet(one: PeerTap, other: PeerTap): boolean {
    const [a, b] = [this.#putBack(one), this.#putBack(other)]
    if (a === null && b === null) return true
    if (a !== null && b !== null) return false
    if (a !== null) return this.#isFound(a, one, other)
    return b !== null && this.#isFound(b, other, one)
  }

  judged(judge: PeerTap, peer: PeerTap, hello: PeerHello, verdict: HelloVerdict): void {
    const isRefused = !verdict.accept && verdict.refusal.code === RefusalCode.forgotten
    const host = this.#putBack(peer)
    if (host === null) {
      if (isRefused) this.cluster.world.fail(`${judge.nodeId} says that ${peer.nodeId} has forgotten, and it has not`)
      return
    }
    if (!this.#remembers(judge, hello)) return
    if (verdict.accept) this.cluster.world.fail(`${judge.nodeId} lets in ${peer.nodeId}, which has forgotten`)
    if (!isRefused || host.isRefused) return
    this.cluster.world.count('seen forgotten directory found')
    host.isRefused = true
    const { process } = host
    this.cluster.world.after(TOLD_MS, () => process?.kill())
  }

  #putBack(transport: PeerTap): Host | null {
    const host = this.cluster.hosts.get(transport.nodeId)
    return host?.process === transport.process && host.volume.isPutBack ? host : null
  }

  #isFound(host: Host, forgetful: PeerTap, other: PeerTap): boolean {
    const { hello } = forgetful
    if (hello === null) return false
    if (this.#remembers(other, hello)) return true
    const processes = [...this.cluster.hosts.values()].flatMap(({ process }) => (process?.isAlive ? [process] : []))
    const { raftId, held } = hello
    if (processes.some((process) => this.cluster.checks.witnesses.hasForgotten(process, raftId, held))) return false
    this.cluster.world.count('seen put-back directory that nobody remembers')
    host.isRefused = true
    host.process?.kill()
    return false
  }

  #remembers({ process }: PeerTap, { raftId, held }: PeerHello): boolean {
    const members = this.cluster.checks.log.reference?.members() ?? []
    return (
      members.some((member) => member.raftId === raftId) &&
      this.cluster.checks.witnesses.hasForgotten(process, raftId, held)
    )
  }
}
