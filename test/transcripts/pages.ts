/**
 * `npm run transcripts`: puts the scenes that docs/protocol.md shows into it. A scene is shown where the page says
 * `<!-- transcript: FILE/SCENE -->`, as a block that is the scene word for word; a test sees to it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { allScenes, type Scene } from './script.js'

export const PAGE = fileURLToPath(new URL('../../docs/protocol.md', import.meta.url))
const SHOWN = /^<!-- transcript: (\S+) -->\n(?:```transcript\n[\s\S]*?^```\n)?/gm
export const ANY_BLOCK = /^```transcript$/gm

export function withTranscripts(page: string, scenes: readonly Scene[]): string {
  const byId = new Map(scenes.map((scene) => [scene.id, scene]))
  return page.replace(SHOWN, (_, id: string) => {
    const scene = byId.get(id)
    if (scene === undefined) throw new Error(`there is no transcript ${id}`)
    return `<!-- transcript: ${id} -->\n\`\`\`transcript\n${scene.text}\`\`\`\n`
  })
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(PAGE, withTranscripts(readFileSync(PAGE, 'utf8'), allScenes()))
}
