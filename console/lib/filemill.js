import { Filemill } from '../filemill.js'
import { session } from './session.js'

/** The stage, as its own browser module sees it: uploads and live changes go through it. */
export const filemill = new Filemill({ url: location.origin, credential: () => session.token() })
