"""The makers of what is missing, for CloudFront: the functions `render` and `stream` by their URLs, or the API."""

from __future__ import annotations

from typing import Any

from chalicelib.settings import camel_to_variable
from ops.stack.names import STREAM, function_name
from ops.stack.regions import ON_DEMAND as PARAMETER
from ops.stack.regions import STREAMS, WITHOUT_FUNCTION_URLS

# Recorded since the function can answer CloudFront. `chalice deploy` gives a function its code before its variables, so
# one that has this variable has the code, too.
VARIABLE = camel_to_variable("CheckedAddresses")


def parameters(client: Any, app: str, stage: str, region: str) -> dict[str, str]:
    """The stack's parameters `OnDemand` and `Streams`; in a region without function URLs its template has neither.

    `client` is Lambda's. `OnDemand` is `function` if the deployed function can answer; `both` if it can't yet, so that
    `make deploy` finds the URL and its permissions made when it comes back after `chalice deploy`; `api` if there is no
    function yet. `Streams` is `true` if the function `stream` is there: each release that has one can answer.
    """
    if region in WITHOUT_FUNCTION_URLS:
        return {}
    return {
        PARAMETER: _render(client, function_name(app, stage, "render")),
        STREAMS: "false" if _deployed(client, function_name(app, stage, STREAM)) is None else "true",
    }


def _render(client: Any, name: str) -> str:
    found = _deployed(client, name)
    if found is None:
        return "api"
    return "function" if VARIABLE in found.get("Environment", {}).get("Variables", {}) else "both"


def _deployed(client: Any, name: str) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = client.get_function_configuration(FunctionName=name)
    except client.exceptions.ResourceNotFoundException:
        return None
    return found
