"""The services that a stage asks about its files, as parameters of its stack: its rights are for these only."""

from __future__ import annotations

import re
from collections.abc import Mapping

from chalicelib.processing.services import SERVICES
from chalicelib.settings import PREFIX
from ops.errors import OpsError

VARIABLE = f"{PREFIX}SERVICES"
FUNCTION = f"{PREFIX}SERVICE_FUNCTION"

# A name, maybe with a version or an alias: https://docs.aws.amazon.com/lambda/latest/api/API_Invoke.html
_NAME = re.compile(r"[A-Za-z0-9_-]{1,64}(:[A-Za-z0-9$_-]{1,128})?")


def parameters(variables: Mapping[str, str], partition: str, region: str, account: str) -> dict[str, str]:
    """The stack's parameters for the services that the stage's variables name.

    Raises
    ------
    OpsError
        A service is unknown, or `function` has no function.
    """
    names = [name for name in variables.get(VARIABLE, "").split(",") if name]
    known = [service.name for service in SERVICES]
    if unknown := sorted(set(names) - set(known)):
        raise OpsError(
            f"{VARIABLE} in .chalice/config.json names {', '.join(unknown)}, but there are only {', '.join(known)}."
        )
    function = variables.get(FUNCTION, "") if "function" in names else ""
    if "function" in names and not function:
        raise OpsError(
            f"The service `function` calls a function of yours: set {FUNCTION} in .chalice/config.json to its name."
        )
    if _NAME.fullmatch(function):
        function = f"arn:{partition}:lambda:{region}:{account}:function:{function}"
    return {
        "Services": "true" if names else "false",
        "Labels": "true" if "labels" in names else "false",
        "ServiceFunction": function,
        "MediaConvert": "true" if "mediaconvert" in names else "false",
    }
