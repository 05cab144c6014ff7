/** How we see the Nano network: something that answers a node's JSON actions. */

/**
 * One way to ask the Nano network. `createRpc` makes one of URLs, the devnet is one, and so is any object with this method.
 */
export interface NanoNode {
  /**
   * Sends one action, as in nano-node's RPC protocol.
   *
   * @param action - Such as `blocks_info`.
   * @param parameters - The other fields of the request.
   * @param signal - Gives up.
   * @returns The node's answer, not checked beyond being a JSON object without `error`.
   * @throws `NodeRefusedError` (`ERR_NODE_REFUSED`) when the node answered `{ "error": ... }`;
   * `NodeUnavailableError` (`ERR_NODE_UNAVAILABLE`) when there was no usable answer.
   */
  call(action: string, parameters: Readonly<Record<string, unknown>>, signal?: AbortSignal): Promise<NodeAnswer>
}

/** A JSON object of unproven shape. All scalars of a real node are strings, and an empty list is `""`. */
export type NodeAnswer = Readonly<Record<string, unknown>>
