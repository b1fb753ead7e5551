import type { Area } from '../area.js'
import { clientLines } from './client-lines.js'
import { commands } from './commands.js'
import { config } from './config.js'
import { files } from './files.js'
import { http } from './http.js'

/** Every area with its share of the inputs: most go where a stranger's bytes come in. */
export const AREAS: readonly { readonly area: Area; readonly share: number }[] = [
  { area: clientLines, share: 60 },
  { area: commands, share: 30 },
  { area: config, share: 8 },
  { area: files, share: 2 },
  { area: http, share: 2 },
]
