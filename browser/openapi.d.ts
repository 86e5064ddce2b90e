// Types of the HTTP API, made of chalicelib/api/openapi.json by `make browser`.

export interface paths {
    "/asyncapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get the document of the socket and of webhooks
         * @description AsyncAPI 3.0, made from the models of events and of the socket's messages.
         */
        get: operations["get_asyncapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Read this document as a page
         * @description The page loads nothing from other hosts.
         */
        get: operations["get_docs"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/docs/{asset}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a script or style sheet of that page, or the icon of a kind of files
         * @description Icons are `icon-image.svg`, `icon-pdf.svg` and so on, one for each `kind`: 24 by 24 pixels, gray lines, no ground.
         */
        get: operations["get_docs_asset"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/openapi.json": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get this document
         * @description OpenAPI 3.1, made from the routes and from the models that check requests.
         */
        get: operations["get_openapi"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s/{token}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * See the page of a share link, or be asked for its password
         * @description A link that is wrong, over or revoked, and one of a file that may not be seen, get the same answer. Costs two DynamoDB reads and a write, and one read for a wrong link.
         */
        get: operations["show_shared"];
        put?: never;
        /**
         * See the page of a share link that has a password: the form's field password
         * @description After ten wrong passwords in an hour, the link takes none until the next hour begins. Costs two DynamoDB reads and two writes.
         */
        post: operations["open_shared"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s3/multipart": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Begin an upload in parts
         * @description Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["uppy_create_multipart"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s3/multipart/{upload_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the parts that S3 has received
         * @description Scope: `files:write`, or `files:own` for one's own files.
         */
        get: operations["uppy_list_parts"];
        put?: never;
        post?: never;
        /**
         * Abort an upload
         * @description Scope: `files:write`, or `files:own` for one's own files.
         */
        delete: operations["uppy_abort"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s3/multipart/{upload_id}/batch": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sign many parts at once
         * @description Older versions of Uppy ask for this.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        get: operations["uppy_sign_batch"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s3/multipart/{upload_id}/begun": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Tell Uppy the id of a multipart upload that was begun for it, in S3's words
         * @description The address comes from `POST /s3/presign`. Its signature stands in for a credential.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["uppy_begun"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s3/multipart/{upload_id}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Complete an upload in parts
         * @description A browser that lost the answer may ask again, and gets the same answer.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["uppy_complete"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s3/multipart/{upload_id}/{part_number}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Sign one part
         * @description Scope: `files:write`, or `files:own` for one's own files.
         */
        get: operations["uppy_sign_part"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s3/params": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Begin an upload in one piece
         * @description The answer is a form for S3. Uppy does not tell the file's size, so the form bounds it.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        get: operations["uppy_params"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s3/presign": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Sign one request to S3
         * @description The browser sends the request. A new file gets a key of ours, which Uppy uses from then on.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["uppy_presign"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s3/session": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Put an upload token into a cookie
         * @description For Uppy's `companionEndpoint`, which sends no Authorization header.
         *
         *     Scope: `files:write`.
         */
        post: operations["begin_session"];
        /** Delete the cookie */
        delete: operations["end_session"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/s3/sts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Not offered: AWS credentials for a browser */
        get: operations["uppy_sts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/audit": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List who changed what in this tenant, the newest first: files, keys, tokens, webhooks, share links and settings
         * @description A page may have fewer entries than `limit`, even none, although more follow: only a null `next_cursor` ends the list. The audit is kept for as long as the stage says, a year unless it was changed, and is sealed every hour.
         *
         *     Scope: `keys:admin`.
         */
        get: operations["list_audit"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/changes": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List changed files in the order of their last change
         * @description Each file is listed once, as it is now. Deleted files are listed, too, with nothing but their id and revision. Send `next_after` as `after` to continue where this answer ended. An answer has at most 6 MB, so it may have fewer changes than `limit` although there are more. `after=now` costs one call to DynamoDB more.
         *
         *     A caller with `files:own` gets changes of its own files. An answer may then have none although there are more.
         *
         *     Scope: `files:read`, or `files:own` for one's own files.
         */
        get: operations["list_changes"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List files, the newest first; or filter and sort them
         * @description Filters read an index, which follows each write, as a rule within a second. A page may have fewer files than `limit`, even none, although more follow: only a null `next_cursor` ends the list. An answer has at most 6 MB.
         *
         *     A caller with `files:own` lists its own files, in the order of creation.
         *
         *     Scope: `files:read`, or `files:own` for one's own files.
         */
        get: operations["list_files"];
        put?: never;
        /**
         * Create a file, and get the signed requests that upload its bytes
         * @description Costs one DynamoDB write, and for a multipart upload one call to S3.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["create_file"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/batch-get": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Get many records at once
         * @description They are in the order of `ids`, each once. Ids that are not yours are left out. An answer has at most 6 MB: `omitted` are the ids that were not looked at any more. Ask for them again.
         *
         *     Scope: `files:read`, or `files:own` for one's own files.
         */
        post: operations["batch_get_files"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a file's record; with wait, as soon as its status changes, or is final (wait_for=final)
         * @description The answer is 304 if the client has this record already (`If-None-Match`). Where too many requests wait already, of this key or of the whole stage, the answer comes at once: the record as it is, with a longer `Retry-After`. Costs one DynamoDB read; with `wait`, four writes, and one read each time that the record is looked at.
         *
         *     Scope: `files:read`, or `files:own` for one's own files.
         */
        get: operations["get_file"];
        put?: never;
        post?: never;
        /**
         * Delete a file: the record, the original with all its versions, the renditions, and their copies at the edges
         * @description Nothing that was told of the file stays, neither its name nor its hash. Only the id, the revision and the times stay for 30 days, for the feed of changes.
         *
         *     If the stage has a delete window, the original stays until the window is over, and the file can be restored until then. A file under legal hold can't be deleted. An upload that has not ended is aborted. The record is deleted first, so a crash can only leave objects that nobody finds; a repeated request removes them.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        delete: operations["delete_file"];
        options?: never;
        head?: never;
        /**
         * Change a file's name, tags, metadata, visibility, focal point or retention, or the second that a poster shows
         * @description Fields that are left out stay as they are. `metadata` is merged (RFC 7396); the other fields are replaced, and null empties them. Another visibility moves the renditions to other addresses. Another focal point makes the renditions that are cropped to it again, and another poster all of a film's. Costs one DynamoDB read and write; another visibility also costs a copy of each rendition.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        patch: operations["patch_file"];
        trace?: never;
    };
    "/v1/files/{file_id}/captions": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a film or a sound captions in one language, or replace those that it has in this language
         * @description SubRip is converted to WebVTT. The text is written anew: it keeps cues, their ids, times, settings and the tags `b`, `i`, `u`, `c`, `v`, `lang` and `ruby`; all else is left out. If it can't be read, `detail` names the line. The captions are in the HLS playlist and in `delivery.video`. They stay when the file is processed again, moved or restored. The same request twice changes nothing the second time.
         *
         *     Costs one DynamoDB read and write, and one GET and four PUTs of S3.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["add_captions"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/captions/{language}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Take away a file's captions in one language, from S3 and from the edges, too
         * @description A page that plays the film meanwhile goes on playing it, without them.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        delete: operations["delete_captions"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/complete": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Complete an upload in parts; processing begins by itself
         * @description A client that lost the answer may send the same list again, and gets the record. Another list is 409. Costs one DynamoDB read, a list of the parts from S3, and a call to S3 that completes the upload.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["complete_upload"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/entries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what is inside an archive, or attached to an e-mail, in the file's own order
         * @description At most 10,000 entries are listed; `archive.entries` in the record counts all. The whole list is the rendition `entries.json`. Entries of zip, jar and apk, and attachments, have a `url` for their bytes. It is null for one of more than 100 MB, for a folder and a link, for one that is encrypted or has the flag `ratio` or `method`, and for all of an archive with the flag `overlap`.
         *
         *     Costs one DynamoDB read and one GET of S3.
         *
         *     Scope: `files:read`, or `files:own` for one's own files.
         */
        get: operations["list_entries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/grant": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a viewer see all sizes and formats of a private file, for a limited time
         * @description The grant also covers renditions that the file gets later. Costs one DynamoDB read.
         *
         *     Scope: `files:read`, or `files:own` for one's own files.
         */
        post: operations["create_grant"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/history": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the changes of a file, the newest first
         * @description Each says who made it, when, and which fields it changed, but no values. The history of a deleted file stays for as long as the stage keeps its audit. Whoever may see their own files only, no longer sees it then. A change is here a moment after it was made, as a rule within a second.
         *
         *     Scope: `files:read`, or `files:own` for one's own files.
         */
        get: operations["get_history"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/hold": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        /**
         * Put a file under legal hold: until it is released, nobody can delete it, and neither can its retention
         * @description Everything else may change. A deleted file can be held while it can be restored; its bytes then stay. A file that is held already stays as it is. Costs a DynamoDB read and write.
         *
         *     Scope: `keys:admin`.
         */
        put: operations["hold_file"];
        post?: never;
        /**
         * Release a file from legal hold. A file that is not held stays as it is. Costs a DynamoDB read and write
         * @description If the time to restore a deleted file is over, or the file's retention is, its bytes are deleted within minutes.
         *
         *     Scope: `keys:admin`.
         */
        delete: operations["release_file"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/original": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Download the original: a redirect to S3, which also serves ranges of it
         * @description With `redirect=false`, the answer is the address as JSON. A browser shows images, audio and video whose bytes prove their type, and saves other files; with `disposition=attachment` it saves every file. Costs one DynamoDB read and one HEAD of S3.
         *
         *     Scope: `files:read`, or `files:own` for one's own files.
         */
        get: operations["get_original"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/parts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the parts that S3 has received
         * @description Costs one DynamoDB read, and a call to S3 for each thousand parts.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        get: operations["list_parts"];
        put?: never;
        /**
         * Get signed addresses for the parts of an upload
         * @description Costs one DynamoDB read.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["sign_parts"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/reprocess": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make the renditions again, with the same or another recipe
         * @description 202: the record is `processing` until the new renditions are made, and the old ones are served until then. If they can't be made, the file is `ready` as before, with an `error`. 200: the renditions are up to date, so nothing was done; `force` makes them again. While the file is processed, a repeated request changes nothing. Costs a DynamoDB read and write, a HEAD of the original, and a message.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["reprocess_file"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/restore": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Restore a deleted file, within the stage's delete window
         * @description 202: the renditions are made again, under new addresses. 200: the file had no renditions. Costs a DynamoDB read and write, and a message.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["restore_file"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/shares": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the links to this file's page that have not ended; at most 20
         * @description Costs a DynamoDB read and a Query.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        get: operations["list_shares"];
        put?: never;
        /**
         * Make a link to a page about this file, for people without a credential
         * @description The page shows the preview, and offers the original for download. It ends at its time, after `max_views`, when it is revoked, and with the file; a link to a public file also ends when the file becomes private. A key needs `files:read` as well, since the link shows the file. Costs two DynamoDB reads, a Query and a write.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        post: operations["create_share"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/files/{file_id}/shares/{share_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke a link. It stops at once; what its page has signed works for five minutes at most
         * @description 204 also if the file has no such link, or none any more. Costs a DynamoDB read and two writes.
         *
         *     Scope: `files:write`, or `files:own` for one's own files.
         */
        delete: operations["revoke_share"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/grants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Let a viewer see several private files, for a limited time
         * @description The grants are in the order of `ids`, each once. Ids that are not yours are left out.
         *
         *     Scope: `files:read`, or `files:own` for one's own files.
         */
        post: operations["create_grants"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/health": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Check that the API answers
         * @description Open to anyone. It calls nothing else, so it can be asked often.
         */
        get: operations["get_health"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the tenant's keys, the oldest first, without their secrets
         * @description The list follows the keys, as a rule within a second. A page may have fewer keys than `limit`, even none, although more follow: only a null `next_cursor` ends the list. Costs one or two DynamoDB queries.
         *
         *     Scope: `keys:admin`.
         */
        get: operations["list_keys"];
        put?: never;
        /**
         * Make an API key
         * @description It can do no more than the key that makes it: no scope that the other lacks, from no other networks, and for no longer. The new key is shown only in this answer. If the answer is lost, delete the key and make another one. Costs a DynamoDB read, a query that counts the tenant's keys, and two writes.
         *
         *     Scope: `keys:admin`.
         */
        post: operations["create_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/keys/{key_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get an API key, without its secret. Costs one DynamoDB read
         * @description Scope: `keys:admin`.
         */
        get: operations["get_key"];
        put?: never;
        post?: never;
        /**
         * Delete an API key. It stops working within a minute, and so do the upload tokens and sockets that it opened
         * @description Files, webhooks and other keys that it made stay. A key may delete itself. Costs three DynamoDB reads and a write.
         *
         *     Scope: `keys:admin`.
         */
        delete: operations["delete_key"];
        options?: never;
        head?: never;
        /**
         * Change an API key's name, scopes, end or networks. The change takes effect within a minute
         * @description Fields that are left out stay as they are. Neither before nor afterwards may the key have more rights than the key that changes it. Sockets of the key are closed, so that they are opened anew. Costs three DynamoDB reads and a write.
         *
         *     Scope: `keys:admin`.
         */
        patch: operations["patch_key"];
        trace?: never;
    };
    "/v1/keys/{key_id}/rotate": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give an API key a new secret. The id stays, and for a time the earlier secrets work, too
         * @description The key with its new secret is shown only in this answer. If the answer is lost, rotate again: up to five secrets work at the same time. Sockets of the key are closed, so that they are opened anew. Costs three DynamoDB reads and a write.
         *
         *     Scope: `keys:admin`.
         */
        post: operations["rotate_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/me": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tell who you are: the kind of your credential, its tenant, its scopes and its end
         * @description Every credential may ask. Costs no more than the check of the credential.
         */
        get: operations["get_me"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/search": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Search files by the words of their names, tags, captions and keywords, and of the text inside them
         * @description Files that have more of the words come first; then those with whole words; then the newest. An answer has at most 6 MB: `omitted` are the ids of the next files, which did not fit. Get them with `POST /v1/files/batch-get`.
         *
         *     A caller with `files:own` searches its own files, the 2,000 newest of them.
         *
         *     Scope: `files:read`, or `files:own` for one's own files.
         */
        get: operations["search_files"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/socket-tickets": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make a ticket for a socket
         * @description A browser opens one socket with it, as `new WebSocket(url, ["filemill.v1", "bearer." + ticket])`, within a minute and once. The socket may then do what the key or upload token may that asked for the ticket, and ends with it. Costs one DynamoDB write.
         *
         *     Scope: `events:read`, or `files:own` for one's own files.
         */
        post: operations["create_socket_ticket"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/stats": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Count files and their bytes, by status and by kind
         * @description Scope: `files:read`.
         */
        get: operations["get_stats"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the stage's tenants, by name
         * @description A tenant is listed once it has a key or settings. The list follows as a rule within a second. Costs one or two DynamoDB queries.
         *
         *     Scope: `tenants:admin`.
         */
        get: operations["list_tenants"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/tenants/{tenant}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a tenant's settings. Costs one DynamoDB read
         * @description Scope: `tenants:admin`.
         */
        get: operations["get_tenant"];
        /**
         * Make a tenant, or replace all of its settings. They take effect within a minute
         * @description The name has 1 to 63 lower-case letters, digits and hyphens, and no hyphen first. Costs one DynamoDB write.
         *
         *     Scope: `tenants:admin`.
         */
        put: operations["put_tenant"];
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        /**
         * Change a tenant's settings: suspend it or let it go on, set quotas, choose its default recipe
         * @description The change takes effect within a minute. While a tenant is suspended, every request with its credentials is 403 `tenant_suspended`, and its sockets are closed. Costs two or three DynamoDB reads and a write.
         *
         *     Scope: `tenants:admin`.
         */
        patch: operations["patch_tenant"];
        trace?: never;
    };
    "/v1/tenants/{tenant}/keys": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Make an API key of a tenant, such as its first one, which makes the others
         * @description The key is shown only in this answer. Costs a DynamoDB read, a query that counts the tenant's keys, and two writes.
         *
         *     Scope: `tenants:admin`.
         */
        post: operations["create_tenant_key"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/upload-tokens": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the tenant's upload tokens that work, the newest first, without the tokens themselves
         * @description A page may have fewer tokens than `limit`, even none, although more follow: only a null `next_cursor` ends the list. Costs a DynamoDB query for each index shard and a batch of reads.
         *
         *     Scope: `files:write`.
         */
        get: operations["list_upload_tokens"];
        put?: never;
        /**
         * Make an upload token for a browser
         * @description With it the browser can create and upload at most `max_files` files within these bounds, and read their status. The token is shown only in this answer. Costs two DynamoDB writes.
         *
         *     Scope: `files:write`.
         */
        post: operations["create_upload_token"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/upload-tokens/{token_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        post?: never;
        /**
         * Revoke an upload token. It stops working within a minute
         * @description The files that were created with it stay. What was signed for it before, such as a form for S3, works until it expires. A token also ends when the API key that made it is revoked. Costs one DynamoDB write.
         *
         *     Scope: `files:write`.
         */
        delete: operations["revoke_upload_token"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/usage": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Tell what is stored now, what your quotas leave, and what you used on each of the last 90 days (UTC)
         * @description The counts follow each change, as a rule within a second. Quotas are the operator's to change.
         *
         *     Scope: `files:read`.
         */
        get: operations["get_usage"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List the tenant's webhooks, the oldest first. Costs one DynamoDB query
         * @description Scope: `webhooks:admin`.
         */
        get: operations["list_webhooks"];
        put?: never;
        /**
         * Make a webhook: events that pass its filters are sent to its URL
         * @description The secret is shown only in this answer, and when it is rotated. A tenant has at most 100 webhooks. Costs a look-up of the URL's host and two DynamoDB writes.
         *
         *     Scope: `webhooks:admin`.
         */
        post: operations["create_webhook"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhook_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get a webhook, without its secret. Costs one DynamoDB read
         * @description Scope: `webhooks:admin`.
         */
        get: operations["get_webhook"];
        put?: never;
        post?: never;
        /**
         * Delete a webhook, and its log
         * @description A delivery that is under way may still arrive. The log goes a moment later. Costs one DynamoDB read and two writes.
         *
         *     Scope: `webhooks:admin`.
         */
        delete: operations["delete_webhook"];
        options?: never;
        head?: never;
        /**
         * Change a webhook's URL or filters, disable it, or enable it again
         * @description Fields that are left out stay as they are; null empties a filter. With `"enabled": true, "replay": true`, all that was missed since the webhook was disabled, or since its receiver began to fail, is sent. Costs one DynamoDB read and one or two writes.
         *
         *     Scope: `webhooks:admin`.
         */
        patch: operations["patch_webhook"];
        trace?: never;
    };
    "/v1/webhooks/{webhook_id}/deliveries": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * List what was sent to a webhook, and what is still to be sent, the newest event first
         * @description The log keeps 30 days. It follows the deliveries, as a rule within a second. A page may have fewer deliveries than `limit`, even none, although more follow: only a null `next_cursor` ends the list. Costs a DynamoDB read and a query.
         *
         *     Scope: `webhooks:admin`.
         */
        get: operations["list_deliveries"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhook_id}/deliveries/{event_id}": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /**
         * Get one delivery with all of its attempts, and what the receiver answered
         * @description Answers about a file are removed when the file is deleted. Costs two DynamoDB reads.
         *
         *     Scope: `webhooks:admin`.
         */
        get: operations["get_delivery"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhook_id}/deliveries/{event_id}/retry": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send an event again, also one that has arrived
         * @description It is sent at once, and its retries begin anew. Costs a DynamoDB read, a write, and one message.
         *
         *     Scope: `webhooks:admin`.
         */
        post: operations["retry_delivery"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhook_id}/replay": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send all events since a moment again, as far as the log has them
         * @description Costs a DynamoDB read and one message; the worker then pays for each delivery as for a new one.
         *
         *     Scope: `webhooks:admin`.
         */
        post: operations["replay_events"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhook_id}/rotate-secret": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Give a webhook a new secret. For a time, events are signed with the earlier ones, too
         * @description The secret is shown only in this answer. If the answer is lost, rotate again: up to five secrets sign at the same time. Costs one DynamoDB read and write.
         *
         *     Scope: `webhooks:admin`.
         */
        post: operations["rotate_webhook_secret"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/v1/webhooks/{webhook_id}/test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Send an event of the type filemill.webhook.test to a webhook, whatever its filters are
         * @description The log tells what the receiver answered. Costs a DynamoDB read, a write, and one message.
         *
         *     Scope: `webhooks:admin`.
         */
        post: operations["send_test_event"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface webhooks {
    "filemill.file.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A record was made
         * @description A record was made. The bytes of the file have not come yet. Sent to each webhook that wants `filemill.file.created`.
         */
        post: operations["on_file_created"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "filemill.file.processing": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * The bytes have come, and are processed now
         * @description The bytes have come, and are processed now. Sent to each webhook that wants `filemill.file.processing`.
         */
        post: operations["on_file_processing"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "filemill.file.ready": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * The file is ready: all facts and renditions are in the record
         * @description The file is ready: all facts and renditions are in the record. Sent to each webhook that wants `filemill.file.ready`.
         */
        post: operations["on_file_ready"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "filemill.file.failed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * The file could not be processed
         * @description The file could not be processed. `error` in the record says why. Sent to each webhook that wants `filemill.file.failed`.
         */
        post: operations["on_file_failed"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "filemill.file.expired": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * The bytes of the file never came
         * @description The bytes of the file never came. Sent to each webhook that wants `filemill.file.expired`.
         */
        post: operations["on_file_expired"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "filemill.file.updated": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A client has changed the record, for example its tags
         * @description A client has changed the record, for example its tags. Sent to each webhook that wants `filemill.file.updated`.
         */
        post: operations["on_file_updated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "filemill.file.deleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * The file was deleted
         * @description The file was deleted. The event holds nothing that a client wrote. Sent to each webhook that wants `filemill.file.deleted`.
         */
        post: operations["on_file_deleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "filemill.file.restored": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A deleted file came back
         * @description A deleted file came back. Sent to each webhook that wants `filemill.file.restored`.
         */
        post: operations["on_file_restored"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "filemill.webhook.disabled": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Filemill disabled a webhook, because its receiver has failed for days or wants nothing more
         * @description Filemill disabled a webhook, because its receiver has failed for days or wants nothing more. The bus hears of it, and other webhooks that ask for this type. Sent to each webhook that wants `filemill.webhook.disabled`.
         */
        post: operations["on_webhook_disabled"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "filemill.webhook.test": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * A test of one webhook, which its tenant asked for
         * @description A test of one webhook, which its tenant asked for. Sent to each webhook that wants `filemill.webhook.test`.
         */
        post: operations["on_webhook_test"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        /** @description The one who made the change: an API key or an upload token by its id, or a function of Filemill by its name. */
        ActorResource: {
            /** @enum {string} */
            type: "key" | "token" | "user" | "system";
            id: string;
        };
        /** @description The body of `POST /v1/files/{id}/captions`. `text` is WebVTT or SubRip; `label` is what a player shows. Without a `label` the player shows the language tag. With `default`, players show these captions at once, and no others are the default any more. */
        AddCaptions: {
            language: string;
            text: string;
            /** @default null */
            label?: string | null;
            /** @default false */
            default?: boolean;
        };
        /** @description `entries` is a count, `unpacked_size` in bytes as the directory says. `flags` are dangers: `overlap` … */
        ArchiveInfo: {
            format: string;
            /** @default null */
            entries?: number | null;
            /** @default null */
            unpacked_size?: number | null;
            /** @default false */
            encrypted?: boolean;
            flags?: string[];
        };
        /** @description A script, a style sheet or a text of the page; or an icon. */
        Asset: string;
        /** @description An AsyncAPI 3.0 document. */
        AsyncApiDocument: Record<string, never>;
        /** @description One try. `status` is null if no answer came; then `error` says why. `answer` is the first 1 KB of the body. */
        AttemptResource: {
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            at: string;
            /** @description Milliseconds until the answer, or until the try was given up */
            ms: number;
            status: number | null;
            error: string | null;
            /**
             * @description Only in the answer about one delivery
             * @default null
             */
            answer?: string | null;
        };
        /** @description Sound. `format` is the usual extension, `duration` in seconds, `bit_rate` in bit/s, `sample_rate` in Hz. `language` is that of the track that players choose. `loudness` is None for silence, and where nobody measured it. `location` is there only if the recipe keeps it. `cover` is True if the file has a picture of its own. */
        AudioInfo: {
            format: string;
            /** @default null */
            duration?: number | null;
            /** @default null */
            codec?: string | null;
            /** @default null */
            bit_rate?: number | null;
            /** @default null */
            sample_rate?: number | null;
            /** @default null */
            channels?: number | null;
            /** @default null */
            language?: string | null;
            /** @default null */
            loudness?: components["schemas"]["Loudness"] | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            artist?: string | null;
            /** @default null */
            album?: string | null;
            chapters?: components["schemas"]["Chapter"][];
            /** @default null */
            created_at?: string | null;
            /** @default null */
            location?: components["schemas"]["Location"] | null;
            tags?: {
                [key: string]: string;
            };
            /** @default false */
            cover?: boolean;
        };
        /** @description A sound track. `language` as the file says it (BCP 47 or ISO 639-2), `bit_rate` in bit/s, `sample_rate` in Hz. */
        AudioTrack: {
            /** @default null */
            codec?: string | null;
            /** @default null */
            language?: string | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            channels?: number | null;
            /** @default null */
            sample_rate?: number | null;
            /** @default null */
            bit_rate?: number | null;
            /** @default false */
            default?: boolean;
        };
        /** @description One change of a file, an API key, an upload token, a webhook, a share link, or a tenant's settings. Values are not kept. */
        AuditEntryResource: {
            id: string;
            type: string;
            /** @description The id of what was changed; of a tenant's settings, the tenant; of a share link, `FILE/LINK` */
            subject: string;
            /**
             * @description Only of a file: the revision that the change made
             * @default null
             */
            revision?: number | null;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            at: string;
            actor: components["schemas"]["ActorResource"];
            /**
             * @description The network address of the caller, or the network: as the stage is set. Missing if unknown
             * @default null
             */
            address?: string | null;
            /**
             * @description The request, or the run of a function. Missing if unknown
             * @default null
             */
            request_id?: string | null;
            /** @description Fields that changed; none where the whole thing is new, or is gone */
            fields: string[];
        };
        AuditPage: {
            items: components["schemas"]["AuditEntryResource"][];
            next_cursor: string | null;
        };
        /** @description The body of `POST /v1/files/batch-get`. */
        BatchGet: {
            ids: string[];
            /** @description Only these fields of a record, and `id`; repeatable, or comma-separated */
            fields?: ("id" | "status" | "kind" | "filename" | "content_type" | "size" | "sha256" | "visibility" | "recipe" | "tags" | "metadata" | "focus" | "revision" | "created_at" | "updated_at" | "expires_at" | "error" | "image" | "source_url" | "renditions" | "delivery" | "video" | "audio" | "pdf" | "document" | "spreadsheet" | "presentation" | "text" | "archive" | "email" | "font" | "preview" | "poster" | "scan" | "warnings" | "captions" | "services" | "owner" | "expires_after" | "delete_at" | "legal_hold")[];
            /** @description `delivery` adds that block to the whole record */
            include?: "delivery"[];
        };
        /** @description Captions of a film or a sound in one language. Their address is `delivery.base_url` and `name`; for a private file, `?` and `delivery.query` follow. */
        CaptionResource: {
            /** @description BCP 47 */
            language: string;
            label: string;
            default: boolean;
            name: string;
        };
        /** @description One change of a file: who made it, and which fields it changed. Values are not kept. */
        ChangeResource: {
            /** @description The id of the event of this change */
            id: string;
            /** @description The type of the event of this change */
            type: string;
            revision: number;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            at: string;
            actor: components["schemas"]["ActorResource"];
            /**
             * @description The request, or the run of a function, that made it. Missing if unknown
             * @default null
             */
            request_id?: string | null;
            /** @description Fields that changed; none where the whole record is new, or is gone */
            fields: string[];
        };
        /** @description The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only. */
        ChangedFile: components["schemas"]["FileResource"] | components["schemas"]["FileReceipt"];
        ChangesPage: {
            items: components["schemas"]["FileChangeResource"][];
            /** @description Send it as `after` in the next request */
            next_after: string;
            /** @description True if there were more changes when this page was read */
            more: boolean;
        };
        /** @description `start` in seconds. */
        Chapter: {
            start: number;
            /** @default null */
            title?: string | null;
        };
        /** @description A column of a table: its name in the header, and the type of its values. `type` is `text`, `integer`, `number`, `boolean`, `date`, `mixed` or `empty`. */
        Column: {
            name: string | null;
            type: string;
        };
        /** @description The body of `POST /v1/files/{id}/complete`: every part, with the ETag that S3 answered to it. */
        CompleteUpload: {
            parts: components["schemas"]["CompletedPart"][];
        };
        CompletedPart: {
            part_number: number;
            etag: string;
        };
        CountResource: {
            files: number;
            /** @description Bytes */
            bytes: number;
        };
        /** @description The body of `POST /v1/files`. Sizes are in bytes. With `source_url`, no other field is required. A file without a `recipe` gets the tenant's default. `owner` is the end user whose file it is; a caller who is one owns what it creates. */
        CreateFile: {
            /** @default null */
            filename?: string | null;
            /** @default null */
            content_type?: string | null;
            /** @default null */
            size?: number | null;
            /** @default null */
            sha256?: string | null;
            tags?: string[];
            metadata?: {
                [key: string]: unknown;
            };
            /** @default private */
            visibility?: components["schemas"]["Visibility"];
            /** @default null */
            recipe?: ("avatar" | "document" | "original-only" | "photo") | null;
            /** @default null */
            expires_after?: number | null;
            /** @default null */
            upload?: ("post" | "multipart") | null;
            /** @default null */
            part_size?: number | null;
            /** @default false */
            part_checksums?: boolean;
            /**
             * @default keep
             * @enum {string}
             */
            on_duplicate?: "keep" | "reuse";
            /** @default null */
            focus?: components["schemas"]["FocalPoint"] | null;
            /** @default null */
            owner?: string | null;
            /** @default null */
            source_url?: string | null;
        } | {
            filename: string;
            content_type: string;
            size: number;
            source_url?: null;
        } | {
            source_url: string;
        };
        /** @description The body of `POST /v1/files/{id}/grant`. `expires_in` in seconds; `cookie_domain` is the cookies' domain. */
        CreateGrant: {
            /** @default 3600 */
            expires_in?: number;
            /** @default null */
            cookie_domain?: string | null;
        };
        /** @description The body of `POST /v1/grants`: grants for several files. */
        CreateGrants: {
            /** @default 3600 */
            expires_in?: number;
            /** @default null */
            cookie_domain?: string | null;
            ids: string[];
        };
        /** @description The body that makes an API key. `networks` are the networks that the key may be used from; an empty list allows all. Without `expires_at` and `networks`, the new key has those of the key that makes it. */
        CreateKey: {
            /** @description A note for people */
            name: string;
            scopes: ("files:read" | "files:write" | "events:read" | "webhooks:admin" | "keys:admin" | "files:own")[];
            /** @default null */
            expires_at?: string | null;
            /** @default null */
            networks?: string[] | null;
        };
        /** @description The body of `POST /v1/files/{id}/shares`. `expires_in` in seconds. Without `download` the page offers none. */
        CreateShare: {
            /** @default 604800 */
            expires_in?: number;
            /** @default null */
            password?: string | null;
            /** @default null */
            max_views?: number | null;
            /** @default true */
            download?: boolean;
        };
        /** @description The body of `POST /v1/upload-tokens`. `expires_in` is in seconds. `max_bytes` is for each file. `content_types` may have `image/*`; an empty list allows every type. The files that are created with the token are those of `owner`. */
        CreateUploadToken: {
            /** @default 3600 */
            expires_in?: number;
            /** @default 1 */
            max_files?: number;
            max_bytes: number;
            content_types?: string[];
            tags?: string[];
            /** @default private */
            visibility?: components["schemas"]["Visibility"];
            /** @default null */
            recipe?: ("avatar" | "document" | "original-only" | "photo") | null;
            /** @default null */
            owner?: string | null;
        };
        /** @description The body of `POST /v1/webhooks`. An event is sent if it passes every filter; an empty one lets all pass. Without `types`, all events of files are sent. A file must be of one of the `kinds`, and have all of the `tags`. */
        CreateWebhook: {
            url: string;
            types?: ("filemill.file.created" | "filemill.file.processing" | "filemill.file.ready" | "filemill.file.failed" | "filemill.file.expired" | "filemill.file.updated" | "filemill.file.deleted" | "filemill.file.restored" | "filemill.webhook.disabled" | "filemill.webhook.test")[];
            kinds?: components["schemas"]["Kind"][];
            tags?: string[];
            /** @default null */
            filename_prefix?: string | null;
        };
        /** @description The new file's record, and how its bytes are uploaded. A request that is sent again with its Idempotency-Key when the bytes have come gets the record as it is, without `upload`; a key without the scope `files:read` then gets `id`, `status` and `revision` only. */
        CreatedFile: components["schemas"]["CreatedFileResource"] | components["schemas"]["FileReceipt"];
        /** @description A new file's record, and how its bytes are uploaded. A file that is fetched from a URL has no `upload`. */
        CreatedFileResource: {
            id: string;
            status: components["schemas"]["Status"];
            kind: components["schemas"]["Kind"] | null;
            filename: string;
            content_type: string;
            size: number | null;
            sha256: string | null;
            visibility: components["schemas"]["Visibility"];
            recipe: string;
            tags: string[];
            metadata: {
                [key: string]: unknown;
            };
            focus: components["schemas"]["FocusResource"] | null;
            revision: number;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            updated_at: string;
            expires_at: string | null;
            error: components["schemas"]["FileErrorResource"] | null;
            image: components["schemas"]["ImageResource"] | null;
            source_url: string | null;
            renditions: components["schemas"]["RenditionResource"][];
            /**
             * @description Only if it is asked for, by `include=delivery`; null while there is nothing to show
             * @default null
             */
            delivery?: components["schemas"]["DeliveryResource"] | null;
            /** @default null */
            video?: components["schemas"]["VideoInfo"] | null;
            /** @default null */
            audio?: components["schemas"]["AudioInfo"] | null;
            /** @default null */
            pdf?: components["schemas"]["PdfInfo"] | null;
            /** @default null */
            document?: components["schemas"]["DocumentInfo"] | null;
            /** @default null */
            spreadsheet?: components["schemas"]["SpreadsheetInfo"] | null;
            /** @default null */
            presentation?: components["schemas"]["PresentationInfo"] | null;
            /** @default null */
            text?: components["schemas"]["TextInfo"] | null;
            /** @default null */
            archive?: components["schemas"]["ArchiveInfo"] | null;
            /** @default null */
            email?: components["schemas"]["EmailInfo"] | null;
            /** @default null */
            font?: components["schemas"]["FontInfo"] | null;
            /** @default null */
            preview?: components["schemas"]["PreviewResource"] | null;
            /** @default null */
            poster?: components["schemas"]["PosterResource"] | null;
            /** @default null */
            scan?: components["schemas"]["ScanResource"] | null;
            /** @default null */
            warnings?: components["schemas"]["WarningResource"][] | null;
            /** @default null */
            captions?: components["schemas"]["CaptionResource"][] | null;
            /**
             * @description By the services' names
             * @default null
             */
            services?: {
                [key: string]: components["schemas"]["ServiceResource"];
            } | null;
            /**
             * @description The end user whose file it is; only if there is one
             * @default null
             */
            owner?: string | null;
            /**
             * @description Seconds after its creation, as its client said
             * @default null
             */
            expires_after?: number | null;
            /**
             * @description When the file is deleted by itself
             * @default null
             */
            delete_at?: string | null;
            /**
             * @description The file can't be deleted until it is released
             * @default null
             */
            legal_hold?: true | null;
            /** @default null */
            upload?: (components["schemas"]["FormUpload"] | components["schemas"]["MultipartUpload"]) | null;
        };
        /** @description A new link. `url` is shown only in this answer: whoever has it sees the page. */
        CreatedShare: {
            id: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            expires_at: string;
            download: boolean;
            /** @description True if the page asks for a password */
            password: boolean;
            views: number;
            max_views: number | null;
            /** Format: uri */
            url: string;
        };
        /** @description One day (UTC). `requests` is null without a quota of requests, `delivered_*` without access logs. */
        DayResource: {
            /** @description Such as `2026-11-26` */
            day: string;
            uploaded_files: number;
            /** @description Bytes */
            uploaded_bytes: number;
            deleted_files: number;
            /** @description Bytes */
            deleted_bytes: number;
            /** @description Renditions that were made on demand */
            renders: number;
            requests: number | null;
            delivered_requests: number | null;
            delivered_bytes: number | null;
        };
        /** @description Deliveries, the newest event first. */
        DeliveryPage: {
            items: components["schemas"]["WebhookDeliveryResource"][];
            /** @description Send it as `cursor` to get the next page; null on the last page */
            next_cursor: string | null;
        };
        /** @description How a page shows a picture or plays a film or a sound: the addresses of its renditions, and ready markup. An address is `base_url` and a rendition's name: `w640.webp`, or `w640` for the best format that the browser accepts. For a private file, `?` and `query` follow; for a public file, `query` is empty. `srcset` is by format, the best first; AVIF is made when it is first asked for. `sizes` is for a picture as wide as the page: write your own for another layout. `placeholder` is a blurred preview. `video` and `audio` are whole elements that play the file, and `hls` is JavaScript that has hls.js play that element in browsers that do not know HLS. Only a file that plays has them. */
        DeliveryResource: {
            /** Format: uri */
            base_url: string;
            query: string;
            expires_at: string | null;
            srcset: {
                [key: string]: string;
            };
            sizes: string;
            picture: string;
            placeholder: string;
            /** @default null */
            video?: string | null;
            /** @default null */
            audio?: string | null;
            /** @default null */
            hls?: string | null;
        };
        /**
         * @description Where a delivery is. Clients depend on these words: never rename one.
         * @enum {string}
         */
        DeliveryState: "pending" | "delivered" | "failed" | "missed";
        /** @description A text document. `format` is the usual extension: `docx`, `odt`, `rtf`, `epub`, `doc` … `pages` is the count that the file itself says; nobody counts them here. `words` are counted; of a text that was not read whole, it is the file's own count. */
        DocumentInfo: {
            format: string;
            /** @default null */
            title?: string | null;
            /** @default null */
            author?: string | null;
            /** @default null */
            created_at?: string | null;
            /** @default null */
            modified_at?: string | null;
            /** @default null */
            pages?: number | null;
            /** @default null */
            words?: number | null;
            /** @default false */
            encrypted?: boolean;
        };
        /** @description Addresses as they stand in the header, decoded. `attachments` is a count. */
        EmailInfo: {
            /** @default null */
            subject?: string | null;
            /** @default null */
            from?: string | null;
            to?: string[];
            /** @default null */
            date?: string | null;
            /** @default 0 */
            attachments?: number;
        };
        EntriesPage: {
            items: components["schemas"]["EntryResource"][];
            /** @description Send it as `cursor` to get the next page; null on the last page */
            next_cursor: string | null;
        };
        /** @description One entry. `size` and `packed_size` are null where the file does not say them. `name` is the file's own word: no path to write to. `flags` are dangers for whoever unpacks the entry: `absolute`, `parent`, `controls`, `links`, `devices`, `ratio`; and `method` for a compression that nobody reads here. More may come. */
        EntryResource: {
            name: string;
            size: number | null;
            packed_size: number | null;
            modified_at: string | null;
            directory: boolean;
            encrypted: boolean;
            flags: string[];
            /** @description The entry's bytes, to be saved; null if they can't be had one by one. Signed for a private file */
            url: string | null;
        };
        /**
         * @description Why a file is `failed`. Clients depend on these codes: never rename one.
         * @enum {string}
         */
        ErrorCode: "checksum_mismatch" | "corrupt" | "empty" | "infected" | "internal" | "size_mismatch" | "source_refused" | "source_unreachable" | "too_large" | "too_many_pixels" | "type_mismatch" | "unscannable" | "unsupported_type";
        /** @description The record, without `delivery`. The addresses of renditions are not signed: the viewer of a private file needs a grant or a signature. A part that was too large for the event is missing, and named in `omitted`. */
        EventFile: {
            id: string;
            status: components["schemas"]["Status"];
            revision: number;
            kind: components["schemas"]["Kind"] | null;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            updated_at: string;
            visibility: components["schemas"]["Visibility"];
            filename?: string;
            content_type?: string;
            size?: number | null;
            sha256?: string | null;
            recipe?: string;
            tags?: string[];
            metadata?: {
                [key: string]: unknown;
            };
            focus?: components["schemas"]["FocusResource"] | null;
            expires_at?: string | null;
            error?: components["schemas"]["FileErrorResource"] | null;
            source_url?: string | null;
            renditions?: components["schemas"]["RenditionResource"][];
            video?: components["schemas"]["VideoInfo"] | null;
            audio?: components["schemas"]["AudioInfo"] | null;
            pdf?: components["schemas"]["PdfInfo"] | null;
            document?: components["schemas"]["DocumentInfo"] | null;
            spreadsheet?: components["schemas"]["SpreadsheetInfo"] | null;
            presentation?: components["schemas"]["PresentationInfo"] | null;
            text?: components["schemas"]["TextInfo"] | null;
            archive?: components["schemas"]["ArchiveInfo"] | null;
            email?: components["schemas"]["EmailInfo"] | null;
            font?: components["schemas"]["FontInfo"] | null;
            preview?: components["schemas"]["PreviewResource"] | null;
            poster?: components["schemas"]["PosterResource"] | null;
            scan?: components["schemas"]["ScanResource"] | null;
            warnings?: components["schemas"]["WarningResource"][] | null;
            captions?: components["schemas"]["CaptionResource"][] | null;
            /** @description By the services' names */
            services?: {
                [key: string]: components["schemas"]["ServiceResource"];
            } | null;
            /** @description The end user whose file it is; only if there is one */
            owner?: string | null;
            /** @description Seconds after its creation, as its client said */
            expires_after?: number | null;
            /** @description When the file is deleted by itself */
            delete_at?: string | null;
            /** @description The file can't be deleted until it is released */
            legal_hold?: true | null;
            image?: components["schemas"]["EventImage"] | null;
        };
        /** @description Facts about an image. `exif` is missing if it was too large for the event. */
        EventImage: {
            /** @description Pixels */
            width: number;
            /** @description Pixels */
            height: number;
            format: string;
            /** @description base64 */
            thumbhash: string;
            dominant_color: string;
            exif?: {
                [key: string]: unknown;
            };
            frames: number;
            /**
             * @description Seconds that all frames are seen for, once; only of an animation
             * @default null
             */
            duration?: number | null;
            megapixels: number | null;
            color_space: string | null;
            has_alpha: boolean | null;
            blurhash: string | null;
            palette: string[];
            phash: string | null;
            sharpness: number | null;
            artist: string | null;
            copyright: string | null;
            caption: string | null;
            /**
             * @description Only of an image whose file says one
             * @default null
             */
            title?: string | null;
            /**
             * @description Only of an image whose file says some; at most 100
             * @default null
             */
            keywords?: string[] | null;
        };
        /** @description The newest record of a file; `file` is null if the file is deleted. */
        FileChangeResource: {
            id: string;
            revision: number;
            deleted: boolean;
            file: components["schemas"]["FileResource"] | components["schemas"]["PartialFile"] | null;
        };
        /** @description A record was made. The bytes of the file have not come yet. */
        FileCreatedEvent: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that the event is sent: drop an event whose id you have seen */
            id: string;
            /** @description `filemill/` and the stage */
            source: string;
            /** @constant */
            type: "filemill.file.created";
            /** @description The id of what has changed */
            subject: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            tenant: string;
            data: components["schemas"]["FileEventData"];
        };
        FileDeletedData: {
            file: components["schemas"]["FileName"];
            actor: components["schemas"]["ActorResource"];
        };
        /** @description The file was deleted. The event holds nothing that a client wrote. */
        FileDeletedEvent: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that the event is sent: drop an event whose id you have seen */
            id: string;
            /** @description `filemill/` and the stage */
            source: string;
            /** @constant */
            type: "filemill.file.deleted";
            /** @description The id of what has changed */
            subject: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            tenant: string;
            data: components["schemas"]["FileDeletedData"];
        };
        /** @description Why a file could not be processed. */
        FileErrorResource: {
            code: components["schemas"]["ErrorCode"];
            message: string;
        };
        FileEventData: {
            file: components["schemas"]["EventFile"] | components["schemas"]["FileName"];
            actor: components["schemas"]["ActorResource"];
            /** @description Parts of the record that are left out, such as `metadata` or `image.exif`. `file` stands for all of it: the file was deleted after this change. */
            omitted?: string[];
        };
        /** @description The bytes of the file never came. */
        FileExpiredEvent: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that the event is sent: drop an event whose id you have seen */
            id: string;
            /** @description `filemill/` and the stage */
            source: string;
            /** @constant */
            type: "filemill.file.expired";
            /** @description The id of what has changed */
            subject: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            tenant: string;
            data: components["schemas"]["FileEventData"];
        };
        /** @description The file could not be processed. `error` in the record says why. */
        FileFailedEvent: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that the event is sent: drop an event whose id you have seen */
            id: string;
            /** @description `filemill/` and the stage */
            source: string;
            /** @constant */
            type: "filemill.file.failed";
            /** @description The id of what has changed */
            subject: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            tenant: string;
            data: components["schemas"]["FileEventData"];
        };
        FileList: {
            items: (components["schemas"]["FileResource"] | components["schemas"]["PartialFile"])[];
            /** @description Files that did not fit into this answer: ask for them with batch-get */
            omitted: string[];
        };
        /** @description The file and its revision, without its record. */
        FileName: {
            id: string;
            revision: number;
        };
        FilePage: {
            items: (components["schemas"]["FileResource"] | components["schemas"]["ListedFile"] | components["schemas"]["PartialFile"])[];
            /** @description Send it as `cursor` to get the next page; null on the last page */
            next_cursor: string | null;
        };
        /** @description The bytes have come, and are processed now. */
        FileProcessingEvent: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that the event is sent: drop an event whose id you have seen */
            id: string;
            /** @description `filemill/` and the stage */
            source: string;
            /** @constant */
            type: "filemill.file.processing";
            /** @description The id of what has changed */
            subject: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            tenant: string;
            data: components["schemas"]["FileEventData"];
        };
        /** @description The file is ready: all facts and renditions are in the record. */
        FileReadyEvent: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that the event is sent: drop an event whose id you have seen */
            id: string;
            /** @description `filemill/` and the stage */
            source: string;
            /** @constant */
            type: "filemill.file.ready";
            /** @description The id of what has changed */
            subject: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            tenant: string;
            data: components["schemas"]["FileEventData"];
        };
        /** @description The answer to a key that may change files but not read them. */
        FileReceipt: {
            id: string;
            status: components["schemas"]["Status"];
            revision: number;
        };
        /** @description A file's record. */
        FileResource: {
            id: string;
            status: components["schemas"]["Status"];
            kind: components["schemas"]["Kind"] | null;
            filename: string;
            content_type: string;
            size: number | null;
            sha256: string | null;
            visibility: components["schemas"]["Visibility"];
            recipe: string;
            tags: string[];
            metadata: {
                [key: string]: unknown;
            };
            focus: components["schemas"]["FocusResource"] | null;
            revision: number;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            updated_at: string;
            expires_at: string | null;
            error: components["schemas"]["FileErrorResource"] | null;
            image: components["schemas"]["ImageResource"] | null;
            source_url: string | null;
            renditions: components["schemas"]["RenditionResource"][];
            /**
             * @description Only if it is asked for, by `include=delivery`; null while there is nothing to show
             * @default null
             */
            delivery?: components["schemas"]["DeliveryResource"] | null;
            /** @default null */
            video?: components["schemas"]["VideoInfo"] | null;
            /** @default null */
            audio?: components["schemas"]["AudioInfo"] | null;
            /** @default null */
            pdf?: components["schemas"]["PdfInfo"] | null;
            /** @default null */
            document?: components["schemas"]["DocumentInfo"] | null;
            /** @default null */
            spreadsheet?: components["schemas"]["SpreadsheetInfo"] | null;
            /** @default null */
            presentation?: components["schemas"]["PresentationInfo"] | null;
            /** @default null */
            text?: components["schemas"]["TextInfo"] | null;
            /** @default null */
            archive?: components["schemas"]["ArchiveInfo"] | null;
            /** @default null */
            email?: components["schemas"]["EmailInfo"] | null;
            /** @default null */
            font?: components["schemas"]["FontInfo"] | null;
            /** @default null */
            preview?: components["schemas"]["PreviewResource"] | null;
            /** @default null */
            poster?: components["schemas"]["PosterResource"] | null;
            /** @default null */
            scan?: components["schemas"]["ScanResource"] | null;
            /** @default null */
            warnings?: components["schemas"]["WarningResource"][] | null;
            /** @default null */
            captions?: components["schemas"]["CaptionResource"][] | null;
            /**
             * @description By the services' names
             * @default null
             */
            services?: {
                [key: string]: components["schemas"]["ServiceResource"];
            } | null;
            /**
             * @description The end user whose file it is; only if there is one
             * @default null
             */
            owner?: string | null;
            /**
             * @description Seconds after its creation, as its client said
             * @default null
             */
            expires_after?: number | null;
            /**
             * @description When the file is deleted by itself
             * @default null
             */
            delete_at?: string | null;
            /**
             * @description The file can't be deleted until it is released
             * @default null
             */
            legal_hold?: true | null;
        };
        /** @description A deleted file came back. */
        FileRestoredEvent: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that the event is sent: drop an event whose id you have seen */
            id: string;
            /** @description `filemill/` and the stage */
            source: string;
            /** @constant */
            type: "filemill.file.restored";
            /** @description The id of what has changed */
            subject: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            tenant: string;
            data: components["schemas"]["FileEventData"];
        };
        /** @description A client has changed the record, for example its tags. */
        FileUpdatedEvent: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that the event is sent: drop an event whose id you have seen */
            id: string;
            /** @description `filemill/` and the stage */
            source: string;
            /** @constant */
            type: "filemill.file.updated";
            /** @description The id of what has changed */
            subject: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            tenant: string;
            data: components["schemas"]["FileEventData"];
        };
        /** @description The point that crops keep in the picture: fractions of its width and height as seen, (0, 0) is top left. */
        FocalPoint: {
            x: number;
            y: number;
        };
        /** @description The point that crops keep in the picture: fractions of its width and height as seen, (0, 0) is top left. */
        FocusResource: {
            x: number;
            y: number;
        };
        /** @description `glyphs` is a count, `scripts` are ISO 15924 codes that it has letters for. */
        FontInfo: {
            format: string;
            /** @default null */
            family?: string | null;
            /** @default null */
            style?: string | null;
            /** @default null */
            glyphs?: number | null;
            scripts?: string[];
        };
        /** @description A form for S3: POST the `fields`, and after them the bytes as `file`, to `url`. An answer that AWS X-Ray traces also has `headers`: send them with the upload to keep its processing in the same trace. */
        FormUpload: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            method: "POST";
            /** Format: uri */
            url: string;
            fields: {
                [key: string]: string;
            };
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            expires_at: string;
            headers?: {
                [key: string]: string;
            };
        };
        FoundFile: {
            matched_words: number;
            /** @description The parts of the file that have a word: `image` is artist, title, keywords or caption, `text` is inside the file, `services` is what a service answered */
            found_in: ("filename" | "tags" | "image" | "text" | "services")[];
            file: components["schemas"]["FileResource"] | components["schemas"]["ListedFile"] | components["schemas"]["PartialFile"];
        };
        FoundFiles: {
            items: components["schemas"]["FoundFile"][];
            /** @description Files that did not fit into this answer: ask for them with batch-get */
            omitted: string[];
        };
        GrantList: {
            items: components["schemas"]["GrantResource"][];
        };
        /** @description Lets a viewer see a private file's renditions until `expires_at`. Put `?` and `query` behind an address, or set the cookies instead: `cookies` are values for `Set-Cookie`. `resource` is the pattern of the addresses that the grant opens. A public file needs no grant: its `query` is empty. */
        GrantResource: {
            id: string;
            base_url: string | null;
            resource: string | null;
            query: string;
            cookies: string[];
            expires_at: string | null;
        };
        Health: {
            /** @constant */
            status: "ok";
            stage: string;
        };
        HeldPart: {
            part_number: number;
            etag: string;
            /** @description Bytes */
            size: number;
        };
        /** @description The parts that S3 has received. */
        HeldParts: {
            /** @description Bytes */
            part_size: number;
            part_count: number;
            parts: components["schemas"]["HeldPart"][];
        };
        HistoryPage: {
            items: components["schemas"]["ChangeResource"][];
            next_cursor: string | null;
        };
        /** @description An HTML page. */
        HtmlPage: string;
        /** @description Facts about an image. A field is null if the version that processed the image did not know it. */
        ImageResource: {
            /** @description Pixels */
            width: number;
            /** @description Pixels */
            height: number;
            format: string;
            /** @description base64 */
            thumbhash: string;
            dominant_color: string;
            exif: {
                [key: string]: unknown;
            };
            frames: number;
            /**
             * @description Seconds that all frames are seen for, once; only of an animation
             * @default null
             */
            duration?: number | null;
            megapixels: number | null;
            color_space: string | null;
            has_alpha: boolean | null;
            blurhash: string | null;
            palette: string[];
            phash: string | null;
            sharpness: number | null;
            artist: string | null;
            copyright: string | null;
            caption: string | null;
            /**
             * @description Only of an image whose file says one
             * @default null
             */
            title?: string | null;
            /**
             * @description Only of an image whose file says some; at most 100
             * @default null
             */
            keywords?: string[] | null;
        };
        /** @description Keys, the oldest first. */
        KeyPage: {
            items: components["schemas"]["KeyResource"][];
            /** @description Send it as `cursor` to get the next page; null on the last page */
            next_cursor: string | null;
        };
        /** @description An API key, without its secret. An empty list of `networks` allows all. */
        KeyResource: {
            id: string;
            name: string;
            scopes: string[];
            networks: string[];
            expires_at: string | null;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /** @description null for a key that an operator made at a terminal */
            created_by: components["schemas"]["ActorResource"] | null;
            /** @description The hour in which the key was last used */
            last_used_at: string | null;
            /** @description When the last secret ends that was rotated away */
            earlier_secrets_until: string | null;
        };
        /** @description An API key with the secret that no other answer shows. */
        KeyWithSecretResource: {
            id: string;
            name: string;
            scopes: string[];
            networks: string[];
            expires_at: string | null;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /** @description null for a key that an operator made at a terminal */
            created_by: components["schemas"]["ActorResource"] | null;
            /** @description The hour in which the key was last used */
            last_used_at: string | null;
            /** @description When the last secret ends that was rotated away */
            earlier_secrets_until: string | null;
            key: string;
        };
        /**
         * @description The sort of thing that a file is. Its facts stand in the record under this name.
         * @enum {string}
         */
        Kind: "image" | "video" | "audio" | "pdf" | "document" | "spreadsheet" | "presentation" | "text" | "archive" | "email" | "font" | "other";
        /** @description A record in a list, without its details. `include=details` adds them. */
        ListedFile: {
            id: string;
            status: components["schemas"]["Status"];
            kind: components["schemas"]["Kind"] | null;
            filename: string;
            content_type: string;
            size: number | null;
            sha256: string | null;
            visibility: components["schemas"]["Visibility"];
            recipe: string;
            tags: string[];
            metadata: {
                [key: string]: unknown;
            };
            focus?: components["schemas"]["FocusResource"] | null;
            revision: number;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            updated_at: string;
            expires_at: string | null;
            error: components["schemas"]["FileErrorResource"] | null;
            image: components["schemas"]["ListedImage"] | null;
            source_url?: string | null;
            renditions: components["schemas"]["ListedRendition"][];
            /**
             * @description Only if it is asked for, by `include=delivery`; null while there is nothing to show
             * @default null
             */
            delivery?: components["schemas"]["DeliveryResource"] | null;
            /** @default null */
            video?: components["schemas"]["VideoInfo"] | null;
            /** @default null */
            audio?: components["schemas"]["AudioInfo"] | null;
            /** @default null */
            pdf?: components["schemas"]["PdfInfo"] | null;
            /** @default null */
            document?: components["schemas"]["DocumentInfo"] | null;
            /** @default null */
            spreadsheet?: components["schemas"]["SpreadsheetInfo"] | null;
            /** @default null */
            presentation?: components["schemas"]["PresentationInfo"] | null;
            /** @default null */
            text?: components["schemas"]["TextInfo"] | null;
            /** @default null */
            archive?: components["schemas"]["ArchiveInfo"] | null;
            /** @default null */
            email?: components["schemas"]["EmailInfo"] | null;
            /** @default null */
            font?: components["schemas"]["FontInfo"] | null;
            /** @default null */
            preview?: components["schemas"]["ListedPreview"] | null;
            /** @default null */
            poster?: components["schemas"]["PosterResource"] | null;
            /** @default null */
            scan?: components["schemas"]["ScanResource"] | null;
            /** @default null */
            warnings?: components["schemas"]["WarningResource"][] | null;
            /** @default null */
            captions?: components["schemas"]["CaptionResource"][] | null;
            /** @default null */
            services?: {
                [key: string]: components["schemas"]["ListedService"];
            } | null;
            /**
             * @description The end user whose file it is; only if there is one
             * @default null
             */
            owner?: string | null;
            /**
             * @description Seconds after its creation, as its client said
             * @default null
             */
            expires_after?: number | null;
            /**
             * @description When the file is deleted by itself
             * @default null
             */
            delete_at?: string | null;
            /**
             * @description The file can't be deleted until it is released
             * @default null
             */
            legal_hold?: true | null;
        };
        /** @description Facts about an image. A field is null if the version that processed the image did not know it. Lists leave its details out. */
        ListedImage: {
            /** @description Pixels */
            width: number;
            /** @description Pixels */
            height: number;
            format: string;
            /** @description base64 */
            thumbhash: string;
            dominant_color: string;
            exif?: {
                [key: string]: unknown;
            };
            frames: number;
            /**
             * @description Seconds that all frames are seen for, once; only of an animation
             * @default null
             */
            duration?: number | null;
            megapixels?: number | null;
            color_space?: string | null;
            has_alpha: boolean | null;
            blurhash?: string | null;
            palette?: string[];
            phash?: string | null;
            sharpness?: number | null;
            artist?: string | null;
            copyright?: string | null;
            caption?: string | null;
            /** @description Only of an image whose file says one */
            title?: string | null;
            /** @description Only of an image whose file says some; at most 100 */
            keywords?: string[] | null;
        };
        /** @description The picture that was made of a file which is no image; width and height are the largest that can be had. Lists leave its details out. */
        ListedPreview: {
            /** @description Pixels */
            width: number;
            /** @description Pixels */
            height: number;
            /** @description base64 */
            thumbhash: string;
            dominant_color: string;
            blurhash?: string | null;
            has_alpha: boolean | null;
        };
        /** @description One file that was made of the original. `name` and `format` together are unique in a record. Lists leave its details out. */
        ListedRendition: {
            name: string;
            format: string;
            content_type?: string;
            /** @description Pixels; null for what is no picture */
            width: number | null;
            height: number | null;
            /**
             * @description Seconds; only where something moves or sounds
             * @default null
             */
            duration?: number | null;
            /** @description Bytes */
            size: number;
            /** Format: uri */
            url: string;
        };
        /** @description How far a service is with the file. `result` is that of the last job that was done, whatever the status is. Lists leave its details out. */
        ListedService: {
            status: components["schemas"]["ServiceStatus"];
            /** @description The version of the service that was asked */
            version: number;
            started_at: string | null;
            ended_at: string | null;
            error: components["schemas"]["ServiceErrorResource"] | null;
            result?: {
                [key: string]: unknown;
            } | null;
        };
        /** @description An upload token. `used` is how many files were created with it, and `key_id` the API key that made it. */
        ListedTokenResource: {
            id: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            expires_at: string;
            max_files: number;
            /** @description Bytes */
            max_bytes: number;
            content_types: string[];
            tags: string[];
            visibility: components["schemas"]["Visibility"];
            recipe: string;
            /**
             * @description The owner of what is created; only if there is one
             * @default null
             */
            owner?: string | null;
            used: number;
            key_id: string | null;
        };
        /** @description Where something was recorded: degrees (WGS 84), north and east, and metres above the sea. */
        Location: {
            latitude: number;
            longitude: number;
            /** @default null */
            altitude?: number | null;
        };
        /** @description By EBU R128: `integrated` in LUFS, `range` in LU, `true_peak` in dBTP, the highest of all channels. */
        Loudness: {
            integrated: number;
            /** @default null */
            range?: number | null;
            /** @default null */
            true_peak?: number | null;
        };
        /** @description The caller. An upload token has no scopes, and an operator no tenant. The `id` of a user is its owner, which is its `sub` unless the settings say otherwise. `owner` is the owner of the files that the caller creates or, with `files:own`, sees. */
        MeResource: {
            /** @enum {string} */
            type: "key" | "token" | "user" | "operator";
            id: string;
            name: string | null;
            tenant: string | null;
            scopes: components["schemas"]["Scope"][];
            expires_at: string | null;
            owner: string | null;
            stage: string;
            /** @description Seconds in which a deleted file can be restored */
            delete_window: number;
        };
        /** @description PUT each part to its address. `POST /v1/files/{file_id}/parts` signs more addresses. */
        MultipartUpload: {
            /**
             * @description discriminator enum property added by openapi-typescript
             * @enum {string}
             */
            method: "MULTIPART";
            /** @description Bytes */
            part_size: number;
            part_count: number;
            parts: components["schemas"]["SignedPart"][];
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            expires_at: string;
        };
        /** @description An OpenAPI 3.1 document. */
        OpenApiDocument: Record<string, never>;
        OriginalResource: {
            /** Format: uri */
            url: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            expires_at: string;
        };
        PartToSign: {
            part_number: number;
            sha256: string;
        };
        /** @description The fields of a record that were asked for with `fields`. */
        PartialFile: {
            id: string;
            status?: components["schemas"]["Status"];
            kind?: components["schemas"]["Kind"] | null;
            filename?: string;
            content_type?: string;
            size?: number | null;
            sha256?: string | null;
            visibility?: components["schemas"]["Visibility"];
            recipe?: string;
            tags?: string[];
            metadata?: {
                [key: string]: unknown;
            };
            focus?: components["schemas"]["FocusResource"] | null;
            revision?: number;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at?: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            updated_at?: string;
            expires_at?: string | null;
            error?: components["schemas"]["FileErrorResource"] | null;
            image?: components["schemas"]["ImageResource"] | null;
            source_url?: string | null;
            renditions?: components["schemas"]["RenditionResource"][];
            /** @description Only if it is asked for, by `include=delivery`; null while there is nothing to show */
            delivery?: components["schemas"]["DeliveryResource"] | null;
            video?: components["schemas"]["VideoInfo"] | null;
            audio?: components["schemas"]["AudioInfo"] | null;
            pdf?: components["schemas"]["PdfInfo"] | null;
            document?: components["schemas"]["DocumentInfo"] | null;
            spreadsheet?: components["schemas"]["SpreadsheetInfo"] | null;
            presentation?: components["schemas"]["PresentationInfo"] | null;
            text?: components["schemas"]["TextInfo"] | null;
            archive?: components["schemas"]["ArchiveInfo"] | null;
            email?: components["schemas"]["EmailInfo"] | null;
            font?: components["schemas"]["FontInfo"] | null;
            preview?: components["schemas"]["PreviewResource"] | null;
            poster?: components["schemas"]["PosterResource"] | null;
            scan?: components["schemas"]["ScanResource"] | null;
            warnings?: components["schemas"]["WarningResource"][] | null;
            captions?: components["schemas"]["CaptionResource"][] | null;
            /** @description By the services' names */
            services?: {
                [key: string]: components["schemas"]["ServiceResource"];
            } | null;
            /** @description The end user whose file it is; only if there is one */
            owner?: string | null;
            /** @description Seconds after its creation, as its client said */
            expires_after?: number | null;
            /** @description When the file is deleted by itself */
            delete_at?: string | null;
            /** @description The file can't be deleted until it is released */
            legal_hold?: true | null;
        };
        /** @description The body of `PATCH /v1/files/{id}`: the fields to change. `metadata` is merged (RFC 7396), the rest replaced. */
        PatchFile: {
            filename?: string;
            /** @default null */
            tags?: string[] | null;
            /** @default null */
            metadata?: {
                [key: string]: unknown;
            } | null;
            visibility?: components["schemas"]["Visibility"];
            /** @default null */
            focus?: components["schemas"]["FocalPoint"] | null;
            /** @default null */
            poster?: components["schemas"]["PosterTime"] | null;
            /** @default null */
            expires_after?: number | null;
        };
        /** @description The body of `PATCH /v1/keys/{key_id}`: the fields to change. null takes an end or the networks away. */
        PatchKey: {
            /** @description A note for people */
            name?: string;
            scopes?: ("files:read" | "files:write" | "events:read" | "webhooks:admin" | "keys:admin" | "files:own")[];
            /** @default null */
            expires_at?: string | null;
            /** @default null */
            networks?: string[] | null;
        };
        /** @description The body of `PATCH /v1/tenants/{tenant}`: the settings to change. null gives the stage's own. Quotas that are left out stay as they are. */
        PatchTenant: {
            /** @default null */
            default_recipe?: ("avatar" | "document" | "original-only" | "photo") | null;
            /** @default null */
            unscannable?: ("refuse" | "accept") | null;
            /** @default false */
            suspended?: boolean;
            /** @description Quota → its bound; null for the stage's own */
            quotas?: {
                [key: string]: number | null;
            };
        };
        /** @description The body of `PATCH /v1/webhooks/{webhook_id}`: the fields to change. `replay` goes with `"enabled": true`, and sends again what was missed. */
        PatchWebhook: {
            url?: string;
            /** @default null */
            types?: ("filemill.file.created" | "filemill.file.processing" | "filemill.file.ready" | "filemill.file.failed" | "filemill.file.expired" | "filemill.file.updated" | "filemill.file.deleted" | "filemill.file.restored" | "filemill.webhook.disabled" | "filemill.webhook.test")[] | null;
            /** @default null */
            kinds?: components["schemas"]["Kind"][] | null;
            /** @default null */
            tags?: string[] | null;
            /** @default null */
            filename_prefix?: string | null;
            /** @default true */
            enabled?: boolean;
            /** @default false */
            replay?: boolean;
        };
        /** @description `pages` is a count, `sizes` has (width, height) of the first ones in points (1/72 inch). `signatures`, `attachments` and `scripts` (JavaScript actions, which nobody runs here) are counts. */
        PdfInfo: {
            /** @default null */
            pages?: number | null;
            sizes?: number[][];
            /** @default null */
            title?: string | null;
            /** @default null */
            author?: string | null;
            /** @default null */
            created_at?: string | null;
            /** @default null */
            modified_at?: string | null;
            /** @default false */
            encrypted?: boolean;
            /** @default false */
            forms?: boolean;
            /** @default 0 */
            signatures?: number;
            /** @default 0 */
            attachments?: number;
            /** @default 0 */
            scripts?: number;
        };
        /** @description The second of a film that its poster should show. `video.poster_time` is that of the frame that it shows. */
        PosterResource: {
            time: number;
        };
        /** @description The second of a film that its poster should show. */
        PosterTime: {
            time: number;
        };
        /** @description A deck. `format` is the usual extension: `pptx`, `odp` … `slides` is a count, `words` as above. */
        PresentationInfo: {
            format: string;
            /** @default null */
            slides?: number | null;
            /** @default null */
            title?: string | null;
            /** @default null */
            author?: string | null;
            /** @default null */
            created_at?: string | null;
            /** @default null */
            modified_at?: string | null;
            /** @default null */
            words?: number | null;
            /** @default false */
            encrypted?: boolean;
        };
        /** @description The picture that was made of a file which is no image; width and height are the largest that can be had. */
        PreviewResource: {
            /** @description Pixels */
            width: number;
            /** @description Pixels */
            height: number;
            /** @description base64 */
            thumbhash: string;
            dominant_color: string;
            blurhash: string | null;
            has_alpha: boolean | null;
        };
        /** @description The body of `PUT /v1/tenants/{tenant}`: all settings. Those that are left out are the stage's own. */
        PutTenant: {
            /** @default null */
            default_recipe?: ("avatar" | "document" | "original-only" | "photo") | null;
            /** @default null */
            unscannable?: ("refuse" | "accept") | null;
            /** @default false */
            suspended?: boolean;
            /** @description Quota → its bound; null for the stage's own */
            quotas?: {
                [key: string]: number | null;
            };
        };
        /** @description A quota of your tenant. `used` is null for the requests of this minute, which no single process knows. */
        QuotaResource: {
            limit: number;
            used: number | null;
            /** @description When it begins anew; null if time alone gives nothing back */
            resets_at: string | null;
        };
        /** @description One file that was made of the original. `name` and `format` together are unique in a record. */
        RenditionResource: {
            name: string;
            format: string;
            content_type: string;
            /** @description Pixels; null for what is no picture */
            width: number | null;
            height: number | null;
            /**
             * @description Seconds; only where something moves or sounds
             * @default null
             */
            duration?: number | null;
            /** @description Bytes */
            size: number;
            /** Format: uri */
            url: string;
        };
        /** @description The body of `POST /v1/webhooks/{webhook_id}/replay`. Without `types`, all types are sent again. */
        ReplayEvents: {
            /**
             * Format: date-time
             * @description Events of this moment and later
             */
            since: string;
            types?: ("filemill.file.created" | "filemill.file.processing" | "filemill.file.ready" | "filemill.file.failed" | "filemill.file.expired" | "filemill.file.updated" | "filemill.file.deleted" | "filemill.file.restored" | "filemill.webhook.disabled" | "filemill.webhook.test")[];
        };
        /** @description The events that will be sent again. `since` is not before the webhook was made. */
        ReplayResource: {
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            since: string;
            types: string[];
        };
        /** @description The body of `POST /v1/files/{id}/reprocess`. `force` makes renditions again that are up to date already. */
        Reprocess: {
            /** @default null */
            recipe?: ("avatar" | "document" | "original-only" | "photo") | null;
            /** @default false */
            force?: boolean;
        };
        /** @description The body of `POST /v1/keys/{key_id}/rotate`. `overlap` is in seconds: for how long the earlier secrets work, beside the new one. 0 ends them at once. */
        RotateKey: {
            /** @default 86400 */
            overlap?: number;
        };
        /** @description The body of `POST /v1/webhooks/{webhook_id}/rotate-secret`. `overlap` is in seconds: for how long the earlier secrets sign, beside the new one. 0 ends them at once. */
        RotateSecret: {
            /** @default 86400 */
            overlap?: number;
        };
        /** @description The finding of the malware scan. Missing if the stage scans nothing, or if the file is older than its scan. */
        ScanResource: {
            status: components["schemas"]["ScanStatus"];
            /** @description The scanner's name for the malware; null where it tells none */
            signature: string | null;
            scanned_at: string | null;
        };
        /**
         * @description The verdict of the malware scan. A later one counts more than an earlier one, in whatever order they arrive.
         * @enum {string}
         */
        ScanStatus: "pending" | "unscannable" | "clean" | "infected";
        /** @enum {string} */
        Scope: "files:read" | "files:write" | "events:read" | "webhooks:admin" | "keys:admin" | "files:own" | "tenants:admin";
        /** @description Why the last job of a service brought nothing. */
        ServiceErrorResource: {
            code: string;
            message: string;
        };
        /** @description How far a service is with the file. `result` is that of the last job that was done, whatever the status is. */
        ServiceResource: {
            status: components["schemas"]["ServiceStatus"];
            /** @description The version of the service that was asked */
            version: number;
            started_at: string | null;
            ended_at: string | null;
            error: components["schemas"]["ServiceErrorResource"] | null;
            result: {
                [key: string]: unknown;
            } | null;
        };
        /**
         * @description How far a service is with a file (docs/add-a-service.md has the diagram).
         * @enum {string}
         */
        ServiceStatus: "waiting" | "running" | "done" | "failed" | "timed_out";
        ShareList: {
            items: components["schemas"]["ShareResource"][];
        };
        /** @description A link to a file's page. `views` counts how often the page was seen. */
        ShareResource: {
            id: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            expires_at: string;
            download: boolean;
            /** @description True if the page asks for a password */
            password: boolean;
            views: number;
            max_views: number | null;
        };
        /** @description `rows` and `columns` are counts of the area with values, with the header; None where nobody read the cells. `header` has the columns, with names if the first row has names. `first_rows` are the first values below as text. */
        Sheet: {
            name: string;
            /** @default null */
            rows?: number | null;
            /** @default null */
            columns?: number | null;
            header?: components["schemas"]["Column"][];
            first_rows?: (string | null)[][];
        };
        /** @description The body of `POST /v1/files/{id}/parts`: part numbers, or parts with the hex SHA-256 that each must have. */
        SignParts: {
            /** @default null */
            part_numbers?: number[] | null;
            /** @default null */
            parts?: components["schemas"]["PartToSign"][] | null;
        };
        /** @description The arguments of `signRequest`, and what an app may add to them for a new file. Without the additions only a new file's key is known (Uppy's default: a UUID and the file's name) and, if it is sent in one piece, its type. */
        SignRequest: {
            /** @enum {string} */
            method: "GET" | "PUT" | "POST" | "DELETE";
            key: string;
            /** @default null */
            uploadId?: string | null;
            /** @default null */
            partNumber?: number | null;
            /** @default null */
            contentType?: string | null;
            /** @default null */
            filename?: string | null;
            /** @default null */
            size?: number | null;
            /**
             * @description Bytes of each part, as `getChunkSize` says
             * @default null
             */
            partSize?: number | null;
            metadata?: {
                [key: string]: unknown;
            };
        };
        SignedPart: {
            part_number: number;
            /** Format: uri */
            url: string;
        };
        SignedParts: {
            parts: components["schemas"]["SignedPart"][];
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            expires_at: string;
        };
        /** @description A new ticket. It opens one socket at `url`, within a minute. */
        SocketTicketResource: {
            ticket: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            expires_at: string;
            url: string;
        };
        /** @description A workbook. `format` is the usual extension: `xlsx`, `ods`, `xls` … `sheet_count` has those not listed, too. */
        SpreadsheetInfo: {
            format: string;
            /** @default null */
            sheet_count?: number | null;
            sheets?: components["schemas"]["Sheet"][];
            /** @default null */
            title?: string | null;
            /** @default null */
            author?: string | null;
            /** @default null */
            created_at?: string | null;
            /** @default null */
            modified_at?: string | null;
            /** @default false */
            encrypted?: boolean;
        };
        /** @description Counts by status and by kind. Those without files are left out. Files not processed yet are `unknown`. */
        StatsResource: {
            files: number;
            /** @description Bytes */
            bytes: number;
            by_status: {
                [key: string]: components["schemas"]["CountResource"];
            };
            by_kind: {
                [key: string]: components["schemas"]["CountResource"];
            };
        };
        /**
         * @description Where a file is in its life (docs/api.md has the diagram).
         * @enum {string}
         */
        Status: "awaiting_upload" | "processing" | "ready" | "failed" | "expired" | "deleted";
        /** @description A track of subtitles inside the file. */
        Subtitles: {
            /** @default null */
            codec?: string | null;
            /** @default null */
            language?: string | null;
            /** @default null */
            title?: string | null;
        };
        /** @description Tenants, by name. */
        TenantPage: {
            items: components["schemas"]["TenantResource"][];
            /** @description Send it as `cursor` to get the next page; null on the last page */
            next_cursor: string | null;
        };
        /** @description A tenant and its settings; null, and a quota that is missing, mean the stage's own. */
        TenantResource: {
            name: string;
            default_recipe: string | null;
            unscannable: string | null;
            suspended: boolean;
            quotas: {
                [key: string]: number;
            };
        };
        /** @description Text of any sort. `encoding` is IANA's name; `format` is `plain`, `csv`, `tsv`, `json`, `ndjson`, `xml` … `lines` and `words` are counts; None where the file is too long to count. A table has `delimiter`, `rows` and `columns`; JSON has a `structure`. */
        TextInfo: {
            format: string;
            encoding: string;
            /** @default null */
            lines?: number | null;
            /** @default null */
            words?: number | null;
            /** @default  */
            excerpt?: string;
            /** @default null */
            language?: string | null;
            /** @default null */
            delimiter?: string | null;
            /** @default null */
            rows?: number | null;
            columns?: components["schemas"]["Column"][];
            /** @default null */
            structure?: unknown;
        };
        /** @description Upload tokens, the newest first. */
        UploadTokenPage: {
            items: components["schemas"]["ListedTokenResource"][];
            /** @description Send it as `cursor` to get the next page; null on the last page */
            next_cursor: string | null;
        };
        /** @description A new upload token. `token` is shown only in this answer. */
        UploadTokenResource: {
            id: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            expires_at: string;
            max_files: number;
            /** @description Bytes */
            max_bytes: number;
            content_types: string[];
            tags: string[];
            visibility: components["schemas"]["Visibility"];
            recipe: string;
            /**
             * @description The owner of what is created; only if there is one
             * @default null
             */
            owner?: string | null;
            token: string;
        };
        /** @description S3's `InitiateMultipartUploadResult`, with the upload's id. */
        UppyBegun: string;
        /** @description A new file. */
        UppyFile: {
            filename: string;
            /** @default null */
            type?: string | null;
            metadata?: {
                [key: string]: unknown;
            };
        };
        /** @description A form for S3. `expires` is in seconds. */
        UppyForm: {
            /** @constant */
            method: "POST";
            /** Format: uri */
            url: string;
            fields: {
                [key: string]: string;
            };
            expires: number;
        };
        UppyHeldPart: {
            PartNumber: number;
            ETag: string;
            /** @description Bytes */
            Size: number;
        };
        /** @description The parts that S3 has received. */
        UppyHeldParts: components["schemas"]["UppyHeldPart"][];
        UppyLocation: {
            key: string;
            bucket: string;
            /** Format: uri */
            location: string;
        };
        /** @description An empty object. */
        UppyNothing: Record<string, never>;
        UppyPart: {
            PartNumber: number;
            ETag: string;
        };
        /** @description The body of `POST /s3/multipart/{upload_id}/complete`. */
        UppyParts: {
            parts: components["schemas"]["UppyPart"][];
        };
        UppySession: {
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            expires_at: string;
        };
        /** @description A signed address. `expires` is in seconds. */
        UppySignedPart: {
            /** Format: uri */
            url: string;
            expires: number;
        };
        /** @description Signed addresses by part number. */
        UppySignedParts: {
            presignedUrls: {
                [key: string]: string;
            };
        };
        /** @description A signed request to S3. For a new file it has our `key`; if the file is sent as a form, it has `fields`. */
        UppySignedRequest: {
            /** Format: uri */
            url: string;
            expires: number;
            /** @default null */
            key?: string | null;
            /** @default null */
            fields?: {
                [key: string]: string;
            } | null;
        };
        UppyUpload: {
            key: string;
            bucket: string;
            uploadId: string;
        };
        /** @description Your tenant's usage. `files` and `bytes` are those that count: expired and deleted files do not. */
        UsageResource: {
            files: number;
            /** @description Bytes */
            bytes: number;
            by_kind: {
                [key: string]: components["schemas"]["CountResource"];
            };
            quotas: {
                [key: string]: components["schemas"]["QuotaResource"];
            };
            /** @description The last 90 days on which you used anything, the oldest first */
            days: components["schemas"]["DayResource"][];
        };
        /** @description `width` and `height` are those of the picture as it is shown: turned, and with square pixels. `format` is the usual extension. `duration` in seconds, `bit_rate` of the whole file in bit/s, `frame_rate` a second on average. `rotation` is how far players turn the stored picture, in degrees clockwise; a `mirrored` one is mirrored from left to right before that. An `interlaced` film has two fields in each frame. `hdr` is `pq` or `hlg`. `audio_tracks` are the first ones; `audio_track_count` counts all. `location` is there only if the recipe keeps it. `poster_time` is that of the frame that the poster shows, in seconds. */
        VideoInfo: {
            format: string;
            /** @default null */
            duration?: number | null;
            /** @default null */
            width?: number | null;
            /** @default null */
            height?: number | null;
            /** @default 0 */
            rotation?: number;
            /** @default false */
            mirrored?: boolean;
            /** @default false */
            interlaced?: boolean;
            /** @default null */
            frame_rate?: number | null;
            /** @default false */
            variable_frame_rate?: boolean;
            /** @default null */
            codec?: string | null;
            /** @default null */
            bit_rate?: number | null;
            /** @default null */
            hdr?: string | null;
            audio_tracks?: components["schemas"]["AudioTrack"][];
            /** @default null */
            audio_track_count?: number | null;
            subtitles?: components["schemas"]["Subtitles"][];
            chapters?: components["schemas"]["Chapter"][];
            /** @default null */
            title?: string | null;
            /** @default null */
            created_at?: string | null;
            /** @default null */
            location?: components["schemas"]["Location"] | null;
            tags?: {
                [key: string]: string;
            };
            /** @default false */
            cover?: boolean;
            /** @default null */
            poster_time?: number | null;
        };
        /** @enum {string} */
        Visibility: "public" | "private";
        /** @description Something that could not be made or read of a sound file. */
        WarningResource: {
            code: string;
            message: string;
        };
        /** @description The one who made the webhook: an API key, by its id. */
        WebhookActor: {
            type: string;
            id: string;
        };
        /** @description One event for one webhook. `id` is the event's, which the receiver gets as `webhook-id`, too. `subject` is the file, or the webhook, that the event is about. `missed`: the webhook was disabled. */
        WebhookDeliveryResource: {
            id: string;
            type: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            subject: string;
            revision: number | null;
            state: components["schemas"]["DeliveryState"];
            attempts: components["schemas"]["AttemptResource"][];
            next_attempt_at: string | null;
        };
        /** @description Filemill disabled the webhook. `reason` is a sentence; the webhook itself says more. */
        WebhookDisabled: {
            id: string;
            reason: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            disabled_at: string;
        };
        WebhookDisabledData: {
            webhook: components["schemas"]["WebhookDisabled"];
        };
        /** @description Filemill disabled a webhook, because its receiver has failed for days or wants nothing more. The bus hears of it, and other webhooks that ask for this type. */
        WebhookDisabledEvent: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that the event is sent: drop an event whose id you have seen */
            id: string;
            /** @description `filemill/` and the stage */
            source: string;
            /** @constant */
            type: "filemill.webhook.disabled";
            /** @description The id of what has changed */
            subject: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            tenant: string;
            data: components["schemas"]["WebhookDisabledData"];
        };
        /** @description All webhooks of the tenant, the oldest first. */
        WebhookList: {
            items: components["schemas"]["WebhookResource"][];
        };
        WebhookName: {
            id: string;
        };
        /** @description A webhook. Its secret is shown only when it is made. */
        WebhookResource: {
            id: string;
            url: string;
            types: string[];
            kinds: components["schemas"]["Kind"][];
            tags: string[];
            filename_prefix: string | null;
            enabled: boolean;
            disabled_reason: string | null;
            disabled_at: string | null;
            /** @description When the last secret ends that was rotated away */
            earlier_secrets_until: string | null;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            updated_at: string;
            created_by: components["schemas"]["WebhookActor"];
        };
        WebhookTestData: {
            webhook: components["schemas"]["WebhookName"];
        };
        /** @description A test of one webhook, which its tenant asked for. */
        WebhookTestEvent: {
            /** @constant */
            specversion: "1.0";
            /** @description The same each time that the event is sent: drop an event whose id you have seen */
            id: string;
            /** @description `filemill/` and the stage */
            source: string;
            /** @constant */
            type: "filemill.webhook.test";
            /** @description The id of what has changed */
            subject: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            time: string;
            /** @constant */
            datacontenttype: "application/json";
            tenant: string;
            data: components["schemas"]["WebhookTestData"];
        };
        /** @description A webhook with its newest secret, which no other answer shows. It signs what is sent (Standard Webhooks). */
        WebhookWithSecretResource: {
            id: string;
            url: string;
            types: string[];
            kinds: components["schemas"]["Kind"][];
            tags: string[];
            filename_prefix: string | null;
            enabled: boolean;
            disabled_reason: string | null;
            disabled_at: string | null;
            /** @description When the last secret ends that was rotated away */
            earlier_secrets_until: string | null;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            created_at: string;
            /**
             * Format: date-time
             * @description UTC, RFC 3339, milliseconds
             */
            updated_at: string;
            created_by: components["schemas"]["WebhookActor"];
            secret: string;
        };
        /** @description RFC 9457 problem document. */
        Problem: {
            /** Format: uri */
            type: string;
            title: string;
            status: number;
            /** @description Stable: branch on it. */
            code: string;
            /** @description A sentence for a person. */
            detail: string;
            /** @description What is wrong; dotted where it is nested. */
            field?: string;
            /** @description The quota that is used up (`quota_exceeded` only, as the next three). */
            quota?: string;
            /** @description What the quota allows. */
            limit?: number;
            /** @description What counts against it. */
            used?: number;
            /**
             * Format: date-time
             * @description When it begins anew; null if time alone gives nothing back.
             */
            resets_at?: string | null;
            /** @description Finds the request in the logs. */
            request_id: string;
        };
        /** @description A problem document with its detail where Uppy looks for it; `error` and `message` are missing from what API Gateway answers itself. */
        UppyProblem: {
            /** Format: uri */
            type: string;
            title: string;
            status: number;
            /** @description Stable: branch on it. */
            code: string;
            /** @description A sentence for a person. */
            detail: string;
            /** @description What is wrong; dotted where it is nested. */
            field?: string;
            /** @description The quota that is used up (`quota_exceeded` only, as the next three). */
            quota?: string;
            /** @description What the quota allows. */
            limit?: number;
            /** @description What counts against it. */
            used?: number;
            /**
             * Format: date-time
             * @description When it begins anew; null if time alone gives nothing back.
             */
            resets_at?: string | null;
            /** @description Finds the request in the logs. */
            request_id: string;
            error?: string;
            message?: string;
        };
    };
    responses: never;
    parameters: never;
    requestBodies: never;
    headers: {
        "Cache-Control": string;
        /** @description Names this state; for `If-Match` and `If-None-Match`. */
        ETag: string;
        /** @description The answer was given before, to the same `Idempotency-Key`. */
        "Idempotency-Replayed": "true";
        /** @description The address of what was made. */
        Location: string;
        /** @description Seconds. */
        "Retry-After": number;
        /** @description Finds the request in the logs. */
        "X-Request-Id": string;
    };
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    get_asyncapi: {
        parameters: {
            query?: never;
            header?: {
                /** @description An `ETag` that the client has: the answer is 304 without a body while it is the same. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An AsyncAPI 3.0 document. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AsyncApiDocument"];
                };
            };
            /** @description The client's copy is still the newest. */
            304: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "timeout" | "too_many_requests";
                    };
                };
            };
        };
    };
    get_docs: {
        parameters: {
            query?: never;
            header?: {
                /** @description An `ETag` that the client has: the answer is 304 without a body while it is the same. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An HTML page. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "text/html": components["schemas"]["HtmlPage"];
                };
            };
            /** @description The client's copy is still the newest. */
            304: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "timeout" | "too_many_requests";
                    };
                };
            };
        };
    };
    get_docs_asset: {
        parameters: {
            query?: never;
            header?: {
                /** @description An `ETag` that the client has: the answer is 304 without a body while it is the same. */
                "If-None-Match"?: string;
            };
            path: {
                asset: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A script, a style sheet or a text of the page; or an icon. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "image/svg+xml": components["schemas"]["Asset"];
                    "text/css": components["schemas"]["Asset"];
                    "text/javascript": components["schemas"]["Asset"];
                    "text/plain": components["schemas"]["Asset"];
                };
            };
            /** @description The client's copy is still the newest. */
            304: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "timeout" | "too_many_requests" | "unknown_route";
                    };
                };
            };
        };
    };
    get_openapi: {
        parameters: {
            query?: never;
            header?: {
                /** @description An `ETag` that the client has: the answer is 304 without a body while it is the same. */
                "If-None-Match"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An OpenAPI 3.1 document. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OpenApiDocument"];
                };
            };
            /** @description The client's copy is still the newest. */
            304: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "timeout" | "too_many_requests";
                    };
                };
            };
        };
    };
    show_shared: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The last part of the link */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An HTML page. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "text/html": components["schemas"]["HtmlPage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "timeout" | "too_many_requests" | "unknown_route";
                    };
                };
            };
        };
    };
    open_shared: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The last part of the link */
                token: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An HTML page. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "text/html": components["schemas"]["HtmlPage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "payload_too_large" | "timeout" | "too_many_requests" | "unknown_route";
                    };
                };
            };
        };
    };
    uppy_create_multipart: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UppyFile"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UppyUpload"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "token_spent" | "too_many_requests" | "type_not_allowed" | "unauthenticated" | "unavailable" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    uppy_list_parts: {
        parameters: {
            query: {
                key: string;
            };
            header?: never;
            path: {
                /** @description S3's upload id */
                upload_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The parts that S3 has received. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UppyHeldParts"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "internal" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "upload_expired";
                    };
                };
            };
        };
    };
    uppy_abort: {
        parameters: {
            query: {
                key: string;
            };
            header?: never;
            path: {
                /** @description S3's upload id */
                upload_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An empty object. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UppyNothing"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "internal" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "upload_expired";
                    };
                };
            };
        };
    };
    uppy_sign_batch: {
        parameters: {
            query: {
                key: string;
                /** @description Part numbers, comma-separated */
                partNumbers: string;
            };
            header?: never;
            path: {
                /** @description S3's upload id */
                upload_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Signed addresses by part number. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UppySignedParts"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "internal" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "part_out_of_range" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "upload_expired";
                    };
                };
            };
        };
    };
    uppy_begun: {
        parameters: {
            query: {
                key: string;
            };
            header?: never;
            path: {
                /** @description S3's upload id */
                upload_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description S3's `InitiateMultipartUploadResult`, with the upload's id. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/xml": components["schemas"]["UppyBegun"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "internal" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "upload_expired";
                    };
                };
            };
        };
    };
    uppy_complete: {
        parameters: {
            query: {
                key: string;
            };
            header?: never;
            path: {
                /** @description S3's upload id */
                upload_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UppyParts"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UppyLocation"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "etag_mismatch" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "part_missing" | "part_order" | "part_too_small" | "payload_too_large" | "quota_exceeded" | "size_mismatch" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type" | "upload_expired";
                    };
                };
            };
        };
    };
    uppy_sign_part: {
        parameters: {
            query: {
                key: string;
            };
            header?: never;
            path: {
                /** @description S3's upload id */
                upload_id: string;
                part_number: number;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A signed address. `expires` is in seconds. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UppySignedPart"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "internal" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "part_out_of_range" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "upload_expired";
                    };
                };
            };
        };
    };
    uppy_params: {
        parameters: {
            query: {
                filename: string;
                type?: string | null;
                metadata?: {
                    [key: string]: unknown;
                };
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A form for S3. `expires` is in seconds. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UppyForm"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "token_spent" | "too_many_requests" | "type_not_allowed" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    uppy_presign: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignRequest"];
            };
        };
        responses: {
            /** @description A signed request to S3. For a new file it has our `key`; if the file is sent as a form, it has `fields`. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UppySignedRequest"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "etag_mismatch" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "part_missing" | "part_order" | "part_out_of_range" | "part_too_small" | "payload_too_large" | "quota_exceeded" | "size_mismatch" | "tenant_suspended" | "timeout" | "token_expired" | "token_spent" | "too_large_for_token" | "too_many_requests" | "type_not_allowed" | "unauthenticated" | "unavailable" | "unsupported_media_type" | "upload_expired";
                    };
                };
            };
        };
    };
    begin_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UppySession"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    end_session: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "timeout" | "too_many_requests";
                    };
                };
            };
        };
    };
    uppy_sts: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "timeout" | "too_many_requests" | "unknown_route";
                    };
                };
            };
        };
    };
    list_audit: {
        parameters: {
            query?: {
                /** @description Not before this moment */
                after?: string;
                /** @description Before this moment */
                before?: string;
                /** @description The id of the one who made the change */
                actor?: string;
                /** @description A type, or the beginning of one up to a dot: `filemill.audit` are all changes of settings */
                type?: string;
                limit?: number;
                /** @description The `next_cursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["AuditPage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_cursor" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    list_changes: {
        parameters: {
            query?: {
                /** @description The `next_after` of the answer before; `now` for what changes from now on; without it, from the beginning */
                after?: string;
                limit?: number;
                /** @description Only these fields of a record, and `id`; repeatable, or comma-separated */
                fields?: ("id" | "status" | "kind" | "filename" | "content_type" | "size" | "sha256" | "visibility" | "recipe" | "tags" | "metadata" | "focus" | "revision" | "created_at" | "updated_at" | "expires_at" | "error" | "image" | "source_url" | "renditions" | "delivery" | "video" | "audio" | "pdf" | "document" | "spreadsheet" | "presentation" | "text" | "archive" | "email" | "font" | "preview" | "poster" | "scan" | "warnings" | "captions" | "services" | "owner" | "expires_after" | "delete_at" | "legal_hold")[];
                /** @description `delivery` adds that block to the whole record */
                include?: "delivery"[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangesPage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_cursor" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    list_files: {
        parameters: {
            query?: {
                status?: "awaiting_upload" | "processing" | "ready" | "failed" | "expired";
                /** @description The sort of thing that a file is. Its facts stand in the record under this name. */
                kind?: "image" | "video" | "audio" | "pdf" | "document" | "spreadsheet" | "presentation" | "text" | "archive" | "email" | "font" | "other";
                /** @description Repeatable: a file must have all of these tags */
                tag?: string[];
                /** @description A media type without parameters, or `image/*` */
                content_type?: string;
                sha256?: string;
                /** @description The end user whose files they are */
                owner?: string;
                /** @description Upper and lower case are the same */
                filename_prefix?: string;
                /** @description Not before this moment */
                created_after?: string;
                /** @description Before this moment */
                created_before?: string;
                sort?: "-created" | "created" | "-updated" | "updated" | "-size" | "size" | "filename" | "-filename";
                limit?: number;
                /** @description The `next_cursor` of the page before */
                cursor?: string;
                /** @description Only these fields of a record, and `id`; repeatable, or comma-separated */
                fields?: ("id" | "status" | "kind" | "filename" | "content_type" | "size" | "sha256" | "visibility" | "recipe" | "tags" | "metadata" | "focus" | "revision" | "created_at" | "updated_at" | "expires_at" | "error" | "image" | "source_url" | "renditions" | "delivery" | "video" | "audio" | "pdf" | "document" | "spreadsheet" | "presentation" | "text" | "archive" | "email" | "font" | "preview" | "poster" | "scan" | "warnings" | "captions" | "services" | "owner" | "expires_after" | "delete_at" | "legal_hold")[];
                /** @description `delivery` adds that block to each record; `details` adds what a list leaves out of it. Repeatable, or comma-separated */
                include?: ("delivery" | "details")[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FilePage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "conflicting_parameters" | "internal" | "invalid_cursor" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    create_file: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, the request gets the same answer. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateFile"];
            };
        };
        responses: {
            /** @description The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedFile"];
                };
            };
            /** @description The new file's record, and how its bytes are uploaded. A request that is sent again with its Idempotency-Key when the bytes have come gets the record as it is, without `upload`; a key without the scope `files:read` then gets `id`, `status` and `revision` only. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    ETag: components["headers"]["ETag"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedFile"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "idempotency_key_reused" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "source_refused" | "tenant_suspended" | "timeout" | "token_expired" | "token_spent" | "too_large_for_token" | "too_many_requests" | "type_not_allowed" | "unauthenticated" | "unavailable" | "unsupported_media_type" | "upload_expired";
                    };
                };
            };
        };
    };
    batch_get_files: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["BatchGet"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FileList"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    get_file: {
        parameters: {
            query?: {
                wait?: number;
                /** @description With `wait`: until the status is another one (`change`), or until it is `ready`, `failed` or `expired` (`final`) */
                wait_for?: "change" | "final";
                /** @description For how many seconds a private file's addresses work; a stage may allow less */
                expires_in?: number;
                /** @description Only these fields of a record, and `id`; repeatable, or comma-separated */
                fields?: ("id" | "status" | "kind" | "filename" | "content_type" | "size" | "sha256" | "visibility" | "recipe" | "tags" | "metadata" | "focus" | "revision" | "created_at" | "updated_at" | "expires_at" | "error" | "image" | "source_url" | "renditions" | "delivery" | "video" | "audio" | "pdf" | "document" | "spreadsheet" | "presentation" | "text" | "archive" | "email" | "font" | "preview" | "poster" | "scan" | "warnings" | "captions" | "services" | "owner" | "expires_after" | "delete_at" | "legal_hold")[];
                /** @description `delivery` adds that block to the whole record */
                include?: "delivery"[];
            };
            header?: {
                /** @description An `ETag` that the client has: the answer is 304 without a body while it is the same. */
                "If-None-Match"?: string;
            };
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The fields of a record that were asked for with `fields`. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["PartialFile"];
                };
            };
            /** @description The client's copy is still the newest. */
            304: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    "Retry-After": components["headers"]["Retry-After"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    delete_file: {
        parameters: {
            query?: never;
            header?: {
                /** @description The record's `ETag`: the request is refused if it is another by now. `*` is any. */
                "If-Match"?: string;
                /** @description An `ETag` that the client has: the answer is 304 without a body while it is the same. */
                "If-None-Match"?: string;
            };
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "file_changing" | "internal" | "invalid_field" | "key_expired" | "legal_hold" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "precondition_failed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "upload_expired";
                    };
                };
            };
        };
    };
    patch_file: {
        parameters: {
            query?: never;
            header?: {
                /** @description The record's `ETag`: the request is refused if it is another by now. `*` is any. */
                "If-Match"?: string;
                /** @description An `ETag` that the client has: the answer is 304 without a body while it is the same. */
                "If-None-Match"?: string;
            };
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchFile"];
            };
        };
        responses: {
            /** @description The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedFile"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "file_changing" | "file_processing" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "original_missing" | "payload_too_large" | "precondition_failed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type" | "upload_expired";
                    };
                };
            };
        };
    };
    add_captions: {
        parameters: {
            query?: never;
            header?: {
                /** @description The record's `ETag`: the request is refused if it is another by now. `*` is any. */
                "If-Match"?: string;
                /** @description An `ETag` that the client has: the answer is 304 without a body while it is the same. */
                "If-None-Match"?: string;
            };
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["AddCaptions"];
            };
        };
        responses: {
            /** @description The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedFile"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "file_changing" | "file_processing" | "infected" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "no_captions" | "not_found" | "not_uploaded" | "payload_too_large" | "precondition_failed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_captions" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type" | "upload_expired";
                    };
                };
            };
        };
    };
    delete_captions: {
        parameters: {
            query?: never;
            header?: {
                /** @description The record's `ETag`: the request is refused if it is another by now. `*` is any. */
                "If-Match"?: string;
                /** @description An `ETag` that the client has: the answer is 304 without a body while it is the same. */
                "If-None-Match"?: string;
            };
            path: {
                file_id: string;
                /** @description The captions' `language` */
                language: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedFile"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "file_changing" | "file_processing" | "infected" | "internal" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "no_captions" | "not_found" | "not_uploaded" | "precondition_failed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "upload_expired";
                    };
                };
            };
        };
    };
    complete_upload: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CompleteUpload"];
            };
        };
        responses: {
            /** @description The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedFile"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "etag_mismatch" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "part_missing" | "part_order" | "part_out_of_range" | "part_too_small" | "payload_too_large" | "quota_exceeded" | "size_mismatch" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type" | "upload_expired";
                    };
                };
            };
        };
    };
    list_entries: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["EntriesPage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "file_changing" | "internal" | "invalid_cursor" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "no_entries" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    create_grant: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateGrant"];
            };
        };
        responses: {
            /** @description Lets a viewer see a private file's renditions until `expires_at`. Put `?` and `query` behind an address, or set the cookies instead: `cookies` are values for `Set-Cookie`. `resource` is the pattern of the addresses that the grant opens. A public file needs no grant: its `query` is empty. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GrantResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    get_history: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HistoryPage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_cursor" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    hold_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "file_changing" | "file_processing" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "original_missing" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    release_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "file_changing" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    get_original: {
        parameters: {
            query?: {
                /** @description `attachment`: a browser saves it; `inline`: a browser may show images, audio and video */
                disposition?: "inline" | "attachment";
                /** @description `false`: answer 200, with the address as JSON */
                redirect?: "true" | "false";
                /** @description Seconds */
                expires_in?: number;
            };
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["OriginalResource"];
                };
            };
            /** @description Done. */
            302: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "infected" | "internal" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_scanned" | "not_uploaded" | "original_missing" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    list_parts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The parts that S3 has received. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["HeldParts"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "upload_expired";
                    };
                };
            };
        };
    };
    sign_parts: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["SignParts"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SignedParts"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "already_uploaded" | "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_multipart" | "part_out_of_range" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type" | "upload_expired";
                    };
                };
            };
        };
    };
    reprocess_file: {
        parameters: {
            query?: never;
            header?: {
                /** @description The record's `ETag`: the request is refused if it is another by now. `*` is any. */
                "If-Match"?: string;
                /** @description An `ETag` that the client has: the answer is 304 without a body while it is the same. */
                "If-None-Match"?: string;
            };
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["Reprocess"];
            };
        };
        responses: {
            /** @description The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedFile"];
                };
            };
            /** @description The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only. */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedFile"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "file_changing" | "file_processing" | "infected" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_uploaded" | "original_missing" | "payload_too_large" | "precondition_failed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    restore_file: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedFile"];
                };
            };
            /** @description The record after the change. A key without the scope `files:read` gets `id`, `status` and `revision` only. */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    ETag: components["headers"]["ETag"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ChangedFile"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "file_changing" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_deleted" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    list_shares: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ShareList"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    create_share: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateShare"];
            };
        };
        responses: {
            /** @description A new link. `url` is shown only in this answer: whoever has it sees the page. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["CreatedShare"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "infected" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "not_uploaded" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "too_many_shares" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    revoke_share: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                file_id: string;
                /** @description The link's `id` */
                share_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    create_grants: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateGrants"];
            };
        };
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["GrantList"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    get_health: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Health"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "timeout" | "too_many_requests";
                    };
                };
            };
        };
    };
    list_keys: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Keys, the oldest first. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyPage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_cursor" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    create_key: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateKey"];
            };
        };
        responses: {
            /** @description An API key with the secret that no other answer shows. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyWithSecretResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "exceeds_own_rights" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_keys" | "too_many_requests" | "unauthenticated" | "unavailable" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    get_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key's `id`: the part between `fm_` and the next `_` */
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description An API key, without its secret. An empty list of `networks` allows all. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    delete_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key's `id`: the part between `fm_` and the next `_` */
                key_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "exceeds_own_rights" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    patch_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key's `id`: the part between `fm_` and the next `_` */
                key_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchKey"];
            };
        };
        responses: {
            /** @description An API key, without its secret. An empty list of `networks` allows all. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "exceeds_own_rights" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    rotate_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The key's `id`: the part between `fm_` and the next `_` */
                key_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RotateKey"];
            };
        };
        responses: {
            /** @description An API key with the secret that no other answer shows. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyWithSecretResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "exceeds_own_rights" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "too_many_secrets" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    get_me: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The caller. An upload token has no scopes, and an operator no tenant. The `id` of a user is its owner, which is its `sub` unless the settings say otherwise. `owner` is the owner of the files that the caller creates or, with `files:own`, sees. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["MeResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    search_files: {
        parameters: {
            query: {
                /** @description At most 8 words of 2 or more characters */
                q: string;
                limit?: number;
                /** @description Only these fields of a record, and `id`; repeatable, or comma-separated */
                fields?: ("id" | "status" | "kind" | "filename" | "content_type" | "size" | "sha256" | "visibility" | "recipe" | "tags" | "metadata" | "focus" | "revision" | "created_at" | "updated_at" | "expires_at" | "error" | "image" | "source_url" | "renditions" | "delivery" | "video" | "audio" | "pdf" | "document" | "spreadsheet" | "presentation" | "text" | "archive" | "email" | "font" | "preview" | "poster" | "scan" | "warnings" | "captions" | "services" | "owner" | "expires_after" | "delete_at" | "legal_hold")[];
                /** @description `delivery` adds that block to each record; `details` adds what a list leaves out of it. Repeatable, or comma-separated */
                include?: ("delivery" | "details")[];
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description OK */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["FoundFiles"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    create_socket_ticket: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A new ticket. It opens one socket at `url`, within a minute. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["SocketTicketResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    get_stats: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Counts by status and by kind. Those without files are left out. Files not processed yet are `unknown`. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["StatsResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    list_tenants: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Tenants, by name. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantPage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_cursor" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    get_tenant: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The tenant's name */
                tenant: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A tenant and its settings; null, and a quota that is missing, mean the stage's own. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    put_tenant: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The tenant's name */
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PutTenant"];
            };
        };
        responses: {
            /** @description A tenant and its settings; null, and a quota that is missing, mean the stage's own. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantResource"];
                };
            };
            /** @description A tenant and its settings; null, and a quota that is missing, mean the stage's own. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    patch_tenant: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The tenant's name */
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchTenant"];
            };
        };
        responses: {
            /** @description A tenant and its settings; null, and a quota that is missing, mean the stage's own. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["TenantResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    create_tenant_key: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The tenant's name */
                tenant: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateKey"];
            };
        };
        responses: {
            /** @description An API key with the secret that no other answer shows. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["KeyWithSecretResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_keys" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    list_upload_tokens: {
        parameters: {
            query?: {
                limit?: number;
                /** @description The `next_cursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Upload tokens, the newest first. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadTokenPage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_cursor" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    create_upload_token: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateUploadToken"];
            };
        };
        responses: {
            /** @description A new upload token. `token` is shown only in this answer. */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UploadTokenResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    revoke_upload_token: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The token's `id` */
                token_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    get_usage: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Your tenant's usage. `files` and `bytes` are those that count: expired and deleted files do not. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["UsageResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    list_webhooks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All webhooks of the tenant, the oldest first. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookList"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable";
                    };
                };
            };
        };
    };
    create_webhook: {
        parameters: {
            query?: never;
            header?: {
                /** @description Sent again with the same body within 24 hours, the request gets the same answer. */
                "Idempotency-Key"?: string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["CreateWebhook"];
            };
        };
        responses: {
            /** @description A webhook with its newest secret, which no other answer shows. It signs what is sent (Standard Webhooks). */
            201: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    "Idempotency-Replayed": components["headers"]["Idempotency-Replayed"];
                    Location: components["headers"]["Location"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookWithSecretResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "idempotency_key_reused" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "too_many_webhooks" | "unauthenticated" | "unavailable" | "unsupported_media_type" | "url_refused";
                    };
                };
            };
        };
    };
    get_webhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The webhook's `id` */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description A webhook. Its secret is shown only when it is made. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    delete_webhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The webhook's `id` */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Done. */
            204: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    patch_webhook: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The webhook's `id` */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["PatchWebhook"];
            };
        };
        responses: {
            /** @description A webhook. Its secret is shown only when it is made. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type" | "url_refused";
                    };
                };
            };
        };
    };
    list_deliveries: {
        parameters: {
            query?: {
                /** @description Where a delivery is. Clients depend on these words: never rename one. */
                state?: "pending" | "delivered" | "failed" | "missed";
                limit?: number;
                /** @description The `next_cursor` of the page before */
                cursor?: string;
            };
            header?: never;
            path: {
                /** @description The webhook's `id` */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description Deliveries, the newest event first. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["DeliveryPage"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_cursor" | "invalid_field" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    get_delivery: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The webhook's `id` */
                webhook_id: string;
                /** @description The event's `id` */
                event_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One event for one webhook. `id` is the event's, which the receiver gets as `webhook-id`, too. `subject` is the file, or the webhook, that the event is about. `missed`: the webhook was disabled. */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDeliveryResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route";
                    };
                };
            };
        };
    };
    retry_delivery: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The webhook's `id` */
                webhook_id: string;
                /** @description The event's `id` */
                event_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One event for one webhook. `id` is the event's, which the receiver gets as `webhook-id`, too. `subject` is the file, or the webhook, that the event is about. `missed`: the webhook was disabled. */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDeliveryResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "webhook_disabled";
                    };
                };
            };
        };
    };
    replay_events: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The webhook's `id` */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ReplayEvents"];
            };
        };
        responses: {
            /** @description The events that will be sent again. `since` is not before the webhook was made. */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["ReplayResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type" | "webhook_disabled";
                    };
                };
            };
        };
    };
    rotate_webhook_secret: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The webhook's `id` */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RotateSecret"];
            };
        };
        responses: {
            /** @description A webhook with its newest secret, which no other answer shows. It signs what is sent (Standard Webhooks). */
            200: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookWithSecretResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "invalid_field" | "invalid_json" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "too_many_secrets" | "unauthenticated" | "unavailable" | "unknown_route" | "unsupported_media_type";
                    };
                };
            };
        };
    };
    send_test_event: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                /** @description The webhook's `id` */
                webhook_id: string;
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description One event for one webhook. `id` is the event's, which the receiver gets as `webhook-id`, too. `subject` is the file, or the webhook, that the event is about. `missed`: the webhook was disabled. */
            202: {
                headers: {
                    "X-Request-Id": components["headers"]["X-Request-Id"];
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["WebhookDeliveryResource"];
                };
            };
            /** @description A problem */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/problem+json": components["schemas"]["Problem"] & {
                        /** @enum {unknown} */
                        code?: "bad_request" | "internal" | "key_expired" | "missing_scope" | "network_not_allowed" | "not_found" | "payload_too_large" | "quota_exceeded" | "tenant_suspended" | "timeout" | "token_expired" | "too_many_requests" | "unauthenticated" | "unavailable" | "unknown_route" | "webhook_disabled";
                    };
                };
            };
        };
    };
    on_file_created: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event, the same with each try. Drop an event whose id you have seen. */
                "webhook-id": string;
                /** @description The time of this try, in seconds since 1970. Refuse a request that is older than five minutes. */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with the webhook's secret. While a secret is rotated there are several signatures, with a space between them: one of them must be right. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FileCreatedEvent"];
            };
        };
        responses: {
            /** @description Nobody wants these events any more: the webhook is disabled at once. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was received. Answer within 15 seconds, and do the work afterwards. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was not received, and is sent again after 5 s, 1 m, 5 m, 30 m, 2 h, 5 h, 10 h and 24 h. Redirects are not followed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    on_file_processing: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event, the same with each try. Drop an event whose id you have seen. */
                "webhook-id": string;
                /** @description The time of this try, in seconds since 1970. Refuse a request that is older than five minutes. */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with the webhook's secret. While a secret is rotated there are several signatures, with a space between them: one of them must be right. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FileProcessingEvent"];
            };
        };
        responses: {
            /** @description Nobody wants these events any more: the webhook is disabled at once. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was received. Answer within 15 seconds, and do the work afterwards. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was not received, and is sent again after 5 s, 1 m, 5 m, 30 m, 2 h, 5 h, 10 h and 24 h. Redirects are not followed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    on_file_ready: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event, the same with each try. Drop an event whose id you have seen. */
                "webhook-id": string;
                /** @description The time of this try, in seconds since 1970. Refuse a request that is older than five minutes. */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with the webhook's secret. While a secret is rotated there are several signatures, with a space between them: one of them must be right. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FileReadyEvent"];
            };
        };
        responses: {
            /** @description Nobody wants these events any more: the webhook is disabled at once. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was received. Answer within 15 seconds, and do the work afterwards. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was not received, and is sent again after 5 s, 1 m, 5 m, 30 m, 2 h, 5 h, 10 h and 24 h. Redirects are not followed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    on_file_failed: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event, the same with each try. Drop an event whose id you have seen. */
                "webhook-id": string;
                /** @description The time of this try, in seconds since 1970. Refuse a request that is older than five minutes. */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with the webhook's secret. While a secret is rotated there are several signatures, with a space between them: one of them must be right. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FileFailedEvent"];
            };
        };
        responses: {
            /** @description Nobody wants these events any more: the webhook is disabled at once. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was received. Answer within 15 seconds, and do the work afterwards. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was not received, and is sent again after 5 s, 1 m, 5 m, 30 m, 2 h, 5 h, 10 h and 24 h. Redirects are not followed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    on_file_expired: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event, the same with each try. Drop an event whose id you have seen. */
                "webhook-id": string;
                /** @description The time of this try, in seconds since 1970. Refuse a request that is older than five minutes. */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with the webhook's secret. While a secret is rotated there are several signatures, with a space between them: one of them must be right. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FileExpiredEvent"];
            };
        };
        responses: {
            /** @description Nobody wants these events any more: the webhook is disabled at once. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was received. Answer within 15 seconds, and do the work afterwards. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was not received, and is sent again after 5 s, 1 m, 5 m, 30 m, 2 h, 5 h, 10 h and 24 h. Redirects are not followed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    on_file_updated: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event, the same with each try. Drop an event whose id you have seen. */
                "webhook-id": string;
                /** @description The time of this try, in seconds since 1970. Refuse a request that is older than five minutes. */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with the webhook's secret. While a secret is rotated there are several signatures, with a space between them: one of them must be right. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FileUpdatedEvent"];
            };
        };
        responses: {
            /** @description Nobody wants these events any more: the webhook is disabled at once. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was received. Answer within 15 seconds, and do the work afterwards. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was not received, and is sent again after 5 s, 1 m, 5 m, 30 m, 2 h, 5 h, 10 h and 24 h. Redirects are not followed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    on_file_deleted: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event, the same with each try. Drop an event whose id you have seen. */
                "webhook-id": string;
                /** @description The time of this try, in seconds since 1970. Refuse a request that is older than five minutes. */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with the webhook's secret. While a secret is rotated there are several signatures, with a space between them: one of them must be right. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FileDeletedEvent"];
            };
        };
        responses: {
            /** @description Nobody wants these events any more: the webhook is disabled at once. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was received. Answer within 15 seconds, and do the work afterwards. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was not received, and is sent again after 5 s, 1 m, 5 m, 30 m, 2 h, 5 h, 10 h and 24 h. Redirects are not followed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    on_file_restored: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event, the same with each try. Drop an event whose id you have seen. */
                "webhook-id": string;
                /** @description The time of this try, in seconds since 1970. Refuse a request that is older than five minutes. */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with the webhook's secret. While a secret is rotated there are several signatures, with a space between them: one of them must be right. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["FileRestoredEvent"];
            };
        };
        responses: {
            /** @description Nobody wants these events any more: the webhook is disabled at once. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was received. Answer within 15 seconds, and do the work afterwards. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was not received, and is sent again after 5 s, 1 m, 5 m, 30 m, 2 h, 5 h, 10 h and 24 h. Redirects are not followed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    on_webhook_disabled: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event, the same with each try. Drop an event whose id you have seen. */
                "webhook-id": string;
                /** @description The time of this try, in seconds since 1970. Refuse a request that is older than five minutes. */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with the webhook's secret. While a secret is rotated there are several signatures, with a space between them: one of them must be right. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookDisabledEvent"];
            };
        };
        responses: {
            /** @description Nobody wants these events any more: the webhook is disabled at once. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was received. Answer within 15 seconds, and do the work afterwards. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was not received, and is sent again after 5 s, 1 m, 5 m, 30 m, 2 h, 5 h, 10 h and 24 h. Redirects are not followed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    on_webhook_test: {
        parameters: {
            query?: never;
            header: {
                /** @description The id of the event, the same with each try. Drop an event whose id you have seen. */
                "webhook-id": string;
                /** @description The time of this try, in seconds since 1970. Refuse a request that is older than five minutes. */
                "webhook-timestamp": string;
                /** @description `v1,` and the HMAC-SHA256 of `{webhook-id}.{webhook-timestamp}.{body}` in base64, made with the webhook's secret. While a secret is rotated there are several signatures, with a space between them: one of them must be right. */
                "webhook-signature": string;
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookTestEvent"];
            };
        };
        responses: {
            /** @description Nobody wants these events any more: the webhook is disabled at once. */
            410: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was received. Answer within 15 seconds, and do the work afterwards. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description The event was not received, and is sent again after 5 s, 1 m, 5 m, 30 m, 2 h, 5 h, 10 h and 24 h. Redirects are not followed. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
