import type { Area } from '../area.js'
import { clientLines } from './client-lines.js'
import { commands } from './commands.js'
import { config } from './config.js'
import { files } from './files.js'
import { handshakes } from './handshakes.js'
import { http } from './http.js'
import { peerBytes } from './peer-bytes.js'
import { peerNode } from './peer-node.js'

/** Every area with its share of the inputs: most go where a stranger's bytes come in. */
export const AREAS: readonly { readonly area: Area; readonly share: number }[] = [
  { area: clientLines, share: 45 },
  { area: commands, share: 20 },
  { area: peerBytes, share: 20 },
  { area: peerNode, share: 10 },
  { area: config, share: 3 },
  { area: files, share: 1 },
  { area: http, share: 1 },
  { area: handshakes, share: 1 },
]
