"""CloudFront: two addresses for the local front door (ops/local/edge), which does the rest of CloudFront's work.

- `GET /_edge/origin` fetches an object from a distribution's S3 origin under its origin access control, in the
  distribution's account. As on S3, a missing object is 404 if CloudFront may list the bucket.
- `GET /_edge/invalidations` returns a distribution's new invalidations.
"""

import asyncio
import json
import time

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
}
"""Private names of MiniStack that are used here, with the signatures that they must have."""


async def fetch_from_origin(scope, headers, receive, send) -> None:
    """Fetches one object of a distribution's S3 origin, with the rights of CloudFront's service principal.

    The header `x-edge-distribution` is the distribution's ARN, `x-edge-origin` the origin's id, and `x-edge-uri` the
    path that CloudFront would request, still percent-encoded.
    """
    from ministack import app
    from ministack.core.concurrency import run_offloop
    from ministack.core.responses import set_request_account_id
    from ministack.services import cloudfront, s3

    app.pin_request_origin("127.0.0.1", True)
    arn = headers.get("x-edge-distribution", "")
    fields = arn.split(":")
    set_request_account_id(fields[4] if len(fields) > 4 else "")
    distribution = cloudfront._distributions.get(arn.rpartition("/")[2])
    parsed = cloudfront.parse_distribution_dataplane_config(distribution) if distribution else {"origins": {}}
    origin = parsed["origins"].get(headers.get("x-edge-origin", ""))
    if not origin or not origin.get("s3_bucket") or scope["method"] not in ("GET", "HEAD", "OPTIONS"):
        response = 502, {"Content-Type": "text/plain"}, b"No such S3 origin."
    elif scope["method"] == "OPTIONS":
        preflight = {**headers, "origin": headers.get("x-edge-viewer-origin")}
        response = s3.cors_preflight(origin["s3_bucket"], headers.get("x-edge-uri", "/"), preflight)
    else:
        uri = headers.get("x-edge-uri", "/")
        response = await run_offloop(cloudfront._serve_s3_origin, origin, scope["method"], uri, headers, arn)
        if response[0] == 403 and not has_object(origin, uri) and may_list(origin, arn):
            body = b"<Error><Code>NoSuchKey</Code><Message>The specified key does not exist.</Message></Error>"
            response = 404, {"Content-Type": "application/xml"}, body
    await app._send_if_handled(send, response, receive, head=scope["method"] == "HEAD")


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
