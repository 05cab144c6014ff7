/** What wallets make of an amount that has more digits than they know. */

/** What is sent in place of an amount by a wallet that knows so many decimals and no more: cut off, or rounded. */
export function cutAmounts(amount: bigint): ReadonlySet<bigint> {
  const found = new Set<bigint>()
  // From 20 decimals down to 4. What is left is nearly all of it, or it would not look like it to anybody.
  for (let unit = 10n ** 10n; unit <= 10n ** 26n; unit *= 10n) {
    const below = amount - (amount % unit)
    for (const cut of [below, below + unit]) if (isNear(cut, amount)) found.add(cut)
  }
  found.delete(amount)
  return found
}

const isNear = (cut: bigint, amount: bigint) => {
  const difference = cut > amount ? cut - amount : amount - cut
  return difference * 10n < amount
}
