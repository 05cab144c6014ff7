import { defineConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

/** Spends XNO, so it is no part of `npm test`: `npm run test:integration`. */
export default defineConfig({
  ...base,
  test: {
    include: ['test/integration/*.test.ts'],
    globalSetup: 'test/integration/setup.ts',
    // Work that is done on this machine takes minutes on nano:mainnet.
    testTimeout: 900_000,
    hookTimeout: 60_000,
  },
})
