import { fileURLToPath } from 'node:url'
import { configDefaults, defineConfig } from 'vitest/config'

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url))

/** Tests import the library by its published names and run its source. */
export default defineConfig({
  resolve: {
    alias: [
      { find: /^#(.+)$/, replacement: here('./src/$1.node.ts') },
      { find: /^nano402$/, replacement: here('./src/index.ts') },
      { find: /^nano402\/(express|hono|next)$/, replacement: here('./adapters/$1.ts') },
      { find: /^nano402\/(x402|faremeter|nanosession)$/, replacement: here('./src/sdk/$1.ts') },
      { find: /^nano402\/(\w+\/\w+)$/, replacement: here('./src/$1.ts') },
      { find: /^nano402\/(\w+)$/, replacement: here('./src/$1/index.ts') },
    ],
  },
  test: {
    include: ['test/**/*.test.ts'],
    exclude: [...configDefaults.exclude, 'test/e2e', 'test/integration', 'test/services'],
    globalSetup: 'test/support/build.ts',
    maxWorkers: 2,
    // Files take turns in a worker and share the modules under test: to load them anew for each took a third of the time.
    isolate: false,
    testTimeout: 20_000,
    hookTimeout: 60_000,
    onConsoleLog(log) {
      // The secret of test/support/world.ts, or a payment header: base64 of {"x402Version":
      if (/a-secret-of-the-test-suite|eyJ4NDAyVmVyc2lvbiI6/.test(log))
        throw new Error('A secret or a proof was printed.')
    },
  },
})
