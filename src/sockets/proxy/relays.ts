import { BlockList, isIP } from 'node:net'

/** Which relays may say for whom they speak (`--proxy-from`). */
export interface Relays {
  has(address: string): boolean
}

/** `10.0.0.0/8`, `fd00::/8` or one address each. Throws an Error that names the one that is neither. */
export function relaysOf(ranges: readonly string[]): Relays {
  const list = new BlockList()
  for (const range of ranges) addRange(list, range)
  return {
    has: (address) => {
      const plain = address.replace(/%.*$/, '').replace(/^::ffff:(?=\d+\.)/, '')
      const family = isIP(plain)
      return family !== 0 && list.check(plain, family === 4 ? 'ipv4' : 'ipv6')
    },
  }
}

function addRange(list: BlockList, range: string): void {
  const [, address = '', prefix] = /^([^/]+)(?:\/(\d{1,3}))?$/.exec(range) ?? []
  const family = isIP(address)
  const bits = family === 4 ? 32 : 128
  const prefixBits = prefix === undefined ? bits : Number(prefix)
  if (family === 0 || prefixBits > bits) throw new Error(`"${range}" is no address and no range (10.0.0.0/8, fd00::/8)`)
  list.addSubnet(address, prefixBits, family === 4 ? 'ipv4' : 'ipv6')
}
