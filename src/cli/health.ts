/** Whether a service of ours can do its work, said when it starts: later it would answer 503 to everybody. */
import type { Health } from '../index.ts'
import { paint, printLine, type Terminal } from './terminal.ts'

type Asked = Pick<Health, 'node' | 'store'>

/** What is wrong, in sentences. */
export const complaintsOf = ({ node, store }: Asked): readonly string[] => [
  ...(node.ok
    ? []
    : ['node: no Nano node of this network answers, so payments cannot be checked. Is rpc (NANO402_RPC_URL) right?']),
  ...(store.ok
    ? []
    : [
        'store: it cannot be opened, so nothing can be sold. Is store (NANO402_STORE) right? nano402 doctor says more.',
      ]),
]

/** Says so, beside everything else. */
export async function warnOf(health: Promise<Asked>, { stderr }: Terminal): Promise<void> {
  for (const complaint of complaintsOf(await health))
    printLine(stderr, `${paint(stderr, 'yellow', 'warning:')} ${complaint}`)
}
