import { defineConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

/**
 * `npm run fuzz`: 100,000 cases. `FUZZ_RUNS` sets another number. A case that fails is printed with its seed, and
 * `FUZZ_SEED=<seed>` tries it again.
 */
export default defineConfig({
  ...base,
  test: {
    include: ['test/fuzz/*.test.ts'],
    env: { FUZZ_RUNS: process.env.FUZZ_RUNS ?? '100000' },
    testTimeout: 1_800_000,
    hookTimeout: 60_000,
  },
})
