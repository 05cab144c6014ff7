/** How this mechanism's refusals are called on the wire. */
import { type Refusal, type RefusalCode, refusal } from '../../core/refusal.ts'

type PrefixedCode = Extract<RefusalCode, `invalid_batch_settlement_nano_${string}`>
type ChannelCode = PrefixedCode extends `invalid_batch_settlement_nano_${infer Code}` ? Code : never

export const PREFIX = 'invalid_batch_settlement_nano_'
export const refuse = (code: ChannelCode): Refusal => refusal(`${PREFIX}${code}`)

/** Refused before the MAC was found genuine: nothing is said about the channel. */
export const isSecret = (code: string): code is 'mac' | 'payload' | 'channel_not_found' =>
  code === 'mac' || code === 'payload' || code === 'channel_not_found'
