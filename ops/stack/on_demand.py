"""The maker of a missing rendition for CloudFront: the function `render`, by its URL, or the API."""

from __future__ import annotations

from typing import Any

from chalicelib.settings import camel_to_variable
from ops.stack.names import function_name
from ops.stack.regions import ON_DEMAND as PARAMETER
from ops.stack.regions import WITHOUT_FUNCTION_URLS

# Recorded since the function can answer CloudFront. `chalice deploy` gives a function its code before its variables, so
# one that has this variable has the code, too.
VARIABLE = camel_to_variable("CheckedAddresses")


def parameters(client: Any, app: str, stage: str, region: str) -> dict[str, str]:
    """The stack's parameter `OnDemand`; in a region without function URLs its template has none. `client` is Lambda's.

    `function` if the deployed function can answer; `both` if it can't yet, so that `make deploy` finds the URL and its
    permissions made when it comes back after `chalice deploy`; `api` if there is no function yet.
    """
    if region in WITHOUT_FUNCTION_URLS:
        return {}
    try:
        found = client.get_function_configuration(FunctionName=function_name(app, stage, "render"))
    except client.exceptions.ResourceNotFoundException:
        return {PARAMETER: "api"}
    can_answer = VARIABLE in found.get("Environment", {}).get("Variables", {})
    return {PARAMETER: "function" if can_answer else "both"}
