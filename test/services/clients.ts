/** One client of the stress run, for each custodian: it opens a channel, pays in it, and has the rest back. */
import type { Devnet } from 'nano402/devnet'
import { accountSigner, createIssuerClient } from 'nano402/issuer'
import { parseXno } from 'nano402/nano'
import { receivable } from 'nano402/rpc'
import { requestHash } from '../../src/channel/binding.ts'
import type { ChannelConfig } from '../../src/channel/config.ts'
import { sha256 } from '../../src/channel/sha256.ts'
import type { ChannelPayload } from '../../src/channel/wire.ts'
import { createProver, ownTerms } from '../../src/client/channel/prover.ts'
import { headersFor } from '../../src/client/channel/talk.ts'
import { randomHex } from '../../src/core/bytes.ts'
import { type Ask, channelOfferOf, extraOf, outcomeOf, prepareChannel } from '../channel/client.ts'
import { offerOf, type Purse, proofHeader } from '../support/world.ts'

export interface StressClient {
  open(): Promise<Response>
  /** So many units in all. */
  pay(units: number): Promise<Response>
  /** Resolves when the rest is in a confirmed block of the ledger. */
  finish(): Promise<void>
}

const PATH = '/paid'
const MAX_K = 10
/** What is on its way is asked for again after so long. */
const AGAIN_MS = 250
const later = () => new Promise((resolve) => setTimeout(resolve, AGAIN_MS))

/** The payee holds its deposit. */
export async function payeeClient(vendor: string, purse: Purse): Promise<StressClient> {
  const ask: Ask = (_path, init) => fetch(vendor + PATH, init)
  const channel = await prepareChannel(ask, purse, { maxK: MAX_K })
  return {
    open: () => channel.openOnly(),
    pay: (units) => channel.pay(units, { request: { path: PATH } }),
    async finish() {
      for (;;) {
        // 204 with the refund's block, or asked again while that is being made.
        const answer = await channel.close()
        if (answer.status === 204 && outcomeOf(answer).channelState.phase === 'closed') return
        await later()
      }
    },
  }
}

/** An issuer does: it deposits there, locks most of that for the vendor, and has all that is left paid out. */
export async function issuerClient(
  vendor: string,
  purse: Purse,
  { url, publicKey, devnet }: { readonly url: string; readonly publicKey: string; readonly devnet: Devnet },
): Promise<StressClient> {
  const { key, account: payer } = purse
  const bank = createIssuerClient({ url, issuer: publicKey, signer: accountSigner(key) })
  const to = bank.depositUrl(parseXno('0.003'))
  const deposit = offerOf(await fetch(to, { method: 'POST' }))
  const block = await purse.pay(deposit)
  const credited = await fetch(to, { method: 'POST', headers: proofHeader(deposit, block) })
  if (!credited.ok) throw new Error(`A deposit was answered ${credited.status}.`)

  const offer = channelOfferOf(await fetch(vendor + PATH))
  const extra = extraOf(offer)
  const salt = randomHex(16).toUpperCase()
  const { terms, chain } = await ownTerms(key, salt, { maxK: MAX_K })
  const config = {
    ...{ network: offer.network, custodian: 'issuer', issuer: publicKey, payer, payee: offer.payTo },
    ...{ origin: vendor, refundTo: payer, expiresAt: extra.expiresAt, closeGrace: extra.closeGraceSeconds, salt },
    ...{ nonce: extra.nonce, mode: 'payword-sha256', unit: extra.unit, maxK: MAX_K, ...terms },
  } as ChannelConfig
  const certificate = await bank.open(config, parseXno('0.002'))
  const prover = await createProver(config, key, chain)
  if (!prover) throw new Error('unreachable')
  const show = (payload: ChannelPayload, paymentId?: string) =>
    fetch(vendor + PATH, { headers: headersFor(offer, { payload, ...(paymentId && { paymentId }) }) })
  const bound = requestHash({ method: 'GET', url: PATH, bodyHash: sha256(new Uint8Array(0)) })
  return {
    open: () => show({ type: 'open', config, macKey: prover.macKey, certificate: { ...certificate } }),
    async pay(units) {
      const paymentId = randomHex(16)
      const reach = BigInt(units) * BigInt(extra.unit)
      return show(await prover.prove('pay', { reach, paymentId, requestHash: bound }), paymentId)
    },
    async finish() {
      const closed = outcomeOf(await show({ type: 'close', channelId: prover.id, mac: prover.macOf('close') }))
      if (!closed.release) throw new Error('A close without a release.')
      await bank.close(prover.id, closed.release)
      const { balance } = await bank.account()
      await bank.withdraw(BigInt(balance))
      while ((await receivable(devnet, payer, { count: 1 })).length === 0) await later()
    },
  }
}
