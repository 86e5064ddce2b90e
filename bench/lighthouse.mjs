// Runs Lighthouse on the console's sign-in and gallery: `node bench/lighthouse.mjs CHROMIUM URL KEY`. Prints JSON.
import { createRequire } from 'node:module'
import { pathToFileURL } from 'node:url'

const [chromium, url, key] = process.argv.slice(2)
const require = createRequire(new URL('../tests/browser/', import.meta.url))
const load = (name) => import(pathToFileURL(require.resolve(name)))
const { default: lighthouse, desktopConfig } = await load('lighthouse')
const { default: puppeteer } = await load('puppeteer-core')

const CATEGORIES = ['performance', 'accessibility', 'best-practices']
const VIEWS = [
  ['sign-in', null],
  ['gallery', key],
]
const FORMS = [
  ['phone', undefined],
  ['desktop', desktopConfig],
]

const browser = await puppeteer.launch({ executablePath: chromium, headless: true, args: ['--no-sandbox', '--disable-gpu'] })
const found = []
for (const [view, credential] of VIEWS) {
  for (const [form, config] of FORMS) {
    const page = await browser.newPage()
    if (credential) {
      await page.evaluateOnNewDocument((text) => sessionStorage.setItem('filemill.credential', text), JSON.stringify(credential))
    }
    const flags = { onlyCategories: CATEGORIES, disableStorageReset: true, logLevel: 'error' }
    const { lhr } = await lighthouse(`${url}/`, flags, config, page)
    const scores = Object.fromEntries(CATEGORIES.map((name) => [name, Math.round(lhr.categories[name].score * 100)]))
    const refs = CATEGORIES.flatMap((name) => lhr.categories[name].auditRefs.map((ref) => lhr.audits[ref.id]))
    const missed = refs.filter((audit) => audit.score !== null && audit.score < 0.9 && audit.scoreDisplayMode !== 'informative')
    const value = (name) => {
      const { numericValue, errorMessage } = lhr.audits[name]
      if (numericValue === undefined) throw new Error(`${view}, ${form}: ${name}: ${lhr.runtimeError?.message ?? errorMessage}`)
      return numericValue
    }
    found.push({
      view,
      form,
      ...scores,
      first_paint_ms: Math.round(value('first-contentful-paint')),
      largest_paint_ms: Math.round(value('largest-contentful-paint')),
      blocking_ms: Math.round(value('total-blocking-time')),
      layout_shift: Number(value('cumulative-layout-shift').toFixed(4)),
      bytes: Math.round(value('total-byte-weight')),
      missed: [...new Set(missed.map((audit) => `${audit.id}${audit.displayValue ? ` (${audit.displayValue})` : ''}`))],
    })
    await page.close()
  }
}
await browser.close()
console.log(JSON.stringify(found))
