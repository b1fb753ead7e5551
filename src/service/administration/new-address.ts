/** Whether a new member may be told to live at an address: what can be known before the cluster has agreed to it. */
import { AddressError, formatHostPort, isWildcardHost, parseHostPort } from '../../address.js'
import type { Greeting } from '../../raft/ports/transport.js'
import type { MemberReport } from '../status.js'
import { AdminRefusal } from './frames.js'

/** HOST:PORT as it is kept. Throws AdminRefusal if nobody can be reached there, or somebody else is a member there. */
export function readNewAddress(text: string, members: readonly Pick<MemberReport, 'node' | 'peer'>[]): string {
  const { host, port } = parse(text)
  const address = formatHostPort({ host, port })
  if (isWildcardHost(host)) refuse(`${address} stands for all addresses of a machine, and leads others nowhere`)
  if (port === 0) refuse(`${address}: a port is needed`)
  const taken = members.find(({ peer }) => peer.toLowerCase() === address.toLowerCase())
  if (taken !== undefined) refuse(`${address} is the peer address of ${taken.node}`)
  return address
}

/** What the leader heard there. Null: all is well; otherwise a word for the operator. Throws AdminRefusal. */
export function judgeGreeting(nodeId: string, address: string, clusterId: string, greeting: Greeting): string | null {
  if (greeting.kind === 'unreachable') return `not reachable yet (${greeting.detail})`
  if (greeting.kind === 'stranger') return refuse(`${address} is not a peer port: ${greeting.detail}`)
  const { hello } = greeting
  if (hello.nodeId !== nodeId) refuse(`${address} is the peer port of ${hello.nodeId}, not of ${nodeId}`)
  if (!hello.empty && hello.clusterId !== clusterId) {
    refuse(`${nodeId} at ${address} belongs to another cluster (${hello.clusterId})`)
  }
  if (!hello.empty) refuse(`${nodeId} at ${address} has data of an earlier member: start it with an empty directory`)
  return null
}

function parse(text: string): { host: string; port: number } {
  try {
    return parseHostPort(text)
  } catch (error) {
    if (error instanceof AddressError) return refuse(error.message)
    throw error
  }
}

function refuse(message: string): never {
  throw new AdminRefusal('bad-request', `peer: ${message}`)
}
