/** Channels for tests: configs, deposits and stores. */
import { blockHash, derivePrivateKey, derivePublicKey, publicKeyToAddress } from 'nano402/nano'
import type { PayWordConfig, VoucherConfig } from '../../src/channel/config.ts'
import type { Reservation } from '../../src/channel/record.ts'
import { randomHex } from '../../src/core/bytes.ts'

export const NOW_MS = 1_800_000_000_000
export const EXPIRES_AT_MS = NOW_MS + 3_600_000

export const keyOf = (digit: string) => derivePrivateKey(digit.repeat(64), 0)
export const accountOf = (digit: string) => publicKeyToAddress(derivePublicKey(keyOf(digit)))

export const paywordConfig = (change: Partial<PayWordConfig> = {}): PayWordConfig => ({
  network: 'nano:devnet',
  custodian: 'payee',
  payer: accountOf('1'),
  payee: accountOf('2'),
  origin: 'https://api.example.com',
  mode: 'payword-sha256',
  unit: '1000',
  root: 'A'.repeat(64),
  maxK: 1_000,
  macKeyHash: 'B'.repeat(64),
  refundTo: accountOf('1'),
  expiresAt: EXPIRES_AT_MS / 1_000,
  closeGrace: 60,
  salt: 'C'.repeat(32),
  nonce: 'nonce',
  ...change,
})

export const voucherConfig = (change: Partial<VoucherConfig> = {}): VoucherConfig => {
  const { unit: _unit, root: _root, maxK: _maxK, ...rest } = paywordConfig()
  return { ...rest, mode: 'voucher-ed25519', sessionKey: 'D'.repeat(64), ...change }
}

/** A channel that no other test has. */
export const freshTerms = (change: Partial<PayWordConfig> = {}) => ({
  config: paywordConfig({ nonce: randomHex(16), ...change }),
  macKey: 'E'.repeat(64),
})

export const freshBlock = () => blockHash(randomHex(32))

/** A reservation of `amount` by a proof for `reach` in all. */
export const order = (id: string, reach: bigint, change: Partial<Reservation> = {}): Reservation => ({
  id,
  fingerprint: 'request',
  owner: `owner of ${id}`,
  reach,
  proof: `proof of ${reach}`,
  amount: 1n,
  leaseEndsAtMs: NOW_MS + 60_000,
  ...change,
})
