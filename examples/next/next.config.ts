import { join } from 'node:path'
import type { NextConfig } from 'next'

export default {
  // nano402 is linked to the repository that this example is part of; one that has it from npm needs none of this.
  turbopack: { root: join(import.meta.dirname, '../..') },
} satisfies NextConfig
