import express from 'express'
import { paywall } from 'nano402/express'

export const app = express()
app.get('/report', paywall({ price: '0.01' }), (_req, res) => void res.json({ report: 'Sunny.' }))
