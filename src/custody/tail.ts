/**
 * What the store knows of an account's payments: those that are in the ledger for good, each under its name, and the end of
 * the account's chain, which may not be. That end is one record, in the order of the chain, so that a block is added only to
 * the chain that it was made for: of two processes that sign at once, one succeeds, and nobody ever sees what the other one
 * has signed.
 */
import type { Store } from '../core/store.ts'
import { InvalidValueError, StoreError } from '../errors.ts'
import {
  type BlockHash,
  blockToJson,
  hashBlock,
  type NanoAddress,
  parseBlock,
  parseRaw,
  type Raw,
  type StateBlock,
  type StateBlockJson,
} from '../nano/index.ts'

export interface PayoutOrder {
  /** Names this one payment, such as `refund:<channel id>`. */
  readonly id: string
  readonly to: NanoAddress
  /** In raw, above 0. */
  readonly amount: Raw
}

/** A block of the account, and the payment that it makes; undefined: it receives. */
export interface Made {
  readonly hash: BlockHash
  readonly block: StateBlock
  readonly order: PayoutOrder | undefined
}

/** Rejects with `StoreError` when the store does not answer. */
export interface Tail {
  /** A payment that is in neither this nor, asked for after it, `paid` was never signed, or never can be confirmed. */
  read(): Promise<{ readonly version: number; readonly made: readonly Made[] }>
  /** @throws {@link StoreError} (`ERR_STORE`) when somebody else was faster: nothing was written. */
  write(version: number, made: readonly Made[]): Promise<void>
  /** By which block it was paid, for good. @throws {@link InvalidValueError} when the name is that of another payment. */
  paid(order: Pick<PayoutOrder, 'id'> & Partial<PayoutOrder>): Promise<BlockHash | undefined>
  /** To be called before such blocks are left out of the tail. */
  file(confirmed: readonly Made[]): Promise<void>
}

type OrderJson = Omit<PayoutOrder, 'amount'> & { readonly amount: string }

interface Line {
  readonly block: StateBlockJson
  readonly order?: OrderJson
}

const FOREVER_MS = 4_000_000_000_000

export function createTail(store: Store, address: NanoAddress): Tail {
  const tailKey = `payout-tail:${address}`
  const paidKey = (id: string) => `payout:${address}:${id}`
  return {
    async read() {
      const found = await store.read(tailKey)
      if (found === undefined) return { version: 0, made: [] }
      return { version: found.version, made: (JSON.parse(found.value) as readonly Line[]).map(decode) }
    },
    async write(version, made) {
      if (await store.write(tailKey, version, JSON.stringify(made.map(encode)), FOREVER_MS)) return
      throw new StoreError('Another process has made payments of this account meanwhile.')
    },
    async paid({ id, to, amount }) {
      const found = await store.read(paidKey(id))
      if (found === undefined) return undefined
      const { hash, ...order } = JSON.parse(found.value) as OrderJson & { readonly hash: BlockHash }
      if (to !== undefined && amount !== undefined) requireSame({ to, amount }, decodeOrder(order))
      return hash
    },
    async file(confirmed) {
      const write = async ({ hash, order }: Made) => {
        if (order) await store.write(paidKey(order.id), 0, JSON.stringify({ ...encodeOrder(order), hash }), FOREVER_MS)
      }
      await Promise.all(confirmed.map(write)) // whoever else files one says the same
    },
  }
}

/** @throws {@link InvalidValueError} (`ERR_INVALID_VALUE`) */
export function requireSame(
  asked: Pick<PayoutOrder, 'to' | 'amount'>,
  known: Pick<PayoutOrder, 'to' | 'amount'>,
): void {
  if (asked.to === known.to && asked.amount === known.amount) return
  throw new InvalidValueError('A payment of this name goes to another account, or is of another amount.')
}

const encodeOrder = (order: PayoutOrder): OrderJson => ({ ...order, amount: String(order.amount) })
const decodeOrder = (order: OrderJson): PayoutOrder => ({ ...order, amount: parseRaw(order.amount) })

const encode = ({ block, order }: Made): Line => ({
  block: blockToJson(block),
  ...(order && { order: encodeOrder(order) }),
})

function decode({ block: json, order }: Line): Made {
  const block = parseBlock(json) as StateBlock
  return { hash: hashBlock(block), block, order: order && decodeOrder(order) }
}
