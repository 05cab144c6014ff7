import { join } from 'node:path'

/** Built in a folder of test-artifacts, with packages of examples/next and of the repository. Its types `tsc` has checked. */
export default {
  turbopack: { root: join(import.meta.dirname, '../..') },
  typescript: { ignoreBuildErrors: true },
}
