/** What is ours among the offers of a 402 that other payment handlers may read, too. */
import type { PaymentRequirements } from '../x402/shapes.ts'

export const SCHEME = 'exact' as const
export const ASSET = 'XNO'

export const isNano = ({
  scheme,
  network,
  asset,
}: Pick<PaymentRequirements, 'scheme' | 'network' | 'asset'>): boolean =>
  scheme === SCHEME && asset === ASSET && network.startsWith('nano:')

/** The keys of `extra` by which the offers of one session differ, whichever way it is paid. */
const OFFER_KEYS = ['nanoSession', 'nanoTxn', 'nanoSignature'] as const
export type OfferKey = (typeof OFFER_KEYS)[number]

/** Which of them an offer has, if any. */
export const offerKeyOf = (extra: object | undefined): OfferKey | undefined =>
  OFFER_KEYS.find((key) => extra !== undefined && key in extra)
