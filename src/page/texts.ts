/** Everything that a page says. */
export const TEXTS = {
  heading: 'Payment required',
  sold: 'One visit to',
  pass: 'Good for {uses} visits within {time}',
  amount: 'Exact amount',
  account: 'To account',
  raw: 'In raw',
  copy: 'Copy',
  copied: 'Copied',
  open: 'Open in a wallet',
  scan: 'Scan this with Natrium, Nautilus, Nault, or another wallet that keeps every digit. Do not change the amount.',
  qr: 'QR code of the payment, for a Nano wallet',
  left: 'Time left',
  until: 'Until',
  waiting: 'Waiting for your payment',
  seen: 'Payment seen: the network is confirming it',
  confirmed: 'Confirmed: opening what you paid for',
  stepWaiting: 'Payment',
  stepSeen: 'Seen',
  stepConfirmed: 'Confirmed',
  opened: 'Paid. If nothing has opened, look among your downloads.',
  check: 'I have paid: check now',
  renew: 'Get a new offer',
  expired: 'This offer is over. If you have just paid it, wait: it still counts. If not, get a new one.',
  cut: 'A payment has come without the last digits of the amount. If it is yours, your wallet cut them off, and it cannot be told from others. Do not pay again before you have asked for it back.',
  unknown:
    'Do not pay yet: your browser did not keep the cookie by which this page would know your payment. Allow cookies for this site, and load it again.',
  offline: 'No connection. Your payment counts all the same, and is looked for again.',
  walletsHeading: 'Which wallets work?',
  wallets:
    'The last digits of the amount are yours alone: they tell your payment from all others, and every one of them counts. Natrium and Nautilus keep them when the code is scanned from their first screen, or the link is opened; Nault when it scans the code. A wallet in which you type an amount with six decimals cannot pay here. What is sent with other digits is not recognised.',
  spent: 'Your last payment has bought its answer. To see this again, pay again.',
  exhausted: 'Your payment has used up its attempts without an answer. Ask for it back.',
  late: 'Your payment came after its offer was over, and the price has risen since. Ask for it back.',
  pending: 'Your payment has been seen. The network is confirming it, and this page looks again by itself.',
  trouble:
    'Something does not work here at the moment. What you have paid stays good: this page tries again by itself.',
  refused: 'This request cannot be answered.',
  help: 'Help with a payment:',
  again: 'Try again',
} as const

/** All that a page says, by name. */
export type PageTexts = { readonly [Name in keyof typeof TEXTS]: string }
