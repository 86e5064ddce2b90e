"""Takes work out of botocore's clients that no call of ours needs. A photo makes a dozen calls, and each costs CPU.

All of it is done to one client, never to botocore itself, and a client that it is not done to gives the same answers
(tests/test_lean.py). bench/results/pace.md says what each step saves.
"""

from __future__ import annotations

from typing import Any

from botocore import handlers

USER_AGENT = "filemill"
"""Given to a client's configuration. botocore puts its own together anew for each request."""

# Handlers of S3's events that have nothing to do for our requests.
_IDLE = (
    # A body of bytes would become a file, of which 16 KB are sent at a time; and for a file botocore asks S3 first if
    # it may send it (Expect: 100-continue), and waits for the answer. Our bodies are in memory, and most are small.
    ("before-parameter-build.s3.PutObject", handlers.convert_body_to_file_like_object),
    ("before-parameter-build.s3.UploadPart", handlers.convert_body_to_file_like_object),
    ("before-call.s3", handlers.add_expect_header),
)


def lean(client: Any) -> Any:
    """The same client, with less work for each call."""
    if client.meta.service_model.service_name == "s3":
        for event, handler in _IDLE:
            client.meta.events.unregister(event, handler)
    _remember_endpoints(client)
    return client


def _remember_endpoints(client: Any) -> None:
    """Has an operation's endpoint worked out once for each bucket, and not for each request.

    botocore goes through the rules of the service's endpoints each time. Of our parameters only the bucket counts.
    """
    resolver = client._ruleset_resolver
    if resolver is None:
        return
    resolve, known = resolver.construct_endpoint, {}

    def construct_endpoint(operation_model: Any, call_args: Any, request_context: Any) -> Any:
        key = (operation_model.name, call_args.get("Bucket"), request_context.get("use_global_endpoint"))
        if key not in known:
            known[key] = resolve(
                operation_model=operation_model, call_args=call_args, request_context=request_context
            )
        return known[key]

    resolver.construct_endpoint = construct_endpoint
