"""Makes botocore's own work for a call of DynamoDB short. It was more than half of the API function's CPU.

For each call, botocore walks through all parameters and all items of the answer by the service's model, though nothing
in them is to be converted, finds the endpoint by some rules, derives the signing key, and signs a copy of the request.
Here the same request is made straight away: JSON, for an endpoint and with a key that are remembered.

Everything else remains botocore's: retries, errors, credentials and connections, and the events but for those with
which others could change a request before it is signed (request-created, choose-signer, before-sign). Calls that are
not in OPERATIONS remain so, too. So do calls, endpoints and answers that are out of the ordinary. Of the parameters
only the names of the first level are checked; DynamoDB sees to the rest, and tests/strict to that of our own calls.
tests/test_table_calls.py compares all of it with an ordinary client.
"""

from __future__ import annotations

import hashlib
import json
from base64 import b64encode
from collections.abc import Callable
from contextlib import suppress
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

from botocore import auth
from botocore.awsrequest import AWSPreparedRequest, HeadersDict
from botocore.parsers import JSONParser, ResponseParserFactory

from chalicelib import sigv4

# The calls that have items or keys in them: all that the functions make.
OPERATIONS = frozenset(
    {
        "BatchGetItem",
        "BatchWriteItem",
        "DeleteItem",
        "GetItem",
        "PutItem",
        "Query",
        "Scan",
        "TransactGetItems",
        "TransactWriteItems",
        "UpdateItem",
    }
)
_OUTPUTS = frozenset(f"{operation}Output" for operation in OPERATIONS)
# The types of an attribute that JSON cannot hold: bytes, which stand there in base64. Few items have one.
_BYTES = b'"B"'
_SETS_OF_BYTES = b'"BS"'


class _Parser(JSONParser):
    def _handle_json_body(self, raw_body: bytes, shape: Any) -> Any:
        """botocore reads what has bytes in it, what is no JSON, and what has members that are null or that are new."""
        if shape.name in _OUTPUTS and _BYTES not in raw_body and _SETS_OF_BYTES not in raw_body:
            with suppress(ValueError, AttributeError):
                read = json.loads(raw_body.decode())
                if read.keys() <= shape.members.keys() and None not in read.values():
                    return read
        return super()._handle_json_body(raw_body, shape)  # type: ignore[misc]


class AnswersAsJson(ResponseParserFactory):
    """Reads DynamoDB's answers with items as the JSON that they are, and all other answers as botocore does."""

    def __init__(self) -> None:
        super().__init__()
        self._json = _Parser()

    def create_parser(self, protocol_name: str) -> Any:
        return self._json if protocol_name == "json" else super().create_parser(protocol_name)


def shorten(client: Any, credentials: Callable[[], Any]) -> None:
    """Makes the calls of this client of DynamoDB short. `credentials()` gives what to sign with, as of now."""
    short = _Short(client, credentials)
    client._resolve_endpoint_ruleset = short.endpoint
    client._convert_to_request_dict = short.request
    client._endpoint.create_request = short.signed


class _Short:
    """Stands in for the methods of a client and its endpoint that make a request."""

    def __init__(self, client: Any, credentials: Callable[[], Any]) -> None:
        self._client = client
        self._credentials = credentials
        self._find_endpoint = client._resolve_endpoint_ruleset
        self._make_request = client._convert_to_request_dict
        self._sign_request = client._endpoint.create_request
        self._found: Any = None
        self._headers: dict[str, str] = {}

    def endpoint(self, operation_model: Any, params: Any, request_context: Any, **more: Any) -> Any:
        """The endpoint's URL, further headers and properties: the same for all of a client's calls.

        Our tables have plain names, so neither they nor anything else in a call changes it.
        """
        if self._found is None:
            found = self._find_endpoint(operation_model, params, request_context, **more)
            # Not on AWS: rules that change how this call is signed, and an address of something below a host.
            if "authSchemes" in found[2] or not _is_bare_host(found[0]):
                return found
            version = self._client.meta.service_model.metadata["jsonVersion"]
            self._headers = {
                "Content-Type": f"application/x-amz-json-{version}",
                "User-Agent": self._client._user_agent_creator.to_string(),
                **found[1],
            }
            self._found = found  # last, because other threads take it as a sign that all is there
        return self._found

    def request(self, api_params: Any, operation_model: Any, endpoint_url: str, **more: Any) -> dict[str, Any]:
        """The request as a dictionary, not signed."""
        if (
            self._found is None
            or operation_model.name not in OPERATIONS
            or not _are_known(api_params, operation_model.input_shape)
        ):
            made: dict[str, Any] = self._make_request(api_params, operation_model, endpoint_url, **more)
            return made
        prefix = self._client.meta.service_model.metadata["targetPrefix"]
        return {
            "method": "POST",
            "url": endpoint_url if endpoint_url.endswith("/") else f"{endpoint_url}/",
            "url_path": "/",
            "query_string": {},
            "headers": {**self._headers, "X-Amz-Target": f"{prefix}.{operation_model.name}"},
            "body": json.dumps(api_params, separators=(",", ":"), default=_in_base64).encode(),
            "context": more.get("context"),
        }

    def signed(self, params: Any, operation_model: Any = None) -> Any:
        """The request as it is sent, signed by Signature Version 4."""
        if self._found is None or operation_model is None or operation_model.name not in OPERATIONS:
            return self._sign_request(params, operation_model)
        credentials, url, body = self._credentials(), params["url"], params["body"]
        moment = sigv4.now()
        headers = {**params["headers"], "X-Amz-Date": moment}
        if credentials.token:
            headers["X-Amz-Security-Token"] = credentials.token
        named = {name.lower(): headers[name] for name in _SIGNED if name in headers} | {"host": _host(url)}
        names = ";".join(sorted(named))
        lines = "".join(f"{name}:{named[name]}\n" for name in sorted(named))
        canonical = f"POST\n/\n\n{lines}\n{names}\n{hashlib.sha256(body).hexdigest()}"
        scope = sigv4.scope_of(moment, self._client.meta.region_name, "dynamodb")
        text = f"{sigv4.ALGORITHM}\n{moment}\n{scope}\n{hashlib.sha256(canonical.encode()).hexdigest()}"
        signature = sigv4.signature(credentials.secret_key, scope, text)
        headers["Authorization"] = (
            f"{sigv4.ALGORITHM} Credential={credentials.access_key}/{scope}, SignedHeaders={names}, "
            f"Signature={signature}"
        )
        headers["Content-Length"] = str(len(body))
        made: Any = HeadersDict(headers)
        return AWSPreparedRequest("POST", url, made, body, False)


_SIGNED = ("Content-Type", "X-Amz-Date", "X-Amz-Security-Token", "X-Amz-Target")


_host = lru_cache(maxsize=8)(auth._host_from_url)  # type: ignore[attr-defined]


def _is_bare_host(url: str) -> bool:
    """True for the address of a host, with nothing below it."""
    parts = urlsplit(url)
    return parts.path in ("", "/") and not parts.query


def _are_known(params: Any, shape: Any) -> bool:
    """False for parameters that botocore refuses: others than the operation has, without a value, or too few.

    DynamoDB may ignore a parameter that it doesn't know, or that is null: a condition, say.
    """
    return {*shape.required_members} <= params.keys() <= shape.members.keys() and None not in params.values()


def _in_base64(value: Any) -> str:
    if isinstance(value, bytes | bytearray):
        return b64encode(value).decode()
    raise TypeError(f"no value of DynamoDB: {type(value)}")
