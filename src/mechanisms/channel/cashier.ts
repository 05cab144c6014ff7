/**
 * Takes payments in channels for one route; each kind of them has its file. The order of checks: form, a channel of ours,
 * MAC, payment identifier, bounds, hashing or signature, then in one step with the channel's state: authorised, and reserved
 * before the handler runs. A deposit is looked up only for an offer that was sealed here, and is claimed only once it is
 * verified.
 */
import { CHANNEL_SCHEME, decodePayload } from '../../channel/wire.ts'
import type { Cashier } from '../../core/cashier.ts'
import { currentPrice } from '../../core/quote.ts'
import { refusal } from '../../core/refusal.ts'
import { close } from './close.ts'
import { open } from './open.ts'
import { pay } from './pay.ts'
import type { Payee } from './payee.ts'
import { refuse } from './refusals.ts'
import { tellState } from './state.ts'
import { authorize, topUp } from './top-up.ts'
import type { ChannelRoute } from './visit.ts'

export function channelCashier(payee: Payee, { extensions = [], ...terms }: ChannelRoute): Cashier {
  const route = { ...terms, extensions: extensions.filter((extension) => extension.use) }
  return {
    async offer(request, price) {
      const amount = price ?? (await currentPrice(request, route))
      return { amount, accepts: payee.offerings.map(({ make }) => make(amount, route)) }
    },

    async take(payment, request) {
      const { scheme, network: named } = payment.accepted
      if (named !== undefined && named !== payee.network) return refusal('invalid_network')
      if (scheme !== CHANNEL_SCHEME) return refusal('invalid_scheme')
      const payload = decodePayload(payment.payload)
      const visit = { payment, request, route, payee }
      switch (payload?.type) {
        case undefined:
          return refuse('payload')
        case 'token':
        case 'voucher':
          return pay(payload, visit)
        case 'open':
          return open(payload, visit)
        case 'topup':
          return topUp(payload, visit)
        case 'authorize':
          return authorize(payload, visit)
        case 'close':
          return close(payload, visit)
        case 'state':
          return tellState(payload, visit)
      }
    },
  }
}
