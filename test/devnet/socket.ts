/** A websocket client for tests: every step waits for an event, none for a time. */
import { once } from 'node:events'
import { WebSocket } from 'ws'

export interface Socket {
  /** Sends a message and returns when the server has read it, or has dropped the connection. */
  send(message: unknown): Promise<void>
  /** What came since the last time. */
  take(): Promise<unknown[]>
  /** What came since the last time; then closes. */
  close(): Promise<unknown[]>
}

/** Connects. */
export async function openSocket(url: string): Promise<Socket> {
  const socket = new WebSocket(url)
  await once(socket, 'open')
  const received: unknown[] = []
  let pongs = 0
  let pong: () => void = () => {}
  const closed = once(socket, 'close')
  socket.on('message', (data) => {
    const message = JSON.parse(String(data))
    if (message.id !== `sync ${pongs}`) return received.push(message)
    pongs++
    pong()
  })
  /** The server answers in order: when the pong is here, so is all that was sent before. */
  async function sync(): Promise<void> {
    if (socket.readyState !== WebSocket.OPEN) return
    const answered = new Promise<void>((resolve) => {
      pong = resolve
    })
    socket.send(JSON.stringify({ action: 'ping', id: `sync ${pongs}` }))
    await Promise.race([answered, closed])
  }
  return {
    async send(message) {
      socket.send(typeof message === 'string' ? message : JSON.stringify(message))
      await sync()
    },
    async take() {
      await sync()
      return received.splice(0)
    },
    async close() {
      await sync()
      socket.close()
      await closed
      return received
    },
  }
}
