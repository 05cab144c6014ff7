/** nano402 as a network of the official x402 SDK (`@x402/core` 2.x): what its clients and servers are given to register. */
export { type NanoClient, type NanoClientOptions, nanoClient } from './client.ts'
