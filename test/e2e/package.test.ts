/** The package as a stranger gets it. scripts/check-package.ts says what is looked at. */
import { expect, test } from 'vitest'
import { startChild } from '../support/child.ts'
import { isRegistryThere } from '../support/registry.ts'

test('the packed tarball installs, imports, bundles for the edge and compiles within its limits', {
  timeout: 90_000,
}, async ({ skip }) => {
  skip(!(await isRegistryThere('the package')), 'no registry')
  await using check = startChild('npm', ['run', '--silent', 'check:package'])
  expect(await check.ended, check.output()).toBe(0)
  expect(check.output()).toMatch(/edge bundle of hono, gzipped +[\d.]+ kB of 60 kB/)
})
