import { Filemill, FilemillError } from '../filemill.js'

// lib/session.js says where the credential comes from and hears of its end; it imports this module, so not the reverse.
const hooks = { credential: async () => null, ended: () => {} }
export const connect = (given) => Object.assign(hooks, given)

/** The stage, as its own browser module sees it: requests, uploads and live changes go through it. */
export const filemill = new Filemill({
  url: location.origin,
  credential: ({ refresh }) => hooks.credential(refresh),
})

/** An answer of the API that is no success, or no answer at all: the error of filemill.js. */
export const Problem = FilemillError

/** The session's credential was refused. */
export const ended = (problem) => hooks.ended(problem)
