/** What a payer does, as it does it: one line that is written over on a terminal, a line for each step elsewhere. */
import type { PayerEvent } from '../client/index.ts'
import { formatXno } from '../nano/index.ts'
import { type Output, paint, printLine } from './terminal.ts'

export interface Progress {
  readonly onEvent: (event: PayerEvent) => void
  /** Something takes its time: says so until the next call. */
  wait(text: string): void
  /** Takes the waiting line away. To be called before anything else is printed. */
  clear(): void
}

const FRAME_MS = 100
const FRAMES = ['-', '\\', '|', '/']

export function createProgress(output: Output): Progress {
  const isDrawn = output.isTTY && process.env.TERM !== 'dumb'
  let timer: ReturnType<typeof setInterval> | undefined

  function clear() {
    if (timer === undefined) return
    clearInterval(timer)
    timer = undefined
    output.write('\r\u001b[K')
  }
  function wait(text: string) {
    clear()
    if (!isDrawn) return printLine(output, text)
    const startMs = performance.now()
    let frame = 0
    const draw = () => {
      const seconds = ((performance.now() - startMs) / 1000).toFixed(1)
      output.write(`\r\u001b[K${FRAMES[frame++ % FRAMES.length]} ${text} ${paint(output, 'dim', `${seconds} s`)}`)
    }
    draw()
    timer = setInterval(draw, FRAME_MS)
  }
  function step(text: string) {
    clear()
    printLine(output, text)
  }

  return {
    wait,
    clear,
    onEvent(event) {
      if (event.type === 'work' && event.state === 'started') wait('Computing proof of work ...')
      else if (event.type === 'work') step(`Proof of work: ${event.ms} ms`)
      else if (event.type === 'received') step(`Received ${formatXno(event.amount)} XNO (block ${event.hash})`)
      else if (event.type === 'published') {
        step(`Published block ${event.hash}`)
        wait('Waiting for its confirmation ...')
      } else if (event.type === 'confirmed') step(`Confirmed after ${event.ms} ms`)
      else if (event.type === 'resumed')
        step(`An earlier payment for this request is unused: using it (block ${event.hash})`)
      else if (event.type === 'presenting')
        wait(`Showing the payment${event.attempt > 1 ? ` again (${event.attempt})` : ''} ...`)
      else if (event.type === 'void') step(`Another block took the place of ${event.hash}: nothing was paid by it`)
      else if (event.type === 'paid' || event.type === 'refused') clear()
    },
  }
}
