import { defineConfig } from 'vitest/config'
import base from '../../vitest.config.ts'

const { NANO402_KILLS = '100', NANO402_LOAD_PAYMENTS = '10000' } = process.env

/** The crash and load tests in full, with what they counted: `npm run test:crash`, `npm run test:load`. */
export default defineConfig({
  ...base,
  test: {
    ...base.test,
    include: ['test/crash/*.test.ts'],
    globalSetup: [],
    fileParallelism: false,
    env: { NANO402_KILLS, NANO402_LOAD_PAYMENTS },
  },
})
