/** A facilitator on a real socket, and the options of a resource server that has nothing but its URL. */
import type { PaywallOptions } from 'nano402'
import {
  createFacilitator,
  type FacilitatorAppOptions,
  type FacilitatorOptions,
  type FacilitatorService,
  facilitatorApp,
} from 'nano402/facilitator'
import { listenFetch } from './frameworks.ts'
import { disposable } from './wait.ts'
import type { World } from './world.ts'

export interface ServedFacilitator extends AsyncDisposable {
  readonly url: string
  readonly facilitator: FacilitatorService
  /** For a paywall that sells through it for 0.001 XNO. */
  readonly options: PaywallOptions & { readonly facilitator: string }
  close(): Promise<void>
}

/** Starts one that looks at the world's devnet. */
export async function startFacilitator(
  world: World,
  own: FacilitatorOptions = {},
  app: FacilitatorAppOptions = {},
): Promise<ServedFacilitator> {
  const { payTo, price, ...node } = world.options
  const facilitator = createFacilitator({ ...node, ...own })
  const { url, close } = await listenFetch(facilitatorApp(facilitator, app).fetch)
  const { network } = node
  return disposable({
    url,
    facilitator,
    options: { network, payTo, price, facilitator: url },
    async close() {
      await close()
      await facilitator.close()
    },
  })
}
