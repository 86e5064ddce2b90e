import { confirm } from '../parts/dialog.js'
import { plural } from './format.js'
import { session } from './session.js'
import * as uploads from './uploads.js'

/** Signs out. Uploads that have not ended are cancelled; unless `ask` is false, somebody is asked first. */
export async function signOut({ ask = true } = {}) {
  const { open } = uploads.summary()
  const question = {
    title: open === 1 ? 'An upload has not ended' : `${plural(open, 'upload')} have not ended`,
    text: 'They are cancelled if you sign out now.',
    action: 'Sign out',
    danger: true,
  }
  if (open && ask && !(await confirm(question))) return
  uploads.cancelAll()
  session.signOut()
}
