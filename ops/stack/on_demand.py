"""Who makes a missing rendition for CloudFront: the function `render`, by its URL, or the API."""

from __future__ import annotations

from typing import Any

from chalicelib.settings import camel_to_variable
from ops.stack.names import function_name
from ops.stack.regions import WITHOUT_FUNCTION_URLS

# Recorded since the function can answer CloudFront. `chalice deploy` gives a function its code before its variables, so
# one that has this variable has the code, too.
VARIABLE = camel_to_variable("CheckedAddresses")


def way(client: Any, app: str, stage: str, region: str) -> str:
    """The stack's parameter `OnDemand`. `client` is a Lambda client.

    `function` if the deployed function can answer; `both` if it can't yet, so that `make deploy` finds the URL and its
    permissions made when it comes back after `chalice deploy`; `api` in a region without function URLs.
    """
    if region in WITHOUT_FUNCTION_URLS:
        return "api"
    try:
        found = client.get_function_configuration(FunctionName=function_name(app, stage, "render"))
    except client.exceptions.ResourceNotFoundException:
        return "api"  # the URL can be made only when the function is there
    return "function" if VARIABLE in found.get("Environment", {}).get("Variables", {}) else "both"
