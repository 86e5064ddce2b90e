"""The AWS emulator: MiniStack, with what `chalice deploy` needs and a laptop's safety added.

Run by the emulator's own interpreter (ops/local/requirements.txt), never by ours, and never importing chalicelib:

    .local/emulator/bin/python ops/local/emulator.py --port 4566 --state .local/state --origin http://localhost:8000

What is added, each because MiniStack 1.5.33 lacks it:

- `ImportRestApi` and `PutRestApi` read the swagger document (it makes an empty API); the MOCK integrations of
  Chalice's CORS preflights keep their templates; a PATCH of `minimumCompressionSize` to '' means "none".
- A REST API's answers are compressed from its `minimumCompressionSize` on, for who accepts gzip.
- Loopback counts as TLS, so that a policy's `aws:SecureTransport` says here what it says on AWS.
- An API is found by its id, which is unique, whatever account the caller's key is of (callers of an API have none).
- A form upload belongs to the account of the key that signed its policy, which stands in the form alone.
- A GET of one version of an object heeds `Range` and the `response-…` parameters, as one without version does.
- A Lambda's package is unpacked and compiled once, not for each process it runs in.
- A Lambda's process that ends while it starts ends alone. MiniStack would then end all the function's others in the
  midst of their work, whose callers would do the same to those that were started meanwhile, and so on.
- A queue's function runs in at most twice as many processes as there are processors (and at least in four), whatever
  its concurrency on AWS: 200 of them would stand in each other's way.
- A message that a function held when the emulator ended is visible when it starts again, not after the rest of its
  visibility timeout (90 minutes): the function ended, too.
- What of a table's stream no function has read is kept between runs. MiniStack keeps how far it was read alone, and
  would pass over what was not read, and after it over as many changes as there ever were.
- A Lambda's answer no longer waits 50 ms for a log line that doesn't come, nor a deployment 5 s for each function.
- `GET /_edge/origin` fetches from a distribution's S3 origin under its origin access control, in the distribution's
  account, and does nothing else that the data plane does: the front door (ops/local/edge) is the data plane. A
  missing object is 404 where CloudFront may list the bucket, as on S3.
- `GET /_edge/invalidations` tells the front door of a distribution's new invalidations.
- `POST /_edge/save` saves the state, which MiniStack does only when it ends.
- A guard on every request (guard.py).

It patches private functions, so `self_test` refuses any other version of MiniStack, and any changed signature.
"""

import argparse
import asyncio
import ctypes
import gzip
import hashlib
import importlib
import importlib.metadata
import inspect
import json
import os
import re
import signal
import sys
import tempfile
import threading
import time
import types
import zipfile
from pathlib import Path

import guard

SERVICES = "ministack.services."
RELIED_ON = {
    "ministack.app:app": "(scope, receive, send)",
    "ministack.app:main": "()",
    "ministack.app:pin_request_origin": "(source_ip: str, secure_transport: bool) -> None",
    "ministack.app:_request_account_scope": "(access_key_id: str) -> str",
    "ministack.app:save_all": "(services: dict) -> None",
    "ministack.app:_build_persistence_save_dict": "()",
    "ministack.app:_send_if_handled": "(send, response, receive=None, *, head=False) -> bool",
    "ministack.core.concurrency:run_offloop": "(fn, *args, **kwargs)",
    "ministack.core.lambda_runtime:Worker._spawn": "(self)",
    "ministack.core.lambda_runtime:Worker.invoke": (
        "(self, event, request_id: str, *, trace_id: str | None = None, depth=None, durable: dict | None = None, "
        "invoked_function_arn: str | None = None) -> dict"
    ),
    "ministack.core.lambda_runtime:kill_workers": "(workers) -> None",
    "ministack.core.lambda_runtime:Worker._drain_stderr_bounded": (
        "(self, first_line_wait: float = 0.05, idle_confirm: float = 0.005, hard_cap: float = 0.25) -> str"
    ),
    SERVICES + "apigateway:find_api_scope": "(api_id)",
    SERVICES + "apigateway_v1:find_api_scope": "(api_id)",
    SERVICES + "apigateway_v1:handle_request": "(method, path, headers, body, query_params)",
    SERVICES + "apigateway_v1:_import_rest_api": "(spec, base_data=None)",
    SERVICES + "apigateway_v1:_import_path_item": ("(api_id, path, path_item, scheme_map=None, default_security=None)"),
    SERVICES + "apigateway_v1:_import_operation": (
        "(api_id, resource_id, http_method, operation, scheme_map=None, default_security=None)"
    ),
    SERVICES + "apigateway_v1:_import_security_schemes": "(api_id, spec)",
    SERVICES + "apigateway_v1:_put_method_response": "(api_id, resource_id, http_method, status_code, data)",
    SERVICES + "apigateway_v1:_put_integration_response": "(api_id, resource_id, http_method, status_code, data)",
    SERVICES + "apigateway_v1:_get_rest_api": "(api_id)",
    SERVICES + "apigateway_v1:_execute_in_scope": (
        "(request, api_id, stage_name, method, path, headers, body, query_params, owner_account_id, owner_region)"
    ),
    SERVICES + "lambda_svc:_sqs_esm_concurrency": (
        "(esm: dict, func_rec: dict, config: dict, queue: dict | None = None) -> int"
    ),
    SERVICES + "lambda_svc:_schedule_state_transition": "(func_name: str, delay: float) -> None",
    SERVICES + "dynamodb:get_state": "()",
    SERVICES + "dynamodb:load_persisted_state": "(data)",
    SERVICES + "dynamodb:stream_start_position": "(table_name: str, *, account_id=None, region=None) -> int",
    SERVICES + "dynamodb:_next_stream_seq": "()",
    SERVICES + "sqs:load_persisted_state": "(data)",
    SERVICES + "s3:handle_request": (
        "(method: str, path: str, headers: dict, body: bytes, query_params: dict, signed_path: str | None = None, "
        "enforce_bucket_region: bool = True, internal: bool = False, access_point_region: str | None = None, "
        "access_point: dict | None = None) -> tuple"
    ),
    SERVICES + "s3:_get_object": "(bucket_name: str, key: str, headers: dict, query_params: dict = None)",
    SERVICES + "s3:_parse_range": "(range_header: str, total: int)",
    SERVICES + "s3:_apply_response_overrides": "(resp_headers: dict, query_params: dict) -> None",
    SERVICES + "s3:_ensure_bucket": "(name: str)",
    SERVICES + "s3:_bucket_owner_account": "(name: str) -> str | None",
    SERVICES + "s3:cors_preflight": "(bucket_name: str, key: str, headers: dict) -> tuple",
    SERVICES + "cloudfront:parse_distribution_dataplane_config": "(dist: dict) -> dict",
    SERVICES + "cloudfront:_s3_object_key": "(origin: dict, uri: str) -> str",
    SERVICES + "cloudfront:_serve_s3_origin": (
        "(origin: dict, method: str, uri: str, headers: dict, dist_arn: str = '') -> tuple"
    ),
}


def pinned_version() -> str:
    requirements = Path(__file__).with_name("requirements.txt").read_text()
    return re.search(r"^ministack==(\S+)", requirements, re.MULTILINE)[1]


def self_test() -> str | None:
    """What differs from the MiniStack this was written for, as one sentence, or None."""
    pinned = pinned_version()
    installed = importlib.metadata.version("ministack")
    if installed != pinned:
        return f"ministack {installed} is installed, but ops/local/emulator.py was written for {pinned}"
    for name, expected in RELIED_ON.items():
        module, _, path = name.partition(":")
        try:
            found = importlib.import_module(module)
            for part in path.split("."):
                found = getattr(found, part)
            signature = str(inspect.signature(found))
        except (ImportError, AttributeError):
            return f"ministack {installed} has no {name} any more (pinned {pinned})"
        if signature != expected:
            return f"ministack {installed} changed {name} from {expected} to {signature} (pinned {pinned})"
    return None


def import_rest_apis() -> None:
    """Make ImportRestApi and PutRestApi read the document."""
    from ministack.services import apigateway_v1 as v1

    import_operation, handle_request = v1._import_operation, v1.handle_request

    def import_whole_operation(
        api_id, resource_id, http_method, operation, scheme_map=None, default_security=None
    ) -> None:
        import_operation(api_id, resource_id, http_method, operation, scheme_map, default_security)
        operation = operation or {}
        integration = operation.get("x-amazon-apigateway-integration") or {}
        method = v1._resources[api_id][resource_id]["resourceMethods"][http_method]
        if stored := method.get("methodIntegration"):
            stored["requestTemplates"] = integration.get("requestTemplates", {})
            stored["passthroughBehavior"] = integration.get("passthroughBehavior", "when_no_match").upper()
            if "contentHandling" in integration:
                stored["contentHandling"] = integration["contentHandling"]
        for status, response in (operation.get("responses") or {}).items():
            parameters = {f"method.response.header.{name}": False for name in response.get("headers", {})}
            v1._put_method_response(api_id, resource_id, http_method, status, {"responseParameters": parameters})
        for selector, response in (integration.get("responses") or {}).items():
            v1._put_integration_response(
                api_id,
                resource_id,
                http_method,
                response.get("statusCode", "200"),
                {
                    "selectionPattern": "" if selector == "default" else selector,
                    "responseParameters": response.get("responseParameters", {}),
                    "responseTemplates": response.get("responseTemplates", {}),
                },
            )

    def of_document(spec):
        return {
            "binaryMediaTypes": spec.get("x-amazon-apigateway-binary-media-types", []),
            "policy": spec.get("x-amazon-apigateway-policy"),
        }

    def create(spec, query):
        types = _first(query, "endpointConfigurationTypes") or "EDGE"
        base = {**of_document(spec), "endpointConfiguration": {"types": [types]}}
        api_id = v1._import_rest_api(spec, base)
        return (201, *v1._get_rest_api(api_id)[1:])

    def overwrite(api_id, spec):
        if api_id not in v1._rest_apis:
            return v1._get_rest_api(api_id)
        root = next(r for r in v1._resources[api_id].values() if r["path"] == "/")
        root["resourceMethods"] = {}
        v1._resources[api_id] = {root["id"]: root}
        v1._authorizers_v1[api_id] = {}
        v1._rest_apis[api_id].update(of_document(spec))
        schemes = v1._import_security_schemes(api_id, spec)
        for path, item in (spec.get("paths") or {}).items():
            v1._import_path_item(api_id, path, item, schemes, spec.get("security"))
        return v1._get_rest_api(api_id)

    def without_empty_compression(body):
        patch = json.loads(body or b"{}")
        patch["patchOperations"] = [
            o
            for o in patch.get("patchOperations", [])
            if not (o.get("path") == "/minimumCompressionSize" and o.get("value") in ("", None))
        ]
        return json.dumps(patch).encode()

    async def handle_rest_api_request(method, path, headers, body, query_params):
        parts = [part for part in path.split("/") if part]
        if parts[:1] == ["restapis"]:
            if method == "POST" and len(parts) == 1 and _first(query_params, "mode") == "import":
                return create(json.loads(body), query_params)
            if method == "PUT" and len(parts) == 2:
                return overwrite(parts[1], json.loads(body))
            if method == "PATCH" and len(parts) == 2:
                body = without_empty_compression(body)
        return await handle_request(method, path, headers, body, query_params)

    v1._import_operation = import_whole_operation
    v1.handle_request = handle_rest_api_request


def compress_answers() -> None:
    """Compress as API Gateway does.

    https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-gzip-compression-decompression.html
    """
    from ministack.services import apigateway_v1 as v1

    execute = v1._execute_in_scope

    async def execute_and_compress(request, api_id, stage_name, method, path, headers, *rest):
        response = await execute(request, api_id, stage_name, method, path, headers, *rest)
        least = (v1._rest_apis.get(api_id) or {}).get("minimumCompressionSize")
        if least is None or not isinstance(response, tuple) or "gzip" not in _header(headers, "accept-encoding"):
            return response
        status, answered, body, *more = response
        if not isinstance(body, bytes) or len(body) < int(least) or _header(answered, "content-encoding"):
            return response
        plain = {name: value for name, value in answered.items() if name.lower() != "content-length"}
        return (status, {**plain, "Content-Encoding": "gzip"}, gzip.compress(body, 6), *more)

    v1._execute_in_scope = execute_and_compress


def _header(headers: dict, name: str) -> str:
    return str(next((value for key, value in (headers or {}).items() if key.lower() == name), "")).lower()


def _first(query: dict, name: str) -> str | None:
    value = query.get(name)
    return value[0] if isinstance(value, list) else value


def find_apis_anywhere() -> None:
    """Find an API of any account: it finds those of the default account only, for lack of a key in the request."""
    from ministack.services import apigateway, apigateway_v1

    def finder(apis):
        def find_api_scope(api_id):
            return next(((account, region) for (account, region, id_), _ in apis.all_items() if id_ == api_id), None)

        return find_api_scope

    apigateway.find_api_scope = finder(apigateway._apis)
    apigateway_v1.find_api_scope = finder(apigateway_v1._rest_apis)


FORM_CREDENTIAL = re.compile(rb'name="x-amz-credential"\r\n(?:[^\r\n]+\r\n)*\r\n([^/\r\n]+)/', re.IGNORECASE)
FORM_FIELDS = 64 * 1024  # bytes of a form in which its fields stand; S3 takes 20 KB of them before the file


def find_uploads_account() -> None:
    """Take a form upload in the account of its policy's signer, as header and query signatures are."""
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


def answer_at_once() -> None:
    """Wait 4 ms, not 50, for the first log line of a warm Lambda (17 requests a second become 95).

    And have a function ready before a waiter's first look, after which it would wait 5 s.
    """
    from ministack.core import lambda_runtime
    from ministack.services import lambda_svc

    lambda_svc._LAMBDA_STATE_TRANSITION_DELAY = 0
    lambda_runtime.Worker._drain_stderr_bounded.__defaults__ = (0.004, 0.003, 0.25)


def fail_alone() -> None:
    """Have a worker that can't be started, or whose pipe breaks, be an error of its invocation alone."""
    from ministack.core import lambda_runtime

    invoke = lambda_runtime.Worker.invoke

    def invoke_or_fail(self, event, request_id, **options):
        try:
            return invoke(self, event, request_id, **options)
        except Exception as error:
            lambda_runtime.kill_workers([self])  # the pool keeps it, and it starts anew when it is next called
            return {"status": "error", "error": str(error), "cold_start": True, "log": self._drain_stderr()}

    lambda_runtime.Worker.invoke = invoke_or_fail


def bound_concurrency() -> None:
    """Run no more of a queue's batches at once than this machine can."""
    from ministack.services import lambda_svc

    concurrency, most = lambda_svc._sqs_esm_concurrency, max(4, 2 * (os.cpu_count() or 1))
    lambda_svc._sqs_esm_concurrency = lambda *args: min(most, concurrency(*args))


def give_back_messages() -> None:
    """Have messages that were in flight when the state was saved be visible again: nobody holds them any more."""
    from ministack.services import sqs

    load = sqs.load_persisted_state

    def load_and_give_back(data):
        load(data)
        for _, queue in sqs._queues.all_items():
            for message in queue["messages"]:
                if message.get("receive_count"):
                    message["visible_at"] = 0

    sqs.load_persisted_state = load_and_give_back


def keep_streams() -> None:
    """Save the tail of each table's stream, from the first record that some function has not read."""
    from ministack.services import dynamodb, lambda_svc

    save, load = dynamodb.get_state, dynamodb.load_persisted_state

    def read_up_to(account, region, table):
        positions = lambda_svc._dynamodb_stream_positions
        for (_, _, mapping), esm in lambda_svc._esms.all_items():
            if f":{region}:{account}:table/{table}/stream/" in esm.get("EventSourceArn", ""):
                yield positions.get_scoped(account, region, mapping, 0)

    def tails():
        for (account, region, table), records in dynamodb._stream_records.all_items():
            begin = dynamodb.stream_start_position(table, account_id=account, region=region)
            at = max(begin, min([begin + len(records), *read_up_to(account, region, table)]))
            yield [account, region, table, at, records[at - begin :]]

    def save_with_streams():
        return {**save(), "streams": list(tails()), "stream_sequence": dynamodb._stream_seq_counter}

    def load_with_streams(data):
        load(data)
        dynamodb._stream_seq_counter = (data or {}).get("stream_sequence", 0)
        for account, region, table, at, records in (data or {}).get("streams", []):
            dynamodb._stream_records.set_scoped(account, region, table, records)
            dynamodb._stream_trimmed.set_scoped(account, region, table, at)

    dynamodb.get_state, dynamodb.load_persisted_state = save_with_streams, load_with_streams


def unpack_once() -> None:
    """Unpack each zip into one folder that all workers link to: a cold start falls from several seconds to one.

    As on AWS, what is in /var/task and /opt is not the function's to change; nothing here stops it.
    """
    from ministack.core import lambda_runtime

    shared = Path(tempfile.gettempdir()) / "packages"
    shared.mkdir(exist_ok=True)
    one_at_a_time = threading.Lock()

    class SharedZip(zipfile.ZipFile):
        def extractall(self, path=None, members=None, pwd=None):
            package = shared / hashlib.sha256(Path(self.filename).read_bytes()).hexdigest()
            with one_at_a_time:
                if not package.exists():
                    unfinished = package.with_suffix(".part")
                    super().extractall(unfinished)
                    unfinished.rename(package)
            Path(path).rmdir()
            Path(path).symlink_to(package, target_is_directory=True)

    lambda_runtime.zipfile = types.SimpleNamespace(**{**vars(zipfile), "ZipFile": SharedZip})


def trust_loopback() -> None:
    """Have `aws:SecureTransport` be true: no request crosses a network."""
    from ministack import app

    pin_request_origin = app.pin_request_origin
    app.pin_request_origin = lambda source_ip, secure_transport: pin_request_origin(source_ip, True)


async def fetch_from_origin(scope, headers, receive, send) -> None:
    """One object of a distribution's S3 origin, as CloudFront's service principal would get it.

    `x-edge-distribution` is the distribution's ARN, `x-edge-origin` the origin's id, `x-edge-uri` the request path as
    CloudFront would send it, still percent-encoded.
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
    """Whether the bucket's policy lets CloudFront, for this distribution, list it."""
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
    """As JSON: how many invalidations a distribution has had, and the paths of those after the first `x-edge-seen`.

    Waits for a new one, 10 s at most, or until the caller leaves.
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


async def save_state(send) -> None:
    from ministack import app

    app.save_all(app._build_persistence_save_dict())
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


def read_versions_as_objects() -> None:
    """Make a GET with `versionId` answer a part where one is asked for, and say of it what the query says."""
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


def guarded(app, origins: frozenset[str]):
    """The ASGI app behind guard.py."""

    async def checked(scope, receive, send):
        if scope["type"] not in ("http", "websocket"):
            await app(scope, receive, send)
            return
        headers = {k.decode("latin-1").lower(): v.decode("latin-1") for k, v in scope["headers"]}
        query = scope.get("query_string", b"").decode("latin-1")
        reason = guard.refusal(scope.get("method", "GET"), scope["path"], query, headers, origins)
        if reason and scope["type"] == "websocket":
            await receive()
            await send({"type": "websocket.close", "code": 1008})
        elif reason:
            await send({"type": "http.response.start", "status": 403, "headers": [(b"content-type", b"text/plain")]})
            await send({"type": "http.response.body", "body": f"{reason}\n".encode()})
        elif scope["type"] == "http" and scope["path"] == "/_edge/origin":
            await fetch_from_origin(scope, headers, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/_edge/invalidations":
            await tell_invalidations(headers, receive, send)
        elif scope["type"] == "http" and scope["path"] == "/_edge/save" and scope["method"] == "POST":
            await save_state(send)
        else:
            await app(scope, receive, send)

    return checked


def end_with_parent(parent: int) -> None:
    """Have the kernel send SIGTERM when the process that started us dies, so that state is saved even then."""
    pr_set_pdeathsig = 1
    ctypes.CDLL(None).prctl(pr_set_pdeathsig, signal.SIGTERM)
    if os.getppid() != parent:
        sys.exit("The process that started the emulator is gone.")


def end_children() -> None:
    """SIGTERM to the Lambdas we started: our process group, when it is ours."""
    if os.getpgid(0) == os.getpid():
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        os.killpg(0, signal.SIGTERM)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--port", type=int, default=4566)
    parser.add_argument("--state", type=Path, required=True, help="folder that keeps everything between runs")
    parser.add_argument("--origin", action="append", default=[], help="a page's origin that may use S3 (repeatable)")
    parser.add_argument("--parent", type=int, help="end when this process, our parent, ends")
    args = parser.parse_args()
    if args.parent:
        end_with_parent(args.parent)
    # MiniStack reads its settings when imported, so they are set first.
    os.environ.update(
        AUTH="true",
        BIND_HOST="127.0.0.1",
        GATEWAY_PORT=str(args.port),
        MINISTACK_HOST="127.0.0.1",
        SFTP_ENABLED="0",
        IOT_MTLS_ENABLED="0",
        DOCKER_HOST="unix:///nonexistent",
        PERSIST_STATE="1",
        S3_PERSIST="1",
        STATE_DIR=str(args.state / "services"),
        S3_DATA_DIR=str(args.state / "s3"),
    )
    if difference := self_test():
        sys.exit(f"{difference}: take the pinned one again (ops/setup.sh), or adapt ops/local/emulator.py.")
    from ministack import app as ministack_app

    import_rest_apis()
    compress_answers()
    find_apis_anywhere()
    find_uploads_account()
    read_versions_as_objects()
    answer_at_once()
    fail_alone()
    bound_concurrency()
    give_back_messages()
    keep_streams()
    unpack_once()
    trust_loopback()
    ministack_app.app = guarded(ministack_app.app, frozenset(args.origin))
    sys.argv = sys.argv[:1]
    try:
        ministack_app.main()
    finally:
        end_children()


if __name__ == "__main__":
    main()
