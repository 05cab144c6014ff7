/** What people buy: a browser is shown a page to pay on, and gets the guide once it is paid. Programs get JSON, as everywhere. */
import { paywall } from 'nano402/next'
import { paywallPage } from 'nano402/page'

const GUIDE =
  '<!doctype html><html lang="en"><title>The guide</title><h1>The guide</h1><p>Turn left at the fountain.</p>'

export const GET = paywall(
  { price: '0.005', description: 'The guide', page: paywallPage({ title: 'The corner shop' }) },
  () => new Response(GUIDE, { headers: { 'Content-Type': 'text/html; charset=utf-8' } }),
)
