/** The steps of a paid request at which a server can be told to stop, and a store and a node that tell of those that they see. */
import type { Store } from 'nano402'
import type { NanoNode } from 'nano402/rpc'

export type Step =
  | 'before claim'
  | 'between claims'
  | 'after claim'
  | 'after publishing'
  | 'in handler'
  | 'before commit'
  | 'between commits'
  | 'after commit'
  | 'after first byte'
  | 'before noting'
/** Told of each step. Does not resolve where the server is to stop. */
export type Reach = (step: Step) => Promise<void>

/** A store that tells of the steps of the first paid request. Commits wait for each other, so that it can stop between. */
export function watchSteps(store: Store, reach: Reach): Store {
  let claims = 0
  let commits = 0
  let committed: Promise<unknown> = Promise.resolve()
  return {
    ...store,
    async claim(...claim) {
      if (claims === 0) await reach('before claim')
      const result = await store.claim(...claim)
      await reach(++claims === 1 ? 'between claims' : 'after claim')
      return result
    },
    commit(...commit) {
      const turn = committed.then(async () => {
        if (commits === 0) await reach('before commit')
        const result = await store.commit(...commit)
        await reach(++commits === 1 ? 'between commits' : 'after commit')
        return result
      })
      committed = turn
      return turn
    },
    async write(...record) {
      await reach('before noting')
      return store.write(...record)
    },
  }
}

/** A node that tells when it has taken a block. */
export const watchNode = (node: NanoNode, reach: Reach): NanoNode => ({
  async call(action, parameters, signal) {
    const answer = await node.call(action, parameters, signal)
    if (action === 'process') await reach('after publishing')
    return answer
  },
})
