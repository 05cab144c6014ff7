/** What a payee says of a channel is believed only as far as it signed it, and as it can be true. */
import { ed25519Verifier } from '#channel/ed25519'
import type { ChannelConfig, ChannelId } from '../../channel/config.ts'
import {
  type Acknowledged,
  type ChannelOutcome,
  commitmentId,
  decodeOutcome,
  type Receipt,
  receiptBytes,
} from '../../channel/wire.ts'
import { bytesToHex, hexToBytes } from '../../nano/hex.ts'

/** What we know of the channel ourselves. Amounts in raw. */
export interface Known {
  readonly id: ChannelId
  readonly config: ChannelConfig
  /** What was acknowledged when the question was sent, and what we have deposited by now. */
  readonly deposit: { readonly least: bigint; readonly most: bigint }
  /** The most that any proof of ours authorises. */
  readonly authorized: bigint
  /** What receipts before the question said was charged, and what may have been by now. */
  readonly charged: { readonly least: bigint; readonly most: bigint }
}

/** A payment that the answer is about. */
export interface AskedPayment {
  readonly paymentId: string
  /** Undefined: of a stream, whose receipt is about all of it. */
  readonly requestHash: Uint8Array | undefined
  /** The most that it may cost. */
  readonly max: bigint
  /** No receipt was asked for: what the payee says is bounded all the same, and signed with the next one. */
  readonly isUnsigned?: boolean
}

/** An outcome as numbers, after it was found to be signed and possible. */
export interface Stated {
  readonly outcome: ChannelOutcome
  /** Of the payment that the receipt is about. */
  readonly requestHash: Uint8Array | undefined
  readonly deposit: bigint
  readonly authorized: bigint
  readonly charged: bigint
  readonly reserved: bigint
  /** What the payment cost. */
  readonly cost: bigint
}

export type ReadStatement = (extra: unknown, known: Known, payment?: AskedPayment) => Promise<Stated | Untrue>

/** Why it is not believed: goes into errors and the journal. */
export type Untrue =
  | 'no_receipt'
  | 'receipt_not_signed'
  | 'receipt_of_another_channel'
  | 'receipt_of_another_payment'
  | 'charged_too_much'
  | 'charged_goes_down'
  | 'authorized_too_much'
  | 'deposit_untrue'
  | 'state_untrue'
  | 'proof_not_ours'

/** @param receiptKey - Of the offer that the channel was opened on. */
export async function createStatementReader(receiptKey: string): Promise<ReadStatement> {
  const isSigned = await ed25519Verifier(hexToBytes(receiptKey))
  return async (extra, known, payment) => {
    const outcome = decodeOutcome(extra)
    if (outcome === undefined || (outcome.receipt === undefined && !payment?.isUnsigned)) return 'no_receipt'
    const { receipt, channelState: state } = outcome
    if (state.channelId !== known.id || state.expiresAt !== known.config.expiresAt) return 'receipt_of_another_channel'
    if (payment && outcome.commitmentId !== commitmentId(known.id, payment.paymentId))
      return 'receipt_of_another_payment'
    const isGenuine = async ({ issuedAt, signature }: Receipt) =>
      isSigned(receiptBytes(outcome, { requestHash: payment?.requestHash, issuedAt }), hexToBytes(signature))
    if (receipt && !(await isGenuine(receipt))) return 'receipt_not_signed'
    const stated: Stated = {
      outcome,
      requestHash: payment?.requestHash,
      deposit: BigInt(state.deposit),
      authorized: BigInt(state.authorized),
      charged: BigInt(state.charged),
      reserved: BigInt(state.reserved),
      cost: payment ? BigInt(outcome.chargedAmount ?? 0) : 0n,
    }
    return untrueIn(stated, known, payment) ?? stated
  }
}

function untrueIn(
  { deposit, authorized, charged, reserved, cost, outcome }: Stated,
  known: Known,
  payment: AskedPayment | undefined,
): Untrue | undefined {
  if (payment && (outcome.chargedAmount === undefined || cost > payment.max)) return 'charged_too_much'
  if (charged + reserved > authorized || authorized > deposit) return 'state_untrue'
  if (deposit < known.deposit.least || deposit > known.deposit.most) return 'deposit_untrue'
  if (authorized > known.authorized) return 'authorized_too_much'
  if (charged > known.charged.most) return 'charged_too_much'
  return charged < known.charged.least + cost ? 'charged_goes_down' : undefined
}

/** The same as it is kept, and shown to a payee that has lost its records. */
export function evidenceOf({ outcome, requestHash }: Stated): Acknowledged {
  const { commitmentId, chargedAmount, channelState, receipt } = outcome
  return {
    ...(commitmentId !== undefined && { commitmentId }),
    ...(chargedAmount !== undefined && { chargedAmount }),
    ...{ channelState, ...(receipt && { receipt }) },
    ...(requestHash && { requestHash: bytesToHex(requestHash) }),
  }
}
