/** Every reason why an issuer does not do what it is asked, with its status and its sentence. docs/protocol_rev1.md lists them. */

interface Answer {
  readonly status: 400 | 401 | 403 | 404 | 409 | 413 | 429 | 503
  readonly message: string
}

const answer = (status: Answer['status'], message: string): Answer => ({ status, message })

/** Every code with its status and its sentence. */
export const ISSUER_CODES = {
  invalid_request: answer(400, 'This is not what is asked here: see docs/protocol_rev1.md.'),
  invalid_amount: answer(400, 'Not an amount that is taken here: decimal digits of raw, within the bounds of GET /.'),
  invalid_config: answer(400, 'This issuer locks nothing for such a channel: see GET /.'),
  wrong_mode: answer(400, 'The channel was opened in another mode.'),
  proof: answer(400, 'The proof does not show that the payer authorised so much.'),
  unauthorized: answer(401, 'This is not signed by a key of an account that may ask it.'),
  stale_request: answer(401, 'The request was signed at another time: sign it anew, by the time in this answer.'),
  replayed_request: answer(401, 'This very request was made before: sign it anew.'),
  own_key_required: answer(403, 'Only the account’s own key may do this.'),
  not_found: answer(404, 'There is no such thing here.'),
  channel_not_found: answer(404, 'No channel of this id has a lock, or it is of others.'),
  insufficient_balance: answer(409, 'The balance of the account does not cover the amount.'),
  channel_closed: answer(409, 'The channel has ended in another way.'),
  channel_conflict: answer(409, 'The channel has a lock of another amount.'),
  root_used: answer(409, 'Another channel has this root: draw another salt.'),
  exceeds_lock: answer(409, 'More than is locked for the channel.'),
  settle_window: answer(409, 'It is too late: the money is the payer’s again.'),
  withdrawal_conflict: answer(409, 'A withdrawal of this id is of another amount.'),
  body_too_large: answer(413, 'The body is longer than what is read here.'),
  too_many_channels: answer(429, 'The account has too many channels open, or opens too many.'),
  too_many_withdrawals: answer(429, 'Too many withdrawals of the account are under way.'),
  too_many_accounts: answer(429, 'Too many accounts are being registered.'),
  busy: answer(429, 'Too many proofs or signatures were false. Ask again in a minute.'),
  shutting_down: answer(503, 'This issuer is about to stop. Ask again.'),
  store_unavailable: answer(503, 'Nothing can be recorded right now. Ask again.'),
  node_unavailable: answer(503, 'The Nano node does not answer right now. Ask again.'),
  unexpected_error: answer(503, 'Something failed here. Ask again.'),
} as const satisfies Record<string, Answer>

/** Why an issuer does not do what it is asked. Stable. */
export type IssuerCode = keyof typeof ISSUER_CODES

/** A refusal, as a value. */
export interface RefusedByIssuer {
  readonly refused: IssuerCode
}

export const refuse = (code: IssuerCode): RefusedByIssuer => ({ refused: code })

export const isRefused = (value: object): value is RefusedByIssuer => 'refused' in value
