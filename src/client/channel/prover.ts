/** What a payer shows of one channel: tokens or vouchers, and the MACs of all else. It all follows from the account's key. */
import { ed25519Signer, ed25519Verifier } from '#channel/ed25519'
import { closeBytes, type ProofKind, proofBytes, stateBytes, topUpBytes } from '../../channel/binding.ts'
import { type ChannelConfig, type ChannelId, channelId } from '../../channel/config.ts'
import { type Chain, createChain } from '../../channel/payword.ts'
import { deriveChannelSecrets } from '../../channel/secrets.ts'
import { hmacSha256, sha256 } from '../../channel/sha256.ts'
import type { LastProof, ShownProof } from '../../channel/wire.ts'
import { bytesToHex, hexToBytes } from '../../nano/hex.ts'
import type { PrivateKey } from '../../nano/index.ts'

/** The parts of a config that follow from the key and the salt. */
export interface OwnTerms {
  readonly macKeyHash: string
  readonly root?: string
  readonly sessionKey?: string
}

export interface Prover {
  readonly id: ChannelId
  /** 64 hex digits. Shown when the channel opens. */
  readonly macKey: string
  /** A proof for a request. `reach`: what it authorises in all, in raw, a multiple of the unit in a chain. */
  prove(
    use: 'pay' | 'authorize',
    said: { readonly reach: bigint; readonly paymentId: string; readonly requestHash: Uint8Array },
  ): Promise<ShownProof>
  macOf(what: 'close' | 'state' | { readonly topUp: string }): string
  /** What a proof that is said to be our own authorises in all, in raw. Undefined: it is not ours. */
  reachOf(proof: LastProof): Promise<bigint | undefined>
}

/** The secret parts of a channel that is to be opened. */
export async function ownTerms(
  key: PrivateKey,
  salt: string,
  mode: { readonly maxK: number } | 'voucher',
): Promise<{ readonly terms: OwnTerms; readonly chain?: Chain }> {
  const secrets = deriveChannelSecrets(key, hexToBytes(salt))
  const macKeyHash = bytesToHex(sha256(secrets.macKey))
  if (mode === 'voucher') {
    const { publicKey } = await ed25519Signer(secrets.sessionSeed)
    return { terms: { macKeyHash, sessionKey: bytesToHex(publicKey) } }
  }
  const chain = await createChain({ seed: secrets.chainSeed, salt: hexToBytes(salt), maxK: mode.maxK })
  return { terms: { macKeyHash, root: bytesToHex(chain.root) }, chain }
}

/**
 * Undefined: the config is not one that this key made.
 *
 * @param made - The channel's chain, if it was computed already.
 */
export async function createProver(config: ChannelConfig, key: PrivateKey, made?: Chain): Promise<Prover | undefined> {
  const id = channelId(config)
  const salt = hexToBytes(config.salt)
  const { macKey, chainSeed, sessionSeed } = deriveChannelSecrets(key, salt)
  if (bytesToHex(sha256(macKey)) !== config.macKeyHash) return undefined
  const mac = hmacSha256(macKey)
  const macOf = (bytes: Uint8Array) => bytesToHex(mac(bytes))
  const common = {
    id,
    macKey: bytesToHex(macKey),
    macOf: (what: Parameters<Prover['macOf']>[0]) => {
      if (what === 'close') return macOf(closeBytes(id))
      return macOf(what === 'state' ? stateBytes(id) : topUpBytes(id, what.topUp))
    },
  }
  const kindOf = (type: 'token' | 'voucher', use: 'pay' | 'authorize'): ProofKind =>
    use === 'pay' ? type : `authorize-${type}`

  if (config.mode === 'payword-sha256') {
    const chain = made ?? (await createChain({ seed: chainSeed, salt, maxK: config.maxK }))
    if (bytesToHex(chain.root) !== config.root) return undefined
    const unit = BigInt(config.unit)
    return {
      ...common,
      async prove(use, { reach, paymentId, requestHash }) {
        const k = Number(reach / unit)
        const statement = { channelId: id, reach: String(k), paymentId, requestHash }
        const token = bytesToHex(chain.token(k))
        return { type: 'token', channelId: id, k, token, mac: macOf(proofBytes(kindOf('token', use), statement)) }
      },
      async reachOf(proof) {
        if (!('k' in proof) || proof.k < 1 || proof.k > config.maxK) return undefined
        return bytesToHex(chain.token(proof.k)) === proof.token ? BigInt(proof.k) * unit : undefined
      },
    }
  }
  const signer = await ed25519Signer(sessionSeed)
  if (bytesToHex(signer.publicKey) !== config.sessionKey) return undefined
  const isSigned = await ed25519Verifier(signer.publicKey)
  return {
    ...common,
    async prove(use, { reach, paymentId, requestHash }) {
      const statement = { channelId: id, reach: String(reach), paymentId, requestHash }
      const bytes = proofBytes(kindOf('voucher', use), statement)
      const signature = bytesToHex(await signer.sign(bytes))
      return { type: 'voucher', channelId: id, cumulative: reach, signature, mac: macOf(bytes) }
    },
    async reachOf(proof) {
      if (!('cumulative' in proof)) return undefined
      const { cumulative, signature, kind, paymentId, requestHash } = proof
      const statement = { channelId: id, reach: cumulative, paymentId, requestHash: hexToBytes(requestHash) }
      return (await isSigned(proofBytes(kind, statement), hexToBytes(signature))) ? BigInt(cumulative) : undefined
    },
  }
}
