/** What the programs of this folder are started with: everything in it that is a secret, they must not tell. */
export interface ShopSettings {
  readonly secret: string
  readonly rpc: { readonly url: string; readonly headers: Readonly<Record<string, string>>; readonly key: string }
  readonly store: string
  readonly payTo: string
}

export interface PayerSettings extends Pick<ShopSettings, 'rpc'> {
  readonly seed: string
  readonly shop: string
  /** Where it writes what it sent and got that nobody else may know, for the test to look for. */
  readonly seen: string
}

export const settings = <T>(): T => JSON.parse(process.env.SETTINGS ?? '{}') as T
