/** A websocket on Node: the `ws` package, imported when the first one opens, because Node 20 has none of its own. */
import type { Socket, SocketEvents } from './socket.ts'

export type { Socket, SocketEvents } from './socket.ts'

const MAX_BYTES = 64 * 1024
const HANDSHAKE_MS = 10_000

/** Opens a websocket that keeps no process alive. Never throws: what cannot be opened closes. */
export function openWebSocket(url: string, events: SocketEvents): Socket {
  let open: { send(text: string): void; terminate(): void } | undefined
  let ended = false
  const end = () => {
    if (ended) return
    ended = true
    open?.terminate()
    events.close()
  }
  import('ws')
    .then(({ WebSocket }) => {
      if (ended) return
      const socket = new WebSocket(url, {
        maxPayload: MAX_BYTES,
        handshakeTimeout: HANDSHAKE_MS,
        perMessageDeflate: false,
        finishRequest(request) {
          request.on('socket', (connection) => connection.unref())
          request.end()
        },
      })
      open = socket
      socket.on('open', () => !ended && events.open())
      socket.on('message', (data, isBinary) => !ended && !isBinary && events.message(String(data)))
      socket.on('error', end)
      socket.on('close', end)
    })
    .catch(end)
  return {
    send(text) {
      if (!ended) open?.send(text)
    },
    close: () => queueMicrotask(end),
  }
}
