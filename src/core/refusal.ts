/** Every reason not to serve, with its status and its sentence. A refusal is a value; what is thrown is our own trouble. */

import type { SettlementResponse } from '../x402/shapes.ts'
import type { Refused } from './answer.ts'

/** Why a request is not served. Sent as x402's `error`; stable, like error codes. Each is in docs/protocol_rev1.md. */
export type RefusalCode = keyof typeof REFUSALS

/** Why a payment does not buy this resource now, as a value. */
export interface Refusal {
  readonly kind: 'refusal'
  readonly code: RefusalCode
  /** The answer that this very request was given for this payment before, to be given again. */
  readonly answer?: Refused
  /** How its payment stands now, where that is not what the answer had with it. */
  readonly settlement?: SettlementResponse & { readonly success: true }
  /** What a client that proved to be the payer is told beside the code. */
  readonly correction?: Correction
  /** What is said of a request in the body of a 400. */
  readonly said?: object
}

/** It stands in the settlement's `extra`, and with a 402 in that of the offer of this scheme. */
export interface Correction {
  readonly scheme: string
  readonly extra: Readonly<Record<string, unknown>>
}

/**
 * Makes a refusal: what a mechanism answers when a payment does not buy what is asked for.
 *
 * @example
 * refusal('amount_mismatch').code // 'amount_mismatch'
 */
export const refusal = (code: RefusalCode): Refusal => ({ kind: 'refusal', code })

/**
 * Whether this is a refusal, and not what was asked for.
 *
 * @example
 * isRefusal(refusal('amount_mismatch')) // true
 */
export const isRefusal = (value: { readonly kind?: unknown }): value is Refusal => value.kind === 'refusal'

interface Answer {
  readonly status: 400 | 402 | 409 | 413 | 429 | 503 | 504
  readonly message: string
  /** Seconds after which the same proof is worth presenting again. */
  readonly retryAfterSeconds?: number
}

const answer = (status: Answer['status'], message: string, retryAfterSeconds?: number): Answer =>
  retryAfterSeconds === undefined ? { status, message } : { status, message, retryAfterSeconds }

const noPass = (why: string): Answer => answer(402, `This pass is ${why}. Pay the new offer.`)

/** By the end of their code: status, and after how many seconds the same is worth presenting again. */
const OF_CHANNELS = {
  ...{
    payload: [400],
    binding: [402],
    nonce: [402],
    mac: [402],
    proof: [402],
    authorization: [402],
    step_exceeded: [402],
  },
  ...{ channel_not_found: [402], channel_closed: [402], channel_expired: [402], channel_recovering: [402] },
  ...{ deposit_mismatch: [402], deposit_claimed: [402], deposit_unconfirmed: [503, 1] },
  ...{ certificate: [402], settle_window: [402] },
  ...{ cumulative_exceeds_deposit: [402], insufficient_authorization: [402] },
  ...{ payment_identifier_conflict: [409], busy: [409, 1] },
} as const satisfies Record<string, readonly [Answer['status'], number?]>

const CHANNEL_PREFIX = 'invalid_batch_settlement_nano_'
type ChannelRefusals = { readonly [Code in keyof typeof OF_CHANNELS as `${typeof CHANNEL_PREFIX}${Code}`]: Answer }

/** Those of payments in channels. One sentence for all, as there are so many: docs/protocol_rev1.md explains each. */
const CHANNEL_REFUSALS = Object.fromEntries(
  Object.entries(OF_CHANNELS).map(([code, [status, retryAfterSeconds]]) => [
    CHANNEL_PREFIX + code,
    answer(status, `The payment in this channel is refused: ${code.replaceAll('_', ' ')}.`, retryAfterSeconds),
  ]),
) as ChannelRefusals

/** Every code with its status and its sentence. */
export const REFUSALS = {
  payment_required: answer(402, 'This resource is paid. Pay one of the offers and ask again with the proof.'),

  invalid_payload: answer(400, 'The payment headers cannot be read as one payment of a form that is spoken here.'),
  invalid_x402_version: answer(400, 'This version of x402 is not spoken here.'),
  session_id_required: answer(
    400,
    'Anybody can show a block: present it with the session id of the offer that it pays.',
  ),
  invalid_scheme: answer(400, 'No offer here has this scheme.'),
  invalid_network: answer(400, 'No offer here is on this network.'),
  invalid_payment_requirements: answer(400, 'The accepted offer is not the one that was made for this session.'),
  payment_identifier_required: answer(400, 'A payment here needs an id, in extensions.payment-identifier.info.id.'),
  invalid_payment_identifier: answer(400, 'A payment identifier has 16 to 128 characters of A-Z, a-z, 0-9, _ and -.'),
  invalid_request: answer(400, 'The request cannot be served as it is. Nothing is charged for it.'),
  body_too_large: answer(413, 'The body is larger than what is read of it before the payment is taken.'),

  invalid_session: answer(402, 'This session was not issued here, or for other request data. Pay the new offer.'),
  resource_mismatch: answer(402, 'This session was issued for another method, URL or price input. Pay the new offer.'),
  session_expired: answer(402, 'This session has expired and its payment does not cover the price of today.'),
  amount_mismatch: answer(402, 'The block is not a send of exactly the amount of this session.'),
  recipient_mismatch: answer(402, 'The block does not pay the account of this session.'),
  sender_mismatch: answer(402, 'The block was not sent by the account that signed.'),
  invalid_signature: answer(402, 'The signature is not that of the account over exactly this.'),
  invalid_work: answer(402, 'The block has no proof of work, or less than the network asks of a send.'),
  stale_frontier: answer(402, 'The block does not follow the last block of its account. Sign one that does.'),
  frontier_changed: answer(402, 'Another block took the place of this one. Sign one that follows it.'),
  payment_already_spent: answer(402, 'This payment has already bought its answer.'),
  attempts_exhausted: answer(402, 'This payment has used up its attempts. Ask the operator for a refund.'),

  invalid_pass: noPass('not issued here, or for something else'),
  pass_expired: noPass('expired'),
  pass_exhausted: noPass('used up'),
  pass_in_use: noPass('used up, if other requests that hold the rest of it are served'),
  pass_revoked: noPass('revoked'),
  pass_unknown: noPass('in no record here any more'),
  free_exhausted: answer(402, 'The free requests of today are used up. Pay the new offer.'),

  ...CHANNEL_REFUSALS,

  payment_in_progress: answer(409, 'This payment is being used by another request right now.', 1),
  payment_identifier_conflict: answer(409, 'This payment identifier was used for another request or body.'),
  answer_not_stored: answer(409, 'This payment has bought its answer, and that answer was not stored.'),
  duplicate_frontier: answer(409, 'Another block with the same previous one is being published right now.', 1),
  too_many_attempts: answer(429, 'Too many unknown blocks were presented for this session.', 30),

  settlement_pending: answer(503, 'The payment is not confirmed yet. Present the same proof again.', 1),
  broadcast_failed: answer(503, 'The network did not take the block. Present the same proof again.', 2),
  node_unavailable: answer(503, 'The payment cannot be checked right now. Present the same proof again.', 2),
  facilitator_unavailable: answer(503, 'Payments cannot be checked right now. Present the same proof again.', 2),
  store_unavailable: answer(503, 'Payments cannot be recorded right now. Present the same proof again.', 2),
  store_reset: answer(
    503,
    'The record of payments was lost after this session began. Ask the operator for a refund.',
    3600,
  ),
  access_unavailable: answer(503, 'Who may pass cannot be told right now.', 5),
  price_unavailable: answer(503, 'The price cannot be determined right now.', 5),
  unexpected_verify_error: answer(503, 'Something failed here. Present the same proof again.', 5),
  shutting_down: answer(503, 'This server is about to stop. Present the same proof again.', 1),
  handler_timeout: answer(504, 'The answer took too long. Present the same proof again.', 1),
} as const satisfies Record<string, Answer>

/** The table as a lookup with one type for all rows. */
export const answerFor = (code: RefusalCode): Answer => REFUSALS[code]
