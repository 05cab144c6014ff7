/** At once: what comes next from the network is not known here, and a timer would hold up each request for milliseconds. */
export const endOfTurn = (): Promise<void> => Promise.resolve()
