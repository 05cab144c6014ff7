import { join } from 'node:path'

/** Built in a folder of test/interop/test-artifacts, with the packages of test/interop. Its types `tsc` has checked. */
export default {
  turbopack: { root: join(import.meta.dirname, '../../../..') },
  typescript: { ignoreBuildErrors: true },
}
