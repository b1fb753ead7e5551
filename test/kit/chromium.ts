/** Where a browser is, for tests of the dashboard: Debian's chromium, or what `TNL_CHROMIUM` names. */
import { existsSync } from 'node:fs'

export const CHROMIUM = [
  process.env.TNL_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
].find((path) => path !== undefined && existsSync(path))
if (CHROMIUM === undefined) {
  console.warn(
    'SKIPPED: no Chromium is here (Debian: chromium; or TNL_CHROMIUM=PATH), so the dashboard is not tried in a browser',
  )
}

/** Without these it would look for hosts of its maker's. */
export const CHROMIUM_WORDS: readonly string[] = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
]
