// The small parts that every view uses, under one name.
export { Icon } from '../parts/icon.js'
export { toast, Toasts } from '../parts/toasts.js'
export { Dialog, confirm, Dialogs } from '../parts/dialog.js'
export { Bytes, CopyButton, Empty, Field, ProblemNote, Progress, Time, announce } from '../parts/basics.js'
