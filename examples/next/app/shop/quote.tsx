'use client'

import type { Payer } from 'nano402/client'
import { useEffect, useState } from 'react'
import { openPocket } from './pocket'
import { usePaid } from './use-paid'

interface Props {
  readonly network: string | undefined
  readonly rpc: string
}

/** Buys from the API of this application, out of the pocket money of this browser. */
export function Quote({ network, rpc }: Props) {
  const [payer, setPayer] = useState<Payer>()
  useEffect(() => {
    const pocket = openPocket({ network: network === 'nano:devnet' ? network : 'nano:mainnet', rpc })
    setPayer(pocket)
    return () => void pocket.close()
  }, [network, rpc])
  const quote = usePaid<{ bid: string; ask: string }>('/quote', payer)

  return (
    <>
      <p>
        Your pocket: <code id="pocket">{payer?.address}</code>. Send it <a href={`nano:${payer?.address}`}>some XNO</a>.
      </p>
      <p>
        <button type="button" onClick={quote.buy} disabled={!payer || quote.state === 'paying'}>
          Buy a quote
        </button>
      </p>
      <p role="status">
        {quote.state === 'paying' && 'Paying...'}
        {quote.state === 'paid' && `Bid ${quote.data.bid}, ask ${quote.data.ask}.`}
        {quote.state === 'failed' && quote.reason}
      </p>
    </>
  )
}
