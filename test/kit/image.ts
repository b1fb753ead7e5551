/** What the Dockerfile says of the image. */
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const DOCKERFILE = readFileSync(fileURLToPath(new URL('../../Dockerfile', import.meta.url)), 'utf8')

/** Instructions of the last stage, with continued lines joined, as pairs of the keyword and the rest. */
export function imageInstructions(): readonly (readonly [string, string])[] {
  const joined = DOCKERFILE.replaceAll(/^#.*\n/gm, '').replaceAll(/\\\n\s*/g, '')
  const last = joined.slice(joined.lastIndexOf('\nFROM ') + 1)
  return last.split('\n').flatMap((line) => {
    const [, keyword, rest] = /^([A-Z]+) (.*)$/.exec(line) ?? []
    return keyword === undefined || rest === undefined ? [] : [[keyword, rest] as const]
  })
}

/** What `ENV` sets. */
export function imageVariables(): Record<string, string> {
  const settings = imageInstructions().filter(([keyword]) => keyword === 'ENV')
  const pairs = settings.flatMap(([, rest]) => [...rest.matchAll(/(\w+)=(\S+)/g)])
  return Object.fromEntries(pairs.map(([, name = '', value = '']) => [name, value]))
}
