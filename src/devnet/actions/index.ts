/** Every action of the devnet, by name. */
import { accountActions } from './accounts.ts'
import type { Action } from './action.ts'
import { blockActions } from './blocks.ts'
import { historyActions } from './history.ts'
import { keyActions } from './keys.ts'
import { nodeActions } from './node.ts'
import { processActions } from './process.ts'
import { receivableActions } from './receivables.ts'
import { workActions } from './work.ts'

export const ACTIONS: ReadonlyMap<string, Action> = new Map(
  Object.entries({
    ...accountActions,
    ...blockActions,
    ...historyActions,
    ...keyActions,
    ...nodeActions,
    ...processActions,
    ...receivableActions,
    ...workActions,
  }),
)
