// Plain JavaScript without dependencies: it runs on a bare clone, before anything is installed.
import { spawnSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'

const modifiedMs = (path) => (existsSync(path) ? statSync(path).mtimeMs : 0)

const newestMs = (dir) =>
  readdirSync(dir, { withFileTypes: true, recursive: true })
    .filter((entry) => entry.isFile())
    .reduce((newest, entry) => Math.max(newest, modifiedMs(join(entry.parentPath ?? entry.path, entry.name))), 0)

const npm = (...args) => {
  const { status } = spawnSync('npm', args, { stdio: ['ignore', 2, 2], shell: process.platform === 'win32' })
  if (status !== 0) process.exit(status ?? 1)
}

const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
if (major < 20 || (major === 20 && minor < 19)) {
  console.error(`tcpnetlock needs Node.js 20.19 or newer, this is ${process.versions.node}`)
  process.exit(2)
}
if (modifiedMs('node_modules/.package-lock.json') < modifiedMs('package-lock.json')) {
  // npm ci empties what a link points to, which belongs to somebody else.
  if (lstatSync('node_modules', { throwIfNoEntry: false })?.isSymbolicLink()) {
    console.error(
      'node_modules is a link, and what it points to does not fit package-lock.json: remove the link, or run npm ci where it points to',
    )
    process.exit(2)
  }
  console.error('installing dependencies (npm ci)')
  npm('ci', '--no-audit', '--no-fund', '--loglevel=error')
}
const stamp = 'dist/.built'
const settings = ['package.json', 'tsconfig.json', 'scripts/bundle.js'].map(modifiedMs)
if (modifiedMs(stamp) < Math.max(newestMs('src'), ...settings)) {
  console.error('building (npm run build)')
  npm('run', '-s', 'build')
  writeFileSync(stamp, '')
}
