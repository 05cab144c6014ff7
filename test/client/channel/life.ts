/** A process that ends in the middle of what it does, as its surroundings see it. */
import type { Journal } from 'nano402/client'
import type { NanoNode } from 'nano402/rpc'

/** Counts what has happened, and lets nothing happen any more from the given one on: what a process that was killed does. */
export function lifeUntil(last: number, devnet: NanoNode) {
  let steps = 0
  let die = () => {}
  const death = new Promise<'dead'>((resolve) => {
    die = () => resolve('dead')
  })
  const step = async () => {
    steps++
    if (steps < last) return
    die()
    await new Promise(() => {})
  }
  const after = async <T>(task: () => Promise<T>): Promise<T> => {
    const result = await task()
    await step()
    return result
  }
  const mortal = (journal: Journal): Journal => ({
    load: () => journal.load(),
    put: (entry) => after(() => journal.put(entry)),
  })
  const node: NanoNode = {
    call: (action, parameters, signal) =>
      action === 'process'
        ? after(() => devnet.call(action, parameters, signal))
        : devnet.call(action, parameters, signal),
  }
  return { death, after, mortal, node, steps: () => steps }
}
