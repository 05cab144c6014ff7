/** A free page. Pages are not what nano402 sells: a route handler is. */
export default function Page() {
  return (
    <ul>
      <li>
        <a href="/free">/free</a> costs nothing
      </li>
      <li>
        <a href="/report">/report</a> (edge runtime) and <a href="/quote">/quote</a>, <a href="/items/1">/items/1</a>{' '}
        and POST /translate (nodejs runtime) are paid for
      </li>
    </ul>
  )
}
