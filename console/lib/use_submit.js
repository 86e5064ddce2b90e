import { useRef, useState } from '../vendor/preact.js'

const NAMED = /^`[^`]*`: /

/** A problem's sentence for beside the field that it names: without the field's name, which its label says. */
export function sentenceOf(problem) {
  const text = (problem.detail || problem.message || '').replace(NAMED, '')
  return text.charAt(0).toUpperCase() + text.slice(1)
}

/**
 * Sends a form once at a time: `{submit, busy, errorOf, rest}`. `errorOf('name')` is the API's word on that field; `rest` is
 * the problem if it names none of `fields`. `work` may throw `{field, detail}`, as the API does.
 */
export function useSubmit(fields, work) {
  const [busy, setBusy] = useState(false)
  const [problem, setProblem] = useState(null)
  const form = useRef()
  // `networks[0]` and `networks.0` belong to the field `networks`.
  const named = problem?.field ? fields.find((each) => problem.field === each || problem.field.startsWith(`${each}.`) || problem.field.startsWith(`${each}[`)) : null

  async function submit(event) {
    event?.preventDefault()
    form.current = event?.currentTarget
    if (busy) return
    setBusy(true)
    setProblem(null)
    try {
      await work()
    } catch (error) {
      setProblem(error)
      // The field is marked in the next frame.
      setTimeout(() => form.current?.querySelector('[aria-invalid="true"]')?.focus())
    } finally {
      setBusy(false)
    }
  }

  return {
    submit,
    busy,
    problem,
    rest: problem && !named ? problem : null,
    errorOf: (field) => (named === field ? sentenceOf(problem) : null),
  }
}

/** The attributes of a control that a field's hint and error describe. */
export const described = (id, { hint, error }) => ({
  id,
  'aria-invalid': error ? 'true' : undefined,
  'aria-describedby': [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(' ') || undefined,
})
