/** The forms by name, as a client speaks them. */
import { decodeSettlementResponse, PAYMENT_RESPONSE } from './headers.ts'
import { nanoSession3Client } from './nanosession-3.ts'
import { nanoSession5Client } from './nanosession-5.ts'
import { nanoSession7Client } from './nanosession-7.ts'
import type { SettlementResponse } from './shapes.ts'
import type { ClientWire, HeaderReader } from './wire.ts'
import { joinWires, WIRE_NAMES, type WireName } from './wires.ts'
import { x402Client } from './x402.ts'
import { X_PAYMENT_RESPONSE, x402V1Client } from './x402-v1.ts'

export const CLIENT_WIRES: Readonly<Record<WireName, ClientWire>> = {
  x402: x402Client,
  'nanosession-7': nanoSession7Client,
  'x402-v1': x402V1Client,
  'nanosession-3': nanoSession3Client,
  'nanosession-5': nanoSession5Client,
}

/** The headers in which any form presents a payment. */
export const PAYMENT_HEADERS: readonly string[] = joinWires(WIRE_NAMES).requestHeaders

/** What an answer says became of a payment, in whichever form. */
export function readSettlement(headers: HeaderReader): SettlementResponse | undefined {
  const header = headers.get(PAYMENT_RESPONSE) ?? headers.get(X_PAYMENT_RESPONSE) ?? undefined
  return header === undefined ? undefined : decodeSettlementResponse(header)
}
