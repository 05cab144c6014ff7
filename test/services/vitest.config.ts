import { defineConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

/** What needs services that are up (`npm run test:e2e`), and what takes minutes (`npm run test:stress`). */
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['test/services/*.test.ts'], exclude: [], globalSetup: [], fileParallelism: false },
})
