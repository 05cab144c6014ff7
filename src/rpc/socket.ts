/** The little that we need of a websocket. */

export interface Socket {
  /** Sends a text. Does nothing once it is closed. */
  send(text: string): void
  /** Closes for good; `close` is told after it. */
  close(): void
}

export interface SocketEvents {
  open(): void
  message(text: string): void
  /** Closed, by whomever, or never opened. Told once, and nothing after it. */
  close(): void
}
