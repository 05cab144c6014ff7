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
