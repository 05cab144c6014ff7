import { defineConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

/** The commands of package.json, as they are started: `npm run test:commands`. Whole programs, so no part of `npm test`. */
export default defineConfig({
  ...base,
  test: { ...base.test, include: ['test/commands/*.test.ts'], exclude: [] },
})
