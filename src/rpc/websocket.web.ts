/** A websocket where the platform has one. */
import type { Socket, SocketEvents } from './socket.ts'

export type { Socket, SocketEvents } from './socket.ts'

const MAX_LENGTH = 64 * 1024

/** Opens a websocket. Never throws: what cannot be opened closes. */
export function openWebSocket(url: string, events: SocketEvents): Socket {
  let socket: WebSocket | undefined
  let ended = false
  const end = () => {
    if (ended) return
    ended = true
    socket?.close()
    events.close()
  }
  try {
    socket = new WebSocket(url)
    socket.onopen = () => !ended && events.open()
    socket.onmessage = ({ data }) => {
      if (ended || typeof data !== 'string') return
      if (data.length > MAX_LENGTH) end()
      else events.message(data)
    }
    socket.onerror = end
    socket.onclose = end
  } catch {
    queueMicrotask(end)
  }
  return {
    send: (text) => {
      if (!ended) socket?.send(text)
    },
    close: () => queueMicrotask(end),
  }
}
