import { basename, dirname, extname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const OWN = fileURLToPath(import.meta.url)

/** False: the sources run as they are, in development. */
export const isBuilt = extname(OWN) === '.js'

/** The entry files. A bundle is one of them itself; a file of its own is two folders below them. */
const ENTRIES = basename(dirname(OWN)) === 'shared' ? dirname(dirname(OWN)) : dirname(OWN)

/** The file of `tnl`, `tnl-do`, `tnl-server`, `tnl-client` or `guardian`. */
export function programFile(name: string): string {
  return join(ENTRIES, `${name}${extname(OWN)}`)
}

/** The starter of tnl-do, which needs no Node to begin; there is one in a built package only. */
export const starterFile = join(ENTRIES, '..', '..', 'bin', 'tnl-do')
