/** What an RPC action is. */
import type { NodeAnswer } from '../../rpc/node.ts'
import type { Node } from '../node.ts'
import type { RpcRequest } from '../request.ts'

/** Answers one call; throws `request.refusal(text)` for an answer of the node's `{ "error": text }` kind. */
export type Action = (node: Node, request: RpcRequest) => NodeAnswer | Promise<NodeAnswer>

/** A node's JSON has no empty list and no empty object: both are an empty text. */
export const orEmpty = <T extends object>(value: T): T | '' => (Object.keys(value).length === 0 ? '' : value)

/** A node's word for yes and no, where it is not `"true"` and `"false"`. */
export const bit = (value: boolean): '1' | '0' => (value ? '1' : '0')
