/** Resolves when everything has been read that came in over the network in this turn of the event loop. */
export const endOfTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))
