/**
 * Walks through the paywall page in a real browser, on a devnet, as test/page/steps.ts has it. Ends with 1 when a step
 * fails. `npm run e2e:page`. The browser is Debian's `chromium`, or the one that NANO402_CHROMIUM names.
 *
 *   --json         prints `{ passed, failed, steps, screenshots }`, and nothing else on stdout
 *   --only text    runs the steps that have this in their names
 *   --out folder   where pictures go: test-artifacts/page
 */
import { parseArgs } from 'node:util'
import { ALL_STEPS, runSteps } from '../test/page/steps.ts'

const { values: options } = parseArgs({
  options: {
    json: { type: 'boolean', default: false },
    only: { type: 'string', default: '' },
    out: { type: 'string', default: 'test-artifacts/page' },
  },
})

const chosen = ALL_STEPS.filter(({ name }) => name.includes(options.only))
const { results: steps, screenshots } = await runSteps(chosen, options.out)
const passed = steps.filter((step) => step.passed).length
const failed = steps.length - passed
if (options.json) console.log(JSON.stringify({ passed, failed, steps, screenshots }, null, 2))
else {
  for (const { name, passed, ms, problem } of steps) {
    console.log(`${passed ? ' ' : 'x'} ${name} (${ms} ms)${problem ? `\n    ${problem}` : ''}`)
  }
  console.log(`${passed} passed, ${failed} failed; pictures in ${options.out}`)
}
process.exitCode = failed === 0 && passed > 0 ? 0 : 1
