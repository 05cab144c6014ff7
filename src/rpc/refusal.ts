/** What a node's error texts mean. */
import type { NodeRefusedError } from '../errors.ts'

/** Whether the node would not answer this action at all, so that another node, or another action, may. */
export const isAboutTheNode = ({ nodeError }: NodeRefusedError): boolean =>
  /unknown command|not allowed|disabled|not supported|unauthori[sz]ed|forbidden|rate.?limit|too many/i.test(nodeError)
