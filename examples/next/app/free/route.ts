export const GET = () => Response.json({ price: 'nothing' })
