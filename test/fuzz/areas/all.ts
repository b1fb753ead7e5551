import type { Area } from '../area.js'
import { certificates } from './certificates.js'
import { clientLines } from './client-lines.js'
import { commands } from './commands.js'
import { config } from './config.js'
import { files } from './files.js'
import { handshakes } from './handshakes.js'
import { http } from './http.js'
import { peerBytes } from './peer-bytes.js'
import { peerNode } from './peer-node.js'
import { wholeNodes } from './whole-node.js'

/** Every area with its share of the inputs: most go where a stranger's bytes come in, and memory is faster than sockets. */
export const AREAS: readonly { readonly area: Area; readonly share: number }[] = [
  { area: clientLines, share: 350 },
  { area: commands, share: 140 },
  { area: peerBytes, share: 180 },
  { area: peerNode, share: 70 },
  ...wholeNodes.map((area) => ({ area, share: 55 })),
  { area: config, share: 12 },
  { area: http, share: 10 },
  { area: handshakes, share: 10 },
  { area: certificates, share: 5 },
  { area: files, share: 3 },
]
