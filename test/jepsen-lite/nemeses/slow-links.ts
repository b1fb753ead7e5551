/** Links that work badly: between nodes, and between clients and nodes. */
import type { Ground } from '../ground.js'
import { CLIENT_SITES, type Heal } from '../links/links.js'
import type { WireConditions } from '../links/wire.js'
import { LEASE_MS } from '../local-cluster.js'
import type { Fault, Nemesis, Random } from '../types.js'

const SHORT_STRANDING_LEASES = [0.2, 0.7] as const

type Trouble = (random: Random) => { readonly words: string; readonly conditions: Partial<WireConditions> }

const slow: Trouble = (random) => {
  const delayMs = Math.round(random.logBetween(5, 150))
  return { words: `${delayMs} ms`, conditions: { delayMs } }
}

const jittery: Trouble = (random) => {
  const jitterMs = Math.round(random.logBetween(20, 600))
  return { words: `up to ${jitterMs} ms`, conditions: { jitterMs } }
}

const lossy: Trouble = (random) => {
  const loss = random.logBetween(0.01, 0.3)
  return { words: `${Math.round(loss * 100)} % lost`, conditions: { loss } }
}

const thin: Trouble = (random) => {
  const bytesPerSecond = Math.round(random.logBetween(8, 128)) * 1024
  return { words: `${bytesPerSecond / 1024} KiB/s`, conditions: { bytesPerSecond } }
}

const cut: Trouble = () => ({ words: 'cut', conditions: { cut: true } })

export const slowLinkNemeses: readonly Nemesis[] = [
  { name: 'slow-peers', aim: async (...where) => betweenPeers(slow, ...where) },
  { name: 'jittery-peers', aim: async (...where) => betweenPeers(jittery, ...where) },
  { name: 'lossy-peers', aim: async (...where) => betweenPeers(lossy, ...where) },
  { name: 'thin-peers', aim: async (...where) => betweenPeers(thin, ...where) },
  { name: 'slow-clients', aim: async (...where) => betweenClients(slow, ...where) },
  { name: 'jittery-clients', aim: async (...where) => betweenClients(jittery, ...where) },
  { name: 'lossy-clients', aim: async (...where) => betweenClients(lossy, ...where) },
  { name: 'cut-clients', aim: async (...where) => betweenClients(cut, ...where) },
  { name: 'strand-clients', aim: async (...where) => strandClients(...where) },
  { name: 'reset-connections', aim: async (...where) => resetConnections(...where) },
]

/** Each direction of each link, or only those of one node. */
function betweenPeers(trouble: Trouble, { nodes, links }: Ground, random: Random): Fault {
  const { words, conditions } = trouble(random)
  const one = random.chance(0.5) ? random.pick(nodes) : null
  const pairs = nodes.flatMap((from) => nodes.filter((to) => to !== from).map((to) => [from, to] as const))
  const hit = pairs.filter(([from, to]) => one === null || from === one || to === one)
  const begin = (): Heal[] => hit.map(([from, to]) => links.impairPeers(from.id, to.id, conditions))
  return impairment(`${one?.id ?? 'all'}: ${words}`, begin)
}

/** A client in one place cannot reach one node well, in another place it can. */
function betweenClients(trouble: Trouble, { nodes, links }: Ground, random: Random): Fault {
  const { words, conditions } = trouble(random)
  const sites = random.shuffled(Array.from({ length: CLIENT_SITES }, (_, site) => site))
  const hitSites = sites.slice(0, 1 + random.int(CLIENT_SITES - 1))
  const hitNodes = random.shuffled(nodes).slice(0, 1 + random.int(nodes.length))
  const begin = (): Heal[] =>
    hitSites.flatMap((site) => hitNodes.map((node) => links.impairClients(site, node.id, conditions)))
  const target = `sites ${hitSites.join(' ')} to ${hitNodes.map(({ id }) => id).join(' ')}: ${words}`
  return impairment(target, begin)
}

function impairment(target: string, impair: () => Heal[]): Fault {
  let heals: Heal[] = []
  return {
    target,
    begin: async () => {
      heals = impair()
    },
    end: async () => {
      for (const heal of heals) heal()
    },
  }
}

/**
 * All nodes lose all clients, and know it; for a while no client can come back, mostly for less than a lease, so that no
 * session may be lost. Meanwhile another node takes over: the one that counts how long sessions stay away is then not the
 * one that saw them go.
 */
function strandClients({ nodes, links, cluster }: Ground, random: Random): Fault {
  const heir = random.chance(0.7) ? random.pick(nodes) : null
  const forMs = random.chance(0.7) ? Math.round(random.between(...SHORT_STRANDING_LEASES) * LEASE_MS) : null
  const sites = Array.from({ length: CLIENT_SITES }, (_, site) => site)
  const pairs = sites.flatMap((site) => nodes.map((node) => ({ site, node })))
  let heals: Heal[] = []
  const healAll = (): void => {
    for (const heal of heals) heal()
  }
  return {
    target: `all clients${forMs === null ? '' : ` for ${forMs} ms`}${heir === null ? '' : `, ${heir.id} takes over`}`,
    begin: async () => {
      heals = pairs.map(({ site, node }) => links.impairClients(site, node.id, { cut: true }))
      for (const { site, node } of pairs) links.resetClients(site, node.id)
      if (forMs !== null) setTimeout(healAll, forMs)
      // If it does not come about, nobody is worse off.
      if (heir !== null) await cluster.transfer(heir).catch(() => {})
    },
    end: async () => healAll(),
  }
}

/** All connections of one node or of all, with peers and with clients. */
function resetConnections({ nodes, links }: Ground, random: Random): Fault {
  const hit = random.chance(0.5) ? nodes : [random.pick(nodes)]
  return {
    target: hit.map(({ id }) => id).join(' '),
    begin: async () => {
      for (const node of hit) links.resetConnections(node.id)
    },
    end: async () => {},
  }
}
