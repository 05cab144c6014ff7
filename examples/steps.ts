/** Prints what a payer does, step by step. */
import type { PayerEvent } from 'nano402/client'
import { formatXno } from 'nano402/nano'

/** `say` prints a line with a label, `tell` a payer's events. */
export function storyteller(print: (line: string) => void) {
  const say = (label: string, text: string) => print(`  ${label.padEnd(9)} ${text}`)

  function tell(event: PayerEvent): void {
    switch (event.type) {
      case 'challenged':
        say('402', `it costs ${formatXno(event.price)} XNO, that is ${event.price} raw`)
        say('session', `this one is paid with ${event.amount} raw: the last 20 digits are its tag`)
        break
      case 'resumed':
        say('earlier', `block ${event.hash} was paid and never used: it is used now`)
        break
      case 'received':
        say('received', `${formatXno(event.amount)} XNO`)
        break
      case 'published':
        say('block', event.hash)
        break
      case 'confirmed':
        say('', `confirmed in ${event.ms} ms`)
        break
      case 'presenting':
        say('again', 'the same request, with the block and the session as proof')
        break
      case 'paid':
        say(String(event.status), 'served')
        say('receipt', JSON.stringify(event.settlement))
        break
      case 'refused':
        say('refused', event.refusal)
    }
  }

  return { say, tell }
}
