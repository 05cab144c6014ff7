import type { Payer } from 'nano402/client'
import { useState } from 'react'

export type Purchase<T> =
  | { readonly state: 'idle' | 'paying' }
  | { readonly state: 'paid'; readonly data: T }
  | { readonly state: 'failed'; readonly reason: string }

/** Buys JSON from a paid route, each time `buy` is called. */
export function usePaid<T>(url: string, payer: Payer | undefined) {
  const [purchase, setPurchase] = useState<Purchase<T>>({ state: 'idle' })

  async function buy() {
    if (!payer || purchase.state === 'paying') return
    setPurchase({ state: 'paying' })
    try {
      const answer = await payer.fetch(url)
      if (!answer.ok) throw new Error(`The shop answered with ${answer.status}.`)
      setPurchase({ state: 'paid', data: await answer.json() })
    } catch (error) {
      setPurchase({ state: 'failed', reason: error instanceof Error ? error.message : String(error) })
    }
  }
  return { ...purchase, buy }
}
