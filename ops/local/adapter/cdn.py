"""CloudFront: two addresses for the local front door (ops/local/edge), which does the rest of CloudFront's work.

- `GET /_edge/origin` fetches from a distribution's origin under its origin access control, in the distribution's
  account: an object of S3, or the answer of a function URL. A missing object of S3 is 404 if CloudFront may list the
  bucket, as on AWS. MiniStack's own CloudFront calls a function URL without a signature, and so gets 403.
- `GET /_edge/invalidations` returns a distribution's new invalidations.
"""

import asyncio
import json
import time
from urllib.parse import parse_qs

RELIED_ON = {
    "ministack.app:_send_if_handled": "(send, response, receive=None, *, head=False) -> bool",
    "ministack.core.concurrency:run_offloop": "(fn, *args, **kwargs)",
    "ministack.services.s3:_ensure_bucket": "(name: str)",
    "ministack.services.s3:_bucket_owner_account": "(name: str) -> str | None",
    "ministack.services.s3:cors_preflight": "(bucket_name: str, key: str, headers: dict) -> tuple",
    "ministack.services.cloudfront:parse_distribution_dataplane_config": "(dist: dict) -> dict",
    "ministack.services.cloudfront:_s3_object_key": "(origin: dict, uri: str) -> str",
    "ministack.services.cloudfront:_serve_s3_origin": (
        "(origin: dict, method: str, uri: str, headers: dict, dist_arn: str = '') -> tuple"
    ),
    "ministack.services.lambda_svc:resolve_function_url": (
        "(url_id: str) -> tuple[str, str, str, str | None, dict] | None"
    ),
    "ministack.services.lambda_svc:_get_func_record_for_ref_in_scope": (
        "(function_ref: str, *, account_id: str | None = None, region: str | None = None) -> tuple[dict | None, dict | "
        "None, str]"
    ),
    "ministack.services.lambda_svc:handle_function_url_request": (
        "(url_id: str, method: str, path: str, headers: dict, body: bytes, query_params: dict, resolved: tuple | None "
        "= None, source_ip: str | None = None) -> tuple"
    ),
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""


async def fetch_from_origin(scope, headers, receive, send) -> None:
    """Fetches from one of a distribution's origins, with the rights of CloudFront's service principal.

    The header `x-edge-distribution` is the distribution's ARN, `x-edge-origin` the origin's id, `x-edge-uri` the path
    that CloudFront would request, still percent-encoded, and `x-edge-query` its query string.
    """
    from ministack import app
    from ministack.core.responses import set_request_account_id
    from ministack.services import cloudfront

    app.pin_request_origin("127.0.0.1", True)
    arn = headers.get("x-edge-distribution", "")
    fields = arn.split(":")
    set_request_account_id(fields[4] if len(fields) > 4 else "")
    distribution = cloudfront._distributions.get(arn.rpartition("/")[2])
    parsed = cloudfront.parse_distribution_dataplane_config(distribution) if distribution else {"origins": {}}
    origin = parsed["origins"].get(headers.get("x-edge-origin", ""))
    if not origin or scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        origin = None
    if origin and not origin.get("s3_bucket") and ".lambda-url." in origin["domain_name"]:
        # The server leaves the body out of an answer to HEAD. Its length stays, as at a function URL.
        await app._send_if_handled(send, await from_function_url(origin, scope["method"], headers, arn), receive)
        return
    response = await from_s3(origin, scope["method"], headers, arn)
    await app._send_if_handled(send, response, receive, head=scope["method"] == "HEAD")


async def from_s3(origin: dict | None, method: str, headers: dict, arn: str) -> tuple:
    from ministack.core.concurrency import run_offloop
    from ministack.services import cloudfront, s3

    if not origin or not origin.get("s3_bucket"):
        return 502, {"Content-Type": "text/plain"}, b"No such origin."
    uri = headers.get("x-edge-uri", "/")
    if method == "OPTIONS":
        preflight = {**headers, "origin": headers.get("x-edge-viewer-origin")}
        return s3.cors_preflight(origin["s3_bucket"], uri, preflight)
    response = await run_offloop(cloudfront._serve_s3_origin, origin, method, uri, headers, arn)
    if response[0] == 403 and not has_object(origin, uri) and may_list(origin, arn):
        body = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
        return 404, {"Content-Type": "application/xml"}, body
    return response


async def from_function_url(origin: dict, method: str, headers: dict, arn: str) -> tuple:
    """The answer of a function URL, if the function's policy lets CloudFront ask it for this distribution."""
    from ministack.services import lambda_svc

    url_id = origin["domain_name"].partition(".")[0]
    resolved = lambda_svc.resolve_function_url(url_id)
    if not resolved or not may_invoke(origin, resolved, arn):
        body = json.dumps({"Message": "Forbidden"}).encode()
        return 403, {"Content-Type": "application/json", "x-amzn-ErrorType": "AccessDeniedException"}, body
    asked = {name: value for name, value in headers.items() if not name.startswith("x-edge-")}
    asked["authorization"] = "AWS4-HMAC-SHA256 Credential=cloudfront.amazonaws.com"  # of the origin access control
    query = parse_qs(headers.get("x-edge-query", ""), keep_blank_values=True)
    uri = headers.get("x-edge-uri", "/")
    return await lambda_svc.handle_function_url_request(url_id, method, uri, asked, b"", query, resolved=resolved)


def may_invoke(origin: dict, resolved: tuple, arn: str) -> bool:
    """True if the origin has an access control, and the function's policy both permissions that its URL needs.

    https://docs.aws.amazon.com/lambda/latest/dg/urls-auth.html
    """
    from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
    from ministack.services import lambda_svc

    account, region, name, _, config = resolved
    function = f"arn:aws:lambda:{region}:{account}:function:{name}"
    found, _, _ = lambda_svc._get_func_record_for_ref_in_scope(name, account_id=account, region=region)
    if not found or not origin.get("oac_id"):
        return False

    def allowed(action: str, **context: str) -> bool:
        asked = EvalContext(
            principal_arn="*",
            principal_type="Service",
            principal_account="",
            action=action,
            resource_arn=function,
            region=region,
            service_context={"aws:sourcearn": arn} | context,
        )
        return evaluate_resource_policy(found["policy"], asked, "cloudfront.amazonaws.com").decision == "Allow"

    auth = {"lambda:functionurlauthtype": config.get("AuthType", "")}
    return allowed("lambda:InvokeFunctionUrl", **auth) and allowed("lambda:InvokeFunction")


def has_object(origin: dict, uri: str) -> bool:
    from ministack.services import cloudfront, s3

    bucket = s3._ensure_bucket(origin["s3_bucket"])
    return bucket is None or cloudfront._s3_object_key(origin, uri) in bucket["objects"]


def may_list(origin: dict, arn: str) -> bool:
    """True if the bucket's policy allows CloudFront to list it for this distribution."""
    from ministack.core.iam_evaluator import EvalContext, evaluate_resource_policy
    from ministack.core.responses import get_region
    from ministack.services import s3

    name = origin["s3_bucket"]
    policy = s3._bucket_policies.get_scoped(s3._bucket_owner_account(name), None, name)
    context = EvalContext(
        principal_arn="*",
        principal_type="Service",
        principal_account="",
        action="s3:ListBucket",
        resource_arn=f"arn:aws:s3:::{name}",
        region=get_region(),
        service_context={"aws:sourcearn": arn},
    )
    service = "cloudfront.amazonaws.com"
    return bool(origin.get("oac_id")) and evaluate_resource_policy(policy, context, service).decision == "Allow"


async def tell_invalidations(headers, receive, send) -> None:
    """Answers with JSON: the number of a distribution's invalidations, and the paths of those after `x-edge-seen`.

    Waits for a new invalidation, for at most 10 s, or until the caller leaves.
    """
    from ministack.core.responses import set_request_account_id
    from ministack.services import cloudfront

    arn, seen = headers.get("x-edge-distribution", ""), headers.get("x-edge-seen", "")
    fields = arn.split(":")
    set_request_account_id(fields[4] if len(fields) > 4 else "")

    def known() -> list:
        return cloudfront._invalidations.get(arn.rpartition("/")[2]) or []

    await receive()
    left = asyncio.ensure_future(receive())
    until = time.monotonic() + 10
    while seen.isdecimal() and len(known()) == int(seen) and time.monotonic() < until and not left.done():
        await asyncio.wait([left], timeout=0.05)
    left.cancel()
    after = known()[int(seen) :] if seen.isdecimal() else []
    paths = [path for each in after for path in each["InvalidationBatch"]["Paths"]["Items"]]
    body = json.dumps({"count": len(known()), "paths": paths}).encode()
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"application/json")]})
    await send({"type": "http.response.body", "body": body})
