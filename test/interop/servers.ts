/** Servers that charge: our own, and the official ones with our plug-ins. */
import { type Framework, frameworks } from '../support/frameworks.ts'
import { REPORT, type Server } from './pair.ts'

const ours = ({ name, serve }: Framework): Server => ({
  name: `nano402 (${name})`,
  isOurs: true,
  wires: ['x402'],
  mechanisms: ['session'],
  async open({ options }) {
    const { url, ...served } = await serve(options, () => ({ body: REPORT }))
    return { url: `${url}/report`, ...served }
  },
})

export const servers: readonly Server[] = frameworks.map(ours)
