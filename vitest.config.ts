import { existsSync } from 'node:fs'
import { configDefaults, defineConfig } from 'vitest/config'
import { NOT_OVER_TLS } from './test/e2e/not-over-tls.js'

/** `npm run e2e-tls`: what the kit starts speaks TLS (test/kit/transport.ts). */
const leftOut = process.env.TEST_OVER_TLS === '1' ? Object.entries(NOT_OVER_TLS) : []
for (const [file, why] of leftOut) {
  if (!existsSync(file)) throw new Error(`not-over-tls.ts: there is no ${file}`)
  console.log(`left out: ${file}: ${why}`)
}

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, ...leftOut.map(([file]) => file)],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    // Two cores are what a small machine has. Many tests wait for processes of their own: a third worker fills the gaps.
    maxWorkers: 3,
    reporters: ['default', ['json', { outputFile: 'test-results/vitest.json' }]],
  },
})
