/** What the peers' stubs have in common. */

export const NETWORK = 'eip155:84532'
export const ADDRESS = '0x1111111111111111111111111111111111111111'
export const HASH = `0x${'ab'.repeat(32)}` as const
export const SIGNATURE = `0x${'12'.repeat(65)}` as const

/** Lets `fetch` answer below this origin by the last part of the path, at once and with fresh JSON each time. */
export function answeringFetch(origin: string, answers: Readonly<Record<string, unknown>>): void {
  const before = globalThis.fetch
  globalThis.fetch = async (input, init) => {
    const url = String(input)
    if (!url.startsWith(origin)) return before(input, init)
    const answer = answers[url.slice(url.lastIndexOf('/') + 1)]
    return Response.json(typeof answer === 'function' ? answer(JSON.parse(String(init?.body))) : answer)
  }
}
