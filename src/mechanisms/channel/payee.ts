/**
 * The payee of channels: its channels in the store, and what it does by itself. Where it holds the deposits
 * (`custodian: 'payee'`), that is to refund what has expired and to give back what nobody opened, out of its wallet; where
 * issuers hold them, to redeem what has expired, and to have what is ours there paid out.
 */
import { type CheckCertificate, createCertificateCheck } from '../../channel/certificate.ts'
import { type Channels, createChannels } from '../../channel/channels.ts'
import { createJudge, type JudgeProof } from '../../channel/proof.ts'
import type { EventListener } from '../../core/events.ts'
import type { Seal } from '../../core/seal.ts'
import type { Store } from '../../core/store.ts'
import { createSentBlocks } from '../../custody/chain.ts'
import { createPayouts } from '../../custody/payouts.ts'
import { requireOneUse } from '../../custody/use.ts'
import { accountSigner } from '../../issuer/request.ts'
import {
  derivePublicKey,
  type NanoAddress,
  type PrivateKey,
  publicKeyToAddress,
  WORK_THRESHOLDS,
} from '../../nano/index.ts'
import type { Ledger, NanoNode, Network } from '../../rpc/index.ts'
import { unref } from '../../rpc/wait.ts'
import { createWorkSource, type WorkOption } from '../../wallet/work.ts'
import { takeCensus } from './census.ts'
import { type Closing, createClosing } from './closing.ts'
import { createDeposits, type Deposits } from './deposits.ts'
import { createOffering, type Offering } from './offer.ts'
import { createRate } from './rate.ts'
import { createReceipts, type Receipts } from './receipts.ts'
import { createRedeeming, type Redeeming } from './redeeming.ts'
import type { ChannelSettings } from './settings.ts'
import { refundUnopened } from './unopened.ts'

export interface PayeeOptions {
  readonly settings: ChannelSettings
  /** Of the deposit account, which is used for nothing else. */
  readonly key: PrivateKey
  readonly work: WorkOption
  readonly representative: NanoAddress | undefined
  readonly seal: Seal
  readonly store: Store
  readonly node: NanoNode
  readonly ledger: Ledger
  readonly network: Network
  readonly realm: string
  /** Empty: not known. */
  readonly origin: string
  readonly confirmTimeoutMs: number
  /** For how long a process that was killed keeps the others from the account. */
  readonly leaseMs: number
  readonly emit?: EventListener | undefined
}

/** Whom the cashiers of all routes share. */
export interface Payee {
  readonly network: Network
  readonly origin: string
  readonly account: NanoAddress
  readonly store: Store
  readonly channels: Channels
  readonly judge: JudgeProof
  /** One for each that may hold deposits. */
  readonly offerings: readonly Offering[]
  /** What a certificate is worth to us, or why nothing. Asks nobody. */
  readonly check: CheckCertificate
  readonly deposits: Deposits
  readonly receipts: Receipts
  readonly closing: Closing
  readonly redeeming: Redeeming
  /** Whether this payer may open one more: each channel costs a receive and a refund, with their work. */
  mayOpen(payer: string): boolean
  /** Whether one more signature of an account may be checked, which takes milliseconds, for whoever asks. */
  mayCheckSignature(what: 'state'): boolean
  /** How long a refund is waited for. */
  readonly confirmTimeoutMs: number
  /** How long a stream waits for more to be authorised. */
  readonly authorizeMs: number
  readonly emit: EventListener | undefined
  /** Ends what it does by itself. Channels stay as they are in the store. */
  close(): Promise<void>
}

export async function openPayee(options: PayeeOptions): Promise<Payee> {
  const { settings, key, representative, seal, store, node, ledger, network, realm } = options
  const { origin, confirmTimeoutMs, leaseMs, emit } = options
  const work = createWorkSource(options.work, node, WORK_THRESHOLDS[network])
  const account = publicKeyToAddress(derivePublicKey(key))
  await requireOneUse(store, account, settings.issuers.length > 0 ? 'what issuers pay out' : 'deposits of channels')
  const sent = createSentBlocks({ store, node, account })
  const payouts = createPayouts({ key, node, work, store, sent, leaseMs, ...(representative && { representative }) })
  const receipts = await createReceipts(key)
  const channels = createChannels({ store, onConflict: () => emit?.({ type: 'channel_conflict' }) })
  const { issuers, minSettleSeconds, withdrawFrom } = settings
  const redeeming = createRedeeming({ channels, issuers, signer: accountSigner(key), withdrawFrom, emit })
  const closing = createClosing({ channels, payouts, ledger, redeeming, confirmTimeoutMs, emit })
  const ttlMs = 1_000 * settings.ttlSeconds
  const unopened = {
    ...{ store, node, ledger, payouts, minDeposit: settings.minDeposit, ttlMs },
    onRefund: (amount: bigint) => emit?.({ type: 'deposit_returned', amount }),
  }

  const hours = Math.ceil(settings.ttlSeconds / 3_600) + 1
  let countAtMs = 0
  /** Asks the store for each hour in which a channel may expire: not more often than it is worth. */
  const count = async () => {
    if (emit === undefined || Date.now() < countAtMs) return
    countAtMs = Date.now() + 1_000 * hours
    emit(await takeCensus(channels, Date.now() + 3_600_000 * hours))
  }

  const sweep = async () => {
    await sent.begin().catch(() => {}) // a node that is down: the next time
    await closing.sweep()
    await redeeming.payOut()
    // What comes to an account that takes no deposits is what issuers pay out.
    if (issuers.length > 0) return
    await refundUnopened(unopened).catch((fault: unknown) => emit?.({ type: 'refund_failed', fault }))
    await count().catch(() => {}) // the store does not answer: the next time it may
  }
  let sweeping: Promise<void> | undefined
  const keepSwept = () => {
    sweeping ??= sweep().finally(() => {
      sweeping = undefined
    })
  }
  keepSwept() // what the account has now was not sent for offers of this store
  const timer = setInterval(keepSwept, settings.sweepMs)
  unref(timer)

  const offered = { seal, settings, account, network, realm, receiptKey: receipts.publicKey }
  return {
    ...{ network, origin, account, store, channels, receipts, closing, redeeming, confirmTimeoutMs, emit },
    authorizeMs: settings.authorizeMs,
    mayOpen: createRate({ most: 60, periodMs: 3_600_000 }),
    mayCheckSignature: createRate({ most: 20, periodMs: 1_000 }),
    judge: createJudge({ channels, maxStep: settings.maxStep }),
    offerings:
      issuers.length === 0
        ? [createOffering(offered)]
        : issuers.map((issuer) => createOffering({ ...offered, issuer })),
    check: createCertificateCheck({ issuers: issuers.map(({ publicKey }) => publicKey), minSettleSeconds }),
    deposits: createDeposits({ ledger, account, confirmTimeoutMs }),
    async close() {
      clearInterval(timer)
      work.close()
      await sweeping
    },
  }
}
