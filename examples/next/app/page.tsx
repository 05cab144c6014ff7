/** What is sold here. The page itself is free; each link and button leads to a route that is paid for. */
import { Quote } from './shop/quote'

export const dynamic = 'force-dynamic' // the environment of the server, not of the build

export default function Page() {
  const { NANO402_NETWORK: network, POCKET_RPC_URL: rpc } = process.env
  return (
    <main>
      <h1>The corner shop</h1>
      <h2>For people</h2>
      <p>
        <a href="/guide">The guide</a> costs 0.005 XNO. A browser gets a page to pay on, and then the guide.
      </p>
      <h2>For this page</h2>
      {rpc ? <Quote network={network} rpc={rpc} /> : <p>Set POCKET_RPC_URL to let this page pay for its quotes.</p>}
      <h2>For programs</h2>
      <p>
        <a href="/free">/free</a> costs nothing. <a href="/report">/report</a> (edge runtime),{' '}
        <a href="/quote">/quote</a>, <a href="/items/1">/items/1</a> and POST /translate (nodejs runtime) are paid for.
      </p>
    </main>
  )
}
