// Types of filemill.js. Those of records are in openapi.d.ts, which is made of the API's document.

import type { components } from './openapi.js'

/** A file as the API answers it. It may have more fields than this type. */
export type FileRecord = components['schemas']['FileResource']

/** Status of a file. */
export type Status = FileRecord['status']

/** An API key, an upload token, or a sign-in token. */
export type Credential = string | ((why: CredentialRequest) => string | Promise<string>)

export interface CredentialRequest {
  /** `upload`: asked once for each upload, which keeps it. `follow`: once for each follower. `request`: for each request. */
  purpose: 'upload' | 'follow' | 'request'
  /** The file that is to be uploaded. */
  file?: File | Blob
  /** True if the last one was refused: give another one. */
  refresh: boolean
}

export interface Options {
  /** The front door. Default: the origin that this module was loaded from. */
  url?: string | URL
  credential?: Credential
  /** Uploads that send at the same time; the others are `queued`. Default: 3. */
  uploads?: number
}

export declare class Filemill {
  constructor(options?: Options)
  /** The front door, without a slash at its end. */
  readonly url: string
  /** Begins an upload. It never throws; `done` rejects. */
  upload(file: File | Blob, options?: UploadOptions): Upload
  /** Tells of changes until `signal` is aborted, or `close()` is called. */
  follow(options?: FollowOptions): Follower
  /** The answer's JSON, or null. Rejects with a FilemillError. A GET is repeated where that can help. */
  request<T = any>(method: string, path: string, options?: RequestOptions): Promise<T>
  /** As `request`, with the answer's headers, such as its `ETag`. */
  answer<T = any>(method: string, path: string, options?: RequestOptions): Promise<Answer<T>>
  /** Forgets the uploads to this front door that this browser could go on with. For a page that signs a user out. */
  forget(): void
}

export interface Answer<T = any> {
  data: T
  headers: Headers
}

export interface RequestOptions {
  body?: unknown
  query?: Record<string, string | number | boolean | null | undefined | readonly (string | number)[]>
  headers?: Record<string, string>
  signal?: AbortSignal
  /** In place of the Filemill's own: a key or token, as text. */
  credential?: string
  /** Most repetitions of a request that failed for a moment. Default: 5. */
  retries?: number
  /** The request outlives the page. */
  keepalive?: boolean
}

export interface UploadOptions {
  /** Default: the file's own name. */
  filename?: string
  /** Default: the type that the browser knows, or `application/octet-stream`. */
  contentType?: string
  visibility?: 'private' | 'public'
  /** Such as `photo`. Default: the tenant's. */
  recipe?: string
  tags?: string[]
  metadata?: Record<string, unknown>
  owner?: string
  /** Hexadecimal SHA-256 of the file, if the page knows it. */
  sha256?: string
  /** The point of an image that crops keep; from 0 to 1. */
  focus?: { x: number; y: number }
  /** Seconds after its creation when the file is deleted. */
  expiresAfter?: number
  /** True for an upload in parts (from 5 MiB on), false for one request (up to 5 GiB). Default: the API decides. */
  multipart?: boolean
  /** Bytes of a part, from 5 MiB on. */
  partSize?: number
  /** Parts that are sent at the same time. Default: 4. */
  parallel?: number
  /** Have S3 check each part's SHA-256. It reads each part into memory, and needs `multipart` and https. */
  checksums?: boolean
  /** `['delivery']`: the record of `ready` has that block, with addresses and markup for a page. */
  include?: 'delivery'[]
  onProgress?(progress: Progress): void
  /** The file's status; whoever gives this function waits for the end of processing. */
  onStatus?(status: Status, record: FileRecord): void
  onState?(state: UploadState, error: Error | null): void
  /** Aborting it cancels the upload. */
  signal?: AbortSignal
}

/** `waiting` is a pause before the next try, or for the network; `sent` means that all bytes are there. */
export type UploadState = 'queued' | 'sending' | 'paused' | 'waiting' | 'sent' | 'failed' | 'cancelled'

export interface Progress {
  /** Bytes. */
  sent: number
  /** Bytes. */
  total: number
  /** Bytes a second, over the last ten seconds. */
  rate: number
  /** Seconds, or null while nobody can tell. */
  remaining: number | null
}

export interface Upload {
  readonly file: File | Blob
  readonly state: UploadState
  readonly progress: Progress
  /** Why it failed. */
  readonly error: Error | null
  /** The newest record that is known; null before the file was created. */
  readonly record: FileRecord | null
  /** The record, once the bytes are there. */
  readonly done: Promise<FileRecord>
  /** The record with the status `ready`; a FilemillError with `code` and `record` if processing fails. */
  readonly ready: Promise<FileRecord>
  pause(): void
  resume(): void
  /** Ends the upload. S3 keeps nothing of it. */
  cancel(): void
}

export interface FollowOptions {
  /** At most 500 ids. Their present state comes first. Without them: every file that the credential may see. */
  files?: string[]
  /** Where to go on, as `onCursor` gave it. Without one, from now on. It has no effect with `files`. */
  cursor?: string | null
  /** Called in order, each state of a file once. A promise is awaited before the next event. */
  onEvent?(event: FileEvent): void | Promise<void>
  onState?(state: FollowerState, error: Error | null): void
  /** Called after the events before this cursor. Keep it to go on after a reload. */
  onCursor?(cursor: string): void
  /** The cursor is no good any more: read the files anew. */
  onReset?(): void
  /** Ids among `files` that are not there, or not visible for the credential. */
  onMissing?(ids: string[]): void
  signal?: AbortSignal
}

/** `live`: over a socket; `polling`: by asking every few seconds; `ended`: by the signal, or by the error. */
export type FollowerState = 'connecting' | 'live' | 'polling' | 'ended'

export interface Follower {
  readonly state: FollowerState | null
  readonly cursor: string | null
  readonly error: Error | null
  close(): void
}

/** A CloudEvents envelope. While polling, `type` tells the state that the file has now. */
export interface FileEvent {
  specversion: '1.0'
  id: string
  type: string
  /** The file's id. */
  subject: string
  time: string | null
  /** Of a deleted file, `file` has little more than its id and revision. */
  data: { file: Partial<FileRecord> & { id: string; revision: number }; [more: string]: unknown }
  [more: string]: unknown
}

export declare class FilemillError extends Error {
  constructor(code: string, detail: string, more?: Partial<FilemillError>)
  /** Of the API, of a failed file, or one of `network`, `cancelled`, `file_unreadable`, `empty`, `storage`, `unexpected_answer`. */
  readonly code: string
  /** A sentence for a person; also `message`. */
  readonly detail: string
  /** Of the answer, or 0. */
  readonly status: number
  readonly title: string | null
  readonly field: string | null
  readonly requestId: string | null
  /** Seconds. */
  readonly retryAfter: number | null
  /** The file, if its processing failed. */
  readonly record: FileRecord | null
  /** The whole problem document. */
  readonly problem?: unknown
}
