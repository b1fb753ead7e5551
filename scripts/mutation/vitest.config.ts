import { defineConfig } from 'vitest/config'

/** Unit tests only: what runs `dist`, whole clusters or the mutants of `test/mutants` would not see a change of one line here. */
const UNIT_TESTS = 'test/{cli,client,locks,net,node,raft,server,store}/**/*.test.ts'

export default defineConfig({
  test: {
    include: (process.env.MUTATION_TESTS ?? UNIT_TESTS).split(' '),
    testTimeout: 60_000,
    hookTimeout: 60_000,
  },
})
