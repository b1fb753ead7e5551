/** Writes docs/api.md, the reference of the library, from the types and comments of what the package exports (ADR 36). */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { referencePage } from './api-docs/reference.js'

const ROOT = fileURLToPath(new URL('..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'tnl-api-'))
try {
  writeFileSync(join(ROOT, 'docs/api.md'), referencePage(ROOT, folder))
} finally {
  rmSync(folder, { recursive: true, force: true })
}
