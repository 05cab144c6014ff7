/** The attacks that go over a socket, in the order in which they are run. */
import { answers } from './answers.ts'
import type { Attack } from './attack.ts'
import { binding } from './binding.ts'
import { input } from './input.ts'
import { mechanisms } from './mechanisms.ts'
import { replay } from './replay.ts'
import { routing } from './routing.ts'

export const ATTACKS: readonly Attack[] = [...replay, ...mechanisms, ...binding, ...routing, ...input, ...answers]
