import { html, useState } from '../../vendor/preact.js'
import { api } from '../../lib/api.js'
import { Dialog, Field, ProblemNote, toast } from '../../lib/ui.js'

const RECIPES = {
  photo: 'photo: pictures from 160 to 1,920 pixels wide',
  avatar: 'avatar: small squares around the focal point',
  document: 'document: pictures for reading',
  'original-only': 'original-only: nothing is made',
}

/** Has the renditions made again, by the same recipe or another one. */
export function ReprocessDialog({ file, onClose }) {
  const { record } = file
  const [recipe, setRecipe] = useState(record.recipe)
  const [problem, setProblem] = useState(null)
  const [busy, setBusy] = useState(false)
  const recipes = record.recipe in RECIPES ? RECIPES : { [record.recipe]: record.recipe, ...RECIPES }
  async function begin(event) {
    event.preventDefault()
    setBusy(true)
    setProblem(null)
    // With the same recipe there is nothing to do for the API, unless somebody insists, as they do here.
    const body = recipe === record.recipe ? { force: true } : { recipe }
    try {
      file.put(await api.request('POST', `/v1/files/${file.id}/reprocess`, { body }))
      toast('Processing begins')
      onClose()
    } catch (refused) {
      const gone = refused.code === 'original_missing'
      setProblem(gone ? { ...refused, detail: 'The original is not there any more, so nothing can be made of it. Upload the file again.' } : refused)
      setBusy(false)
    }
  }
  return html`<${Dialog} title="Process again" onClose=${onClose}>
    <form onSubmit=${begin}>
      <p class="hint">The renditions of now are shown until the new ones are there. Then their addresses change.</p>
      <${Field} id="reprocess-recipe" label="Recipe">
        <select id="reprocess-recipe" value=${recipe} onChange=${(event) => setRecipe(event.target.value)}>
          ${Object.entries(recipes).map(([name, text]) => html`<option key=${name} value=${name} selected=${name === recipe}>${text}</option>`)}
        </select>
      <//>
      <${ProblemNote} problem=${problem} />
      <footer>
        <button type="button" class="button" onClick=${onClose}>Cancel</button>
        <button type="submit" class="button primary" disabled=${busy}>Process again</button>
      </footer>
    </form>
  <//>`
}
