/**
 * Pays for one request, and prints what it bought.
 *
 *   NANO402_SEED=... NANO402_RPC_URL=https://... npm run --silent example examples/pay.ts https://api.example.com/report
 *
 * NANO402_NETWORK is `nano:mainnet` unless it says otherwise, NANO402_BUDGET the most XNO to pay (0.01), and
 * NANO402_JOURNAL a file that remembers payments, so that none is made twice when this is killed and started again.
 */
import { createPayer } from 'nano402/client'
import type { Network } from 'nano402/rpc'
import { storyteller } from './steps.ts'

async function main(url: string | undefined) {
  const { NANO402_SEED: seed, NANO402_RPC_URL: rpc, NANO402_JOURNAL: journal } = process.env
  const { NANO402_NETWORK: network = 'nano:mainnet', NANO402_BUDGET: budget = '0.01' } = process.env
  if (!url) throw new Error('Say what to pay for: pay.ts <url>')
  if (!seed || !rpc) throw new Error('Set NANO402_SEED (64 hex digits) and NANO402_RPC_URL (a Nano node).')

  const payer = createPayer({
    seed,
    rpc,
    network: network as Network,
    budget: { perRequest: budget, total: budget },
    onEvent: storyteller(console.error).tell, // what was bought has stdout for itself
    ...(journal && { journal }),
  })
  try {
    const response = await payer.fetch(url)
    console.log(await response.text())
    if (!response.ok) throw new Error(`The answer has status ${response.status}.`)
  } finally {
    payer.close()
  }
}

main(process.argv[2]).catch((error: Error) => {
  console.error(`Failed: ${error.message}`)
  process.exitCode = 1
})
