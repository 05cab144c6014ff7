/** The paywall page in a real browser. `npm run e2e:page` walks through all of it. */
import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { ALL_STEPS, runSteps } from '../page/steps.ts'
import { CHROMIUM } from '../page/visit.ts'

/** On a machine of one's own a browser may be missing. */
const hasBrowser = Boolean(process.env.CI) || existsSync(CHROMIUM)

test.runIf(hasBrowser)(
  'a person pays in a browser, and gets the content, with and without JavaScript',
  async () => {
    const chosen = ALL_STEPS.filter(({ name }) => /^(Express 5: from|without JavaScript)/.test(name))
    const { results } = await runSteps(chosen)
    expect(results.map(({ problem }) => problem)).toEqual([undefined, undefined])
  },
  60_000,
)
