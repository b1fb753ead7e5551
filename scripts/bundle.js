// Makes one file of each program that lives for a moment (docs/adr/0019): to find and read some 80 modules takes longer than
// the lock. Runs after tsc, whose entry files it replaces. The server and the library stay as they are.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const out = join(root, 'dist/cli')
const { version, optionalDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

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
 * The room that reads and writes snapshots needs the store, with all its machine code, which no other command does: `tnl` finds
 * it beside itself when it is asked for, as it lies there.
 */
const snapshotsBeside = {
  name: 'snapshots-beside',
  setup(bundler) {
    bundler.onResolve({ filter: /^\.\.\/snapshot\// }, ({ path }) => ({
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
  plugins: [fixedVersion, snapshotsBeside],
  // Programs that `tnl` becomes, each a file of its own; and what holds machine code.
  external: ['./tnl-server.js', './tnl-do.js', './tnl-client.js', ...Object.keys(optionalDependencies ?? {})],
  // CommonJS packages inside ask for Node's own modules.
  banner: {
    js: "import{createRequire as bundledRequire}from'node:module';const require=bundledRequire(import.meta.url);",
  },
  logLevel: 'warning',
})

const packages = new Set(
  Object.keys(metafile.inputs).flatMap((file) => /^(.*node_modules\/(?:@[^/]+\/)?[^/]+)\//.exec(file)?.[1] ?? []),
)
const notices = [...packages].sort().map((folder) => {
  const { name, version: itsVersion, license } = JSON.parse(readFileSync(join(root, folder, 'package.json'), 'utf8'))
  const file = ['LICENSE', 'LICENSE.txt', 'LICENSE.md', 'license']
    .map((text) => join(root, folder, text))
    .find(existsSync)
  if (file === undefined) throw new Error(`${name} is bundled and brings no licence text`)
  return `${name} ${itsVersion} (${license})\n\n${readFileSync(file, 'utf8').trim()}\n`
})
writeFileSync(
  join(out, 'THIRD-PARTY-LICENSES.txt'),
  `The programs in this folder contain:\n\n${notices.join(`\n${'-'.repeat(80)}\n\n`)}`,
)
