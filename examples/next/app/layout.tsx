import type { ReactNode } from 'react'

export default function Layout({ children }: { children: ReactNode }) {
  return (
    <html lang="en">
      <head>
        <title>The corner shop</title>
        <style>
          {
            'body{font:1rem/1.5 system-ui,sans-serif;max-width:40rem;margin:2rem auto;padding:0 1rem;overflow-wrap:anywhere}'
          }
        </style>
      </head>
      <body>{children}</body>
    </html>
  )
}
