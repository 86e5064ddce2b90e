/** The stage's `config.json`: `stage`, `version`, `url`, and `sign_in`, the issuers that people can sign in with. */
export const config = { stage: '', version: '', url: '', sign_in: [] }

/** Reads it, once. A page without it still takes keys. */
export async function loadConfig() {
  try {
    const response = await fetch('/console/config.json', { credentials: 'omit' })
    if (response.ok) Object.assign(config, await response.json())
  } catch {
    // the sign-in view works without it
  }
  if (!Array.isArray(config.sign_in)) config.sign_in = []
}
