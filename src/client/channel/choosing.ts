/** The channel that a bill is paid in: one that is open, one that was begun, or a new one. */
import { InsufficientFundsError, NoPayableOfferError, OverBudgetError } from '../../errors.ts'
import type { RepeatableRequest } from '../request.ts'
import type { ChannelBill } from './offers.ts'
import type { Opening } from './opening.ts'
import type { Tab } from './tab.ts'

export interface ChoosingOptions {
  /** All channels that are not closed. */
  readonly tabs: ReadonlySet<Tab>
  readonly opening: Opening
  readonly close: (tab: Tab) => Promise<unknown>
}

export interface Choosing {
  /** One that is open and can carry it. */
  find(origin: string, bill: ChannelBill): Tab | undefined
  /** The same, or one that is opened for it. Calls side by side open one. */
  tabFor(bill: ChannelBill, request: RepeatableRequest): Promise<Tab>
}

export function createChoosing({ tabs, opening, close }: ChoosingOptions): Choosing {
  const begun = new Map<string, Promise<Tab>>()

  const isFor = (tab: Tab, origin: string, { payee, terms }: ChannelBill) =>
    tab.origin === origin && tab.config.payee === payee && tab.config.issuer === terms.issuer?.publicKey
  const find = (origin: string, bill: ChannelBill) =>
    [...tabs].find((tab) => isFor(tab, origin, bill) && tab.isUsable() && tab.fits(bill) && !tab.isUsedUp(bill.amount))

  async function tabFor(bill: ChannelBill, request: RepeatableRequest): Promise<Tab> {
    const { origin } = new URL(request.url)
    const place = `${origin} ${bill.payee}`
    const liar = [...tabs].find((tab) => isLiar(tab, origin, bill))
    if (liar) {
      throw new NoPayableOfferError(`No deposit is made at ${origin}: of an earlier one it said what cannot be true.`)
    }
    for (;;) {
      const under = begun.get(place)
      if (under) await under.catch(() => {})
      const known = find(origin, bill)
      if (known) {
        if (known.deposits.some(({ credited }) => !credited)) await opening.resume(known)
        return known
      }
      if (begun.has(place)) continue
      const opened = openOrResume(bill, request).finally(() => begun.delete(place))
      begun.set(place, opened)
      return opened
    }
  }

  async function openOrResume(bill: ChannelBill, request: RepeatableRequest): Promise<Tab> {
    const { origin } = new URL(request.url)
    const own = [...tabs].filter((tab) => isFor(tab, origin, bill))
    const unopened = own.find((tab) => tab.phase() === 'opening')
    if (unopened && (await opening.resume(unopened)) && unopened.fits(bill)) return unopened
    const ended = own.filter((tab) => tab.phase() !== 'opening' && (!tab.isUsable() || tab.isUsedUp(bill.amount)))
    const settled = Promise.allSettled(ended.map(close)) // what is left in them is wanted back, sooner or later
    try {
      return await opening.open(bill, request)
    } catch (error) {
      if (ended.length === 0 || !(error instanceof OverBudgetError || error instanceof InsufficientFundsError))
        throw error
      await settled
      return opening.open(bill, request)
    }
  }

  return { find, tabFor }
}

/** Whether nothing is deposited for a channel of this origin, or with this issuer, because of what either said of an earlier one. */
function isLiar(tab: Tab, origin: string, { terms }: ChannelBill): boolean {
  const reason = tab.distrusted()
  if (reason === undefined) return false
  return tab.origin === origin || (reason.startsWith('issuer_') && tab.config.issuer === terms.issuer?.publicKey)
}
