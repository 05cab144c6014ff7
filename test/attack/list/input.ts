/** I: what cannot be a payment is refused at once: no lookup, no handler, no crash. */
import { paymentHeader, paymentOf, randomHash } from '../../support/world.ts'
import type { Answer, Attack, Trial } from './attack.ts'
import { meaningless, otherSpellings, withDepth, withDoubledKey, withKey } from './malformed.ts'
import { accounts, amounts, hashes, OTHER_OFFER, times, UNREADABLE } from './wrong-values.ts'

/** A payment that fits an offer of the server in everything, but for a block that nobody has seen. */
const unpaid = async ({ offer }: Trial) => paymentOf(await offer(), randomHash())
type Unpaid = Awaited<ReturnType<typeof unpaid>>

const presentText = ({ ask, refuses }: Trial, header: string, answer: Answer) =>
  refuses(() => ask({ headers: { 'PAYMENT-SIGNATURE': header } }), answer)

const present = (trial: Trial, payment: unknown, answer: Answer) =>
  presentText(trial, paymentHeader(payment)['PAYMENT-SIGNATURE'], answer)

const presentAccepted = (trial: Trial, payment: Unpaid, changed: object, answer: Answer) =>
  present(trial, { ...payment, accepted: { ...payment.accepted, ...changed } }, answer)

export const input: readonly Attack[] = [
  {
    id: 'I1',
    title: 'headers that are no payment, 8 to 15 KB among them',
    needs: 'url',
    async run(trial) {
      for (const header of Object.values(meaningless)) await presentText(trial, header, UNREADABLE)
    },
  },
  {
    id: 'I1b',
    title: 'base64 in another spelling',
    needs: 'url',
    async run(trial) {
      for (const header of otherSpellings(await unpaid(trial))) await presentText(trial, header, UNREADABLE)
    },
  },
  {
    id: 'I3',
    title: 'a payment of 15 KB, one 4,000 levels deep',
    needs: 'url',
    async run(trial) {
      const payment = await unpaid(trial)
      await present(trial, { ...payment, extensions: { pad: 'x'.repeat(10_500) } }, UNREADABLE)
      await presentText(trial, btoa(withDepth(payment)), 'invalid_session')
    },
  },
  {
    id: 'I4',
    title: 'the header twice; two versions of the protocol',
    needs: 'url',
    async run(trial) {
      const { url, ask, raw, refuses } = trial
      const headers = paymentHeader(await unpaid(trial))
      const line = `PAYMENT-SIGNATURE: ${headers['PAYMENT-SIGNATURE']}`
      await refuses(() => raw('GET', new URL(url).pathname, [line, line]), UNREADABLE)
      await refuses(() => ask({ headers: { ...headers, 'X-PAYMENT': btoa('{"x402Version":1}') } }), UNREADABLE)
    },
  },
  {
    id: 'I5',
    title: '__proto__, constructor, keys that come twice',
    needs: 'url',
    async run(trial) {
      const payment = await unpaid(trial)
      const sneaked = ['__proto__', 'constructor', 'prototype'].flatMap((key) => withKey(payment, key))
      for (const text of [...sneaked, ...withDoubledKey(payment)]) await presentText(trial, btoa(text), UNREADABLE)
    },
  },
  {
    id: 'I6',
    title: 'amounts that are none, or another',
    needs: 'url',
    async run(trial) {
      const payment = await unpaid(trial)
      for (const [amount, code] of amounts) await presentAccepted(trial, payment, { amount }, code)
    },
  },
  {
    id: 'I8',
    title: 'accounts in other spellings, with false checksums',
    needs: 'url',
    async run(trial) {
      const payment = await unpaid(trial)
      for (const change of Object.values(accounts)) {
        await presentAccepted(trial, payment, { payTo: change(payment.accepted.payTo) }, OTHER_OFFER)
      }
    },
  },
  {
    id: 'I9',
    title: 'hashes that are none, payloads with more or less',
    needs: 'url',
    async run(trial) {
      const payment = await unpaid(trial)
      const { payload } = payment
      const { proof, sessionId } = payload
      const others = [
        { ...payload, blockHash: proof },
        { proof },
        { proof, sessionId: 7 },
        { proof, sessionId: [sessionId] },
      ]
      const wrong = [...Object.values(hashes).map((hash) => ({ ...payload, proof: hash })), ...others, null, [], 'x', 7]
      for (const payload of wrong) await present(trial, { ...payment, payload }, UNREADABLE)
    },
  },
  {
    id: 'I10',
    title: 'other versions, schemes and networks',
    needs: 'url',
    async run(trial) {
      const payment = await unpaid(trial)
      const { x402Version: _, ...unversioned } = payment
      await present(trial, unversioned, UNREADABLE)
      for (const x402Version of [1, 3, '2', null, [2], 2.5]) {
        await present(trial, { ...payment, x402Version }, 'invalid_x402_version')
      }
      for (const scheme of ['upto', 'EXACT', 'exact ', ''])
        await presentAccepted(trial, payment, { scheme }, 'invalid_scheme')
      for (const network of [`${payment.accepted.network}2`, 'nano', 'NANO:DEVNET', 'eip155:8453', '']) {
        await presentAccepted(trial, payment, { network }, 'invalid_network')
      }
    },
  },
  {
    id: 'I11',
    title: 'times in ms, negative, of the year 9999',
    needs: 'url',
    async run(trial) {
      const payment = await unpaid(trial)
      for (const [maxTimeoutSeconds, code] of times) await presentAccepted(trial, payment, { maxTimeoutSeconds }, code)
    },
  },
]
