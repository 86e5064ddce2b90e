"""The headers of a function's answer that API Gateway (REST, Lambda proxy) does not hand on under their own name.

The emulator's own Python imports this, so it needs nothing else. From the table of headers (column Response, lambda) in
https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-known-issues.html#api-gateway-known-issues-rest-apis
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

REMAPPED = frozenset(
    {"authorization", "connection", "content-md5", "date", "max-forwards", "server", "user-agent", "www-authenticate"}
)
DROPPED = frozenset(
    {"expect", "host", "proxy-authenticate", "te", "trailer", "transfer-encoding", "upgrade", "via"},
)


def sent[Value](headers: Mapping[str, Value]) -> dict[str, Value]:
    """The headers as a client gets them: a remapped one is called `x-amzn-Remapped-NAME`."""
    kept = {name: value for name, value in headers.items() if name.lower() not in DROPPED}
    return {f"x-amzn-Remapped-{name}" if name.lower() in REMAPPED else name: kept[name] for name in kept}


def lost(headers: Iterable[str]) -> list[str]:
    """Those of the headers' names that no client sees, so that no answer may count on them."""
    return sorted(name for name in headers if name.lower() in REMAPPED | DROPPED)
