// Makes one file of each program that lives for a moment (docs/adr/0019): to find and read some 80 modules takes longer than
// the lock. Runs after tsc, whose entry files it replaces. The server and the library stay as they are. And it makes the page
// of the dashboard, which is one script, one style sheet and what they stand in.
import { cpSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'dist/cli')
const { version, optionalDependencies, peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** A bundle lies elsewhere than src/version.ts, and need not read a file for a constant. */
const fixedVersion = {
  name: 'fixed-version',
  setup(bundler) {
    bundler.onLoad({ filter: /[\\/]src[\\/]version\.ts$/ }, () => ({
      contents: `export const VERSION = ${JSON.stringify(version)}`,
      loader: 'ts',
    }))
  },
}

/**
 * The room that reads and writes snapshots needs the store, with all its machine code, and that of auth files a reader of YAML,
 * which no other command does: `tnl` finds them beside itself when they are asked for, as they lie there.
 */
const roomsBeside = {
  name: 'rooms-beside',
  setup(bundler) {
    bundler.onResolve({ filter: /^\.\.\/(?:snapshot|access)\// }, ({ path }) => ({
      path: path.replace('..', '.'),
      external: true,
    }))
  },
}

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ['tnl', 'tnl-do', 'tnl-client', 'guardian'].map((name) => `src/cli/${name}.ts`),
  outdir: out,
  bundle: true,
  platform: 'node',
  format: 'esm',
  target: 'node20.19',
  // Names stay: an error shows its class, a stack trace its functions.
  minifyWhitespace: true,
  minifySyntax: true,
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  metafile: true,
  plugins: [fixedVersion, roomsBeside],
  // Programs that `tnl` becomes, each a file of its own; what holds machine code; and what only a user's program brings.
  external: [
    ...['./tnl-server.js', './tnl-do.js', './tnl-client.js'],
    ...Object.keys({ ...optionalDependencies, ...peerDependencies }),
  ],
  // CommonJS packages inside ask for Node's own modules.
  banner: {
    js: "import{createRequire as bundledRequire}from'node:module';const require=bundledRequire(import.meta.url);",
  },
  logLevel: 'warning',
})

/** What is inside a bundle brings its licence with it. */
function writeLicences({ inputs }, file, what) {
  const packages = new Set(
    Object.keys(inputs).flatMap((input) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(input)?.[1] ?? []),
  )
  const notices = [...packages].sort().map((folder) => {
    const { name, version: itsVersion, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
    const text = ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'license']
      .map((each) => join(root, folder, each))
      .find(existsSync)
    if (text === undefined) throw new Error(`${name} is bundled and brings no licence text`)
    return `${name} ${itsVersion} (${license})\n\n${readFileSync(text, 'utf8').trim()}\n`
  })
  writeFileSync(file, `${what} in this folder contain:\n\n${notices.join(`\n${'-'.repeat(80)}\n\n`)}`)
}

writeLicences(metafile, join(out, 'THIRD-PARTY-LICENSES.txt'), 'The programs')

const pageFrom = join(root, 'src/server/dashboard/page')
const pageTo = join(root, 'dist/server/dashboard/page')
mkdirSync(pageTo, { recursive: true })
for (const name of ['index.html', 'dashboard.css', 'icon.svg']) cpSync(join(pageFrom, name), join(pageTo, name))
const page = await build({
  absWorkingDir: root,
  entryPoints: [join(pageFrom, 'dashboard.tsx')],
  outfile: join(pageTo, 'dashboard.js'),
  bundle: true,
  platform: 'browser',
  format: 'esm',
  // What runs on a phone of four years ago.
  target: ['chrome111', 'firefox113', 'safari16.4'],
  minify: true,
  legalComments: 'none',
  metafile: true,
  tsconfig: join(pageFrom, 'tsconfig.json'),
  logLevel: 'warning',
})
writeLicences(page.metafile, join(pageTo, 'THIRD-PARTY-LICENSES.txt'), 'The scripts')
