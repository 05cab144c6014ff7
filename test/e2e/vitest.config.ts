import { defineConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

/** Whole programs, as they are started: examples, a built Next.js application, a browser, the commands of package.json. */
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['test/e2e/*.test.ts'], exclude: [] },
})
