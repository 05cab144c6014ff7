/** What the integration test is told, in the environment or in e2e.env. */
import { existsSync } from 'node:fs'
import type { WorkOption } from 'nano402/client'
import { derivePrivateKey, derivePublicKey, publicKeyToAddress } from 'nano402/nano'
import type { Network } from 'nano402/rpc'

/** Without these nothing starts: who may spend what, where, is nothing to have a default for. */
const REQUIRED = {
  NANO402_NETWORK: 'nano:mainnet, or nano:devnet for a devnet',
  NANO402_RPC_URL: 'the URL of a Nano node',
  NANO402_SEED: '64 hex digits; its account 0 pays',
}

/** In XNO. Two requests are paid for, tags included. */
const PRICE = '0.00001'
const TOTAL = '0.000021'

export function readSettings() {
  const file = process.env.E2E_ENV_FILE ?? 'e2e.env'
  if (file !== '' && existsSync(file)) process.loadEnvFile(file)
  const missing = Object.entries(REQUIRED).filter(([name]) => !process.env[name])
  if (missing.length > 0) {
    const list = missing.map(([name, meaning]) => `  ${name}: ${meaning}`)
    throw new Error(
      `This spends XNO. Set what is missing, here or in e2e.env (see e2e.env.example):\n${list.join('\n')}`,
    )
  }
  const { NANO402_NETWORK: network, NANO402_RPC_URL: rpc = '', NANO402_SEED: seed = '' } = process.env
  const { NANO402_WS_URL: ws, NANO402_WORK: work = 'node', NANO402_PAY_TO } = process.env
  const accountOf = (index: number) => publicKeyToAddress(derivePublicKey(derivePrivateKey(seed, index)))
  return {
    network: network as Network,
    rpc,
    seed,
    ...(ws && { ws }),
    work: work as WorkOption,
    account: accountOf(0),
    payTo: NANO402_PAY_TO || accountOf(1),
    price: PRICE,
    total: TOTAL,
  }
}
