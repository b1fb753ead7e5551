import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, normalize, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, it } from 'vitest'

const root = normalize(join(dirname(fileURLToPath(import.meta.url)), '../..'))

const sources = (folder: string): string[] =>
  readdirSync(join(root, folder), { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile() && entry.name.endsWith('.ts'))
    .map((entry) => relative(root, join(entry.parentPath, entry.name)))

interface Import {
  readonly target: string
  readonly typeOnly: boolean
}

/** What a file imports: paths from the root for its own files, bare names for packages. */
function importsOf(file: string): Import[] {
  const text = readFileSync(join(root, file), 'utf8')
  const found = [...text.matchAll(/^(?:import|export)\s+(type\s+)?(?:[^'"]*?from\s+)?'([^']+)'/gms)]
  return found.map(([, type, target = '']) => ({
    target: target.startsWith('.') ? normalize(join(dirname(file), target)).replace(/\.js$/, '.ts') : target,
    typeOnly: type !== undefined,
  }))
}

interface Rule {
  readonly folder: string
  readonly why: string
  /** Folders below the folder that another rule speaks of. */
  readonly except?: readonly string[]
  readonly allows: (target: Import) => boolean
}

const within =
  (...folders: string[]) =>
  (target: Import) =>
    folders.some((folder) => target.target.startsWith(folder))

const rules: readonly Rule[] = [
  {
    folder: 'src/raft/core/',
    why: 'the core imports nothing outside itself',
    allows: within('src/raft/core/'),
  },
  {
    folder: 'src/locks/',
    why: 'the lock state machine is pure: it knows core types and the shape of a state machine',
    allows: (target) =>
      within('src/locks/', 'src/raft/core/types.ts', 'src/invariant.ts')(target) ||
      (target.typeOnly && target.target === 'src/raft/node/interfaces.ts'),
  },
  {
    folder: 'src/raft/',
    except: ['src/raft/core/'],
    why: 'the Raft shell knows state machines by interface, not locks, servers or clients',
    allows: (target) =>
      !target.target.startsWith('src/') || target.target.startsWith('src/raft/') || target.target === 'src/address.ts',
  },
  ...['src/server/rules/', 'src/server/dialects/'].map((folder) => ({
    folder,
    why: 'runs in the simulator: no sockets, no timers, no disk (a hash is allowed)',
    allows: ({ target }: Import) =>
      (!target.startsWith('node:') || target === 'node:crypto') &&
      !['src/client/', 'src/cli/', 'src/raft/store/', 'src/raft/net/'].some((other) => target.startsWith(other)),
  })),
  {
    folder: 'src/server/',
    why: 'the server does not know its clients',
    allows: (target) => !within('src/client/', 'src/cli/')(target),
  },
  {
    folder: 'src/client/',
    why: 'a program that uses the library must not load the server',
    allows: (target) => !target.target.startsWith('src/') || within('src/client/', 'src/address.ts')(target),
  },
]

describe('layering', () => {
  for (const { folder, why, allows, except = [] } of rules) {
    it(`${folder}: ${why}`, () => {
      const files = sources(folder).filter((file) => !except.some((inner) => file.startsWith(inner)))
      expect(files.length).toBeGreaterThan(0)
      const wrong = files.flatMap((file) =>
        importsOf(file)
          .filter((target) => !allows(target))
          .map(({ target }) => `${file} imports ${target}`),
      )
      expect(wrong).toEqual([])
    })
  }

  it('only the store touches level, only the transport and the client port open sockets', () => {
    const users = (name: string) =>
      sources('src')
        .filter((file) => importsOf(file).some((target) => target.target === name && !target.typeOnly))
        .map((file) => dirname(file))
    expect(new Set([...users('level'), ...users('classic-level')])).toEqual(new Set(['src/raft/store']))
    const allowed = ['src/raft/net', 'src/server', 'src/client', 'src/cli', 'src/cli/bench']
    const sockets = users('node:net').filter((folder) => !allowed.includes(folder))
    expect(sockets).toEqual([])
  })
})

describe('the pure ring', () => {
  const banned = [
    /\bDate\b/,
    /\bMath\.random\b/,
    /\bset(Timeout|Interval|Immediate)\b/,
    /\bprocess\b/,
    /\basync\b/,
    /\bawait\b/,
    /\bPromise\b/,
    /\bperformance\b/,
    /\bcrypto\b/,
  ]
  const code = (file: string) =>
    readFileSync(join(root, file), 'utf8')
      .replace(/\/\*[\s\S]*?\*\//g, '')
      .replace(/\/\/.*$/gm, '')
      .replace(/'(?:[^'\\\n]|\\.)*'|`[^`]*`/g, "''")

  it('has no clock, no randomness, no timers, no promises and no I/O', () => {
    const files = [...sources('src/raft/core'), ...sources('src/locks')]
    expect(files.length).toBeGreaterThan(10)
    const wrong = files.flatMap((file) =>
      banned.filter((word) => word.test(code(file))).map((word) => `${file}: ${word}`),
    )
    expect(wrong).toEqual([])
  })
})

describe('house rules', () => {
  const all = [...sources('src'), ...sources('test')]

  it('files stay at or below 400 lines', () => {
    const long = all
      .map((file) => ({ file, lines: readFileSync(join(root, file), 'utf8').split('\n').length - 1 }))
      .filter(({ lines }) => lines > 400)
    expect(long).toEqual([])
  })

  it('nothing is left to do later', () => {
    const marks = /\b(TODO|FIXME|XXX|HACK)\b/
    const here = relative(root, fileURLToPath(import.meta.url))
    expect(all.filter((file) => file !== here && marks.test(readFileSync(join(root, file), 'utf8')))).toEqual([])
  })

  it('no source file is imported by nobody, other than entry files', () => {
    const imported = new Set(
      [...sources('src'), ...sources('test'), ...sources('scripts')].flatMap((file) =>
        importsOf(file).map(({ target }) => target),
      ),
    )
    const entries = new Set(['src/client/index.ts'])
    const texts = ['package.json', ...sources('src/cli')]
      .map((file) => readFileSync(join(root, file), 'utf8'))
      .join('\n')
    const dead = sources('src').filter((file) => {
      const name = file.replace(/^src\//, '').replace(/\.ts$/, '.js')
      const base = name.slice(name.lastIndexOf('/') + 1)
      return !imported.has(file) && !entries.has(file) && !texts.includes(base)
    })
    expect(dead).toEqual([])
  })
})
