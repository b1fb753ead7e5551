/** docs/api.md says what the built package exports: whoever changes the one runs `npm run api-docs` for the other. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, it } from 'vitest'
import { referencePage } from '../../scripts/api-docs/reference.js'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

it('docs/api.md is what the sources say', () => {
  const folder = mkdtempSync(join(tmpdir(), 'tnl-api-'))
  try {
    expect(referencePage(ROOT, folder)).toBe(readFileSync(join(ROOT, 'docs/api.md'), 'utf8'))
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}, 120_000)
