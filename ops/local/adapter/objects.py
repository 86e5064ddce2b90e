"""S3: forms and versions.

- A form upload belongs to the account of the key that signed its policy; only the form itself names that key.
- A GET of one version of an object obeys `Range` and the `response-…` parameters, like a GET without a version.
"""

import re

RELIED_ON = {
    "ministack.app:_request_account_scope": "(access_key_id: str) -> str",
    "ministack.services.s3:handle_request": (
        "(method: str, path: str, headers: dict, body: bytes, query_params: dict, signed_path: str | "
        "None = None, enforce_bucket_region: bool = True, internal: bool = False, access_point_region: "
        "str | None = None, access_point: dict | None = None) -> tuple"
    ),
    "ministack.services.s3:_get_object": "(bucket_name: str, key: str, headers: dict, query_params: dict = None)",
    "ministack.services.s3:_parse_range": "(range_header: str, total: int)",
    "ministack.services.s3:_apply_response_overrides": "(resp_headers: dict, query_params: dict) -> None",
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""


def apply() -> None:
    find_uploads_account()
    read_versions_as_objects()


FORM_CREDENTIAL = re.compile(rb'name="x-amz-credential"\r\n(?:[^\r\n]+\r\n)*\r\n([^/\r\n]+)/', re.IGNORECASE)


FORM_FIELDS = 64 * 1024  # bytes at the start of a form that hold its fields; S3 accepts 20 KB of them before the file


def find_uploads_account() -> None:
    """Handles a form upload in the account of its policy's signer, like requests with other signatures."""
    from ministack import app
    from ministack.core.responses import set_request_account_id
    from ministack.services import s3

    handle_request = s3.handle_request

    async def handle_upload(method, path, headers, body, query_params, *rest, **options):
        is_form = method == "POST" and headers.get("content-type", "").startswith("multipart/form-data")
        if is_form and (signer := FORM_CREDENTIAL.search(body, 0, FORM_FIELDS)):
            set_request_account_id(app._request_account_scope(signer[1].decode("latin-1")))
        return await handle_request(method, path, headers, body, query_params, *rest, **options)

    s3.handle_request = handle_upload


def read_versions_as_objects() -> None:
    """Makes a GET with `versionId` answer with a range if one is asked for, and with the headers of the query."""
    from ministack.services import s3

    get_object = s3._get_object

    def get_version(bucket_name, key, headers, query_params=None) -> tuple:
        status, answered, body = get_object(bucket_name, key, headers, query_params)
        if status != 200 or not s3._qp(query_params or {}, "versionId"):
            return status, answered, body
        size, asked = len(body), headers.get("range", "")
        if asked and (found := s3._parse_range(asked, size)) is None:
            refused = {"Content-Type": "application/xml", "Content-Range": f"bytes */{size}"}
            return 416, refused, s3._xml_body(s3._range_error_xml(bucket_name, key))
        if asked:
            start, end = found
            status, body = 206, body[start : end + 1]
            answered |= {"Content-Length": str(len(body)), "Content-Range": f"bytes {start}-{end}/{size}"}
        s3._apply_response_overrides(answered, query_params)
        return status, answered, body

    s3._get_object = get_version
