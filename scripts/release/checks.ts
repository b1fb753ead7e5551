/**
 * What must hold before a version is published, one function a subject. Each is told what there is and says what is wrong, in
 * sentences for whoever releases; nothing is wrong if it says nothing.
 */
import type { Command } from 'commander'

export type Problems = readonly string[]

// ---------------------------------------------------------------------------------------------------------- version

export interface Versions {
  readonly manifest: string
  readonly lockFile: string
  readonly chart: string
  readonly chartApp: string
}

export function checkVersion({ manifest, ...others }: Versions): Problems {
  const problems = /^\d+\.\d+\.\d+$/.test(manifest) ? [] : [`package.json: ${manifest} is no version to release`]
  const places = { lockFile: 'package-lock.json', chart: 'Chart.yaml (version)', chartApp: 'Chart.yaml (appVersion)' }
  for (const [key, place] of Object.entries(places) as [keyof typeof places, string][]) {
    if (others[key] !== manifest) problems.push(`${place} says ${others[key]}, package.json ${manifest}`)
  }
  return problems
}

/** The newest section is that of the version, with the day of its release, and nothing waits above it. */
export function checkChangelog(text: string, version: string, today: string): Problems {
  const [newest] = /^## .*$/m.exec(text) ?? []
  const [, named, day] = /^## (\S+) – (\d{4}-\d\d-\d\d)$/.exec(newest ?? '') ?? []
  if (named !== version) return [`CHANGELOG.md begins with "${newest ?? ''}", not with "## ${version} – ${today}"`]
  if (day === undefined || day > today) return [`CHANGELOG.md dates ${version} to ${day}, and today is ${today}`]
  return []
}

export function checkRepository(version: string, tags: readonly string[], changed: readonly string[]): Problems {
  const problems = changed.length === 0 ? [] : [`not committed: ${changed.join(', ')}`]
  return tags.includes(`v${version}`) ? [...problems, `the tag v${version} is taken`] : problems
}

// --------------------------------------------------------------------------------------------------------- licences

/** Those that ask for no more than their text, which the package brings along. */
const LICENCES: ReadonlySet<string> = new Set([
  ...['0BSD', 'Apache-2.0', 'BlueOak-1.0.0', 'BSD-2-Clause', 'BSD-3-Clause', 'ISC', 'MIT'],
])

interface Licence {
  readonly license?: { readonly id?: string; readonly name?: string }
  readonly expression?: string
}

/** What the check reads of a CycloneDX bill of materials. */
export interface Sbom {
  readonly bomFormat: string
  readonly metadata: { readonly component: { name: string; readonly version: string } }
  readonly components: readonly {
    readonly name: string
    readonly version: string
    readonly licenses?: readonly Licence[]
  }[]
}

export function checkLicences({ components }: Sbom): Problems {
  return components.flatMap(({ name, version, licenses = [] }) => {
    const ids = licenses.map(({ license, expression }) => license?.id ?? expression ?? license?.name ?? 'unnamed')
    if (ids.length > 0 && ids.every((id) => LICENCES.has(id))) return []
    return [`${name} ${version}: licence ${ids.join(', ') || 'unknown'}; may we pass it on?`]
  })
}

// ---------------------------------------------------------------------------------------------------------- package

export interface Packed {
  readonly files: readonly { readonly path: string; readonly mode: number }[]
  /** Of the archive, in bytes. */
  readonly size: number
}

const PACKED =
  /^(?:bin\/tnl-do|dist\/.*\.(?:js|js\.map|d\.ts|html|css|svg|txt)|(?:README|CHANGELOG)\.md|LICENSE|package\.json)$/
/** A third more than 0.4 has: whoever adds that much should know it. */
const PACKED_MAX_BYTES = 2_000_000
const ANYBODY_MAY_EXECUTE = 0o111

/** `programs`: what `bin` of the manifest names. */
export function checkPackage({ files, size }: Packed, programs: Readonly<Record<string, string>>): Problems {
  const strange = files.filter(({ path }) => !PACKED.test(path)).map(({ path }) => `the package would have ${path}`)
  const needed = new Set([...Object.values(programs), 'LICENSE', 'dist/cli/THIRD-PARTY-LICENSES.txt'])
  const missing = [...needed].filter((path) => !files.some((file) => file.path === path))
  const shell = files.filter(({ path, mode }) => path.startsWith('bin/') && (mode & ANYBODY_MAY_EXECUTE) === 0)
  return [
    ...strange,
    ...missing.map((path) => `the package lacks ${path}`),
    ...shell.map(({ path }) => `${path} is not executable`),
    ...(size > PACKED_MAX_BYTES ? [`the package has ${size} bytes, more than ${PACKED_MAX_BYTES}`] : []),
  ]
}

export interface Manifest {
  readonly repository?: string | { readonly url?: string }
  readonly publishConfig?: { readonly access?: string; readonly provenance?: boolean }
}

/** A package with provenance names the place that it was built from, and a registry refuses it if that is another one. */
export function checkProvenance({ repository, publishConfig }: Manifest): Problems {
  const url = typeof repository === 'string' ? repository : repository?.url
  return [
    ...(publishConfig?.provenance === true ? [] : ['package.json: publishConfig.provenance is not true']),
    ...(url === undefined ? ['package.json: repository is missing, and provenance names it'] : []),
  ]
}

// ----------------------------------------------------------------------------------------------------- documentation

/** Every command of `tnl` and every script of npm that a page tells its readers to type. */
export function checkCommands(page: string, text: string, tnl: Command, scripts: readonly string[]): Problems {
  const problems: string[] = []
  for (const [, words = ''] of text.matchAll(/(?:^ {4}|`|-- )tnl ([a-z][a-z-]*(?: [a-z][a-z-]*)?)/gm)) {
    const [first = '', second = ''] = words.split(' ')
    const command = tnl.commands.find((each) => each.name() === first || each.aliases().includes(first))
    if (command === undefined) problems.push(`${page}: there is no tnl ${first}`)
    else if (isGroup(command) && second !== '' && !command.commands.some((each) => each.name() === second)) {
      problems.push(`${page}: there is no tnl ${first} ${second}`)
    }
  }
  for (const [, script = ''] of text.matchAll(/npm run (?:-s )?([a-z][\w:-]*)/g)) {
    if (!scripts.includes(script)) problems.push(`${page}: there is no npm run ${script}`)
  }
  return [...new Set(problems)]
}

/** Its next word is a command, and not an argument of its own. */
const isGroup = (command: Command): boolean => command.commands.length > 0 && command.registeredArguments.length === 0
