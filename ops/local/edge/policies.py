"""Applies CloudFront's policies to one request: its cache key, the request to the origin, the headers for the viewer.

How a cache policy and an origin request policy work together:
https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/origin-request-understand-origin-request-policy.html
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from ops.local.edge.distribution import Behavior

Headers = dict[str, str]

# Headers that belong to one connection, or that are made again for the origin. They are never passed on.
HOP_BY_HOP = frozenset(
    [
        "connection",
        "content-length",
        "expect",
        "host",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
    ]
)


def chosen(behavior: str, listed: Iterable[str], names: Iterable[str]) -> set[str]:
    """The names that a policy lets through: `none`, `whitelist`, `allExcept`, `all` or `allViewer…`."""
    names, listed = set(names), set(listed)
    if behavior == "none":
        return set()
    if behavior == "whitelist":
        return names & listed
    if behavior == "allExcept":
        return names - listed
    return names


def _select(config: Mapping[str, Any] | None, kind: str, names: Iterable[str]) -> set[str]:
    """The names that one part of a policy lets through. `kind` is Header, Cookie or QueryString.

    Header names are compared in lower case.
    """
    part = (config or {}).get(f"{kind}sConfig") or {}
    listed = (part.get(f"{kind}s") or {}).get("Items", [])
    if kind == "Header":
        listed = [name.lower() for name in listed]
    return chosen(part.get(f"{kind}Behavior", "none"), listed, names)


def query_pairs(query: str) -> list[tuple[str, str]]:
    """(name, the raw `name=value`) of each parameter."""
    return [(pair.partition("=")[0], pair) for pair in query.split("&") if pair]


def encodings(config: Mapping[str, Any], accept: str) -> str:
    """Accept-Encoding, reduced to the encodings that the cache policy distinguishes."""
    offered = {part.partition(";")[0].strip() for part in accept.lower().split(",")}
    return ",".join(
        name
        for name, switch in (("br", "EnableAcceptEncodingBrotli"), ("gzip", "EnableAcceptEncodingGzip"))
        if config.get(switch) and name in offered
    )


def offered(behavior: Behavior, headers: Headers) -> str:
    """The encodings, separated by commas, in which this viewer and the behaviour's cache policy take an answer."""
    return encodings(_key_parts(behavior), headers.get("accept-encoding", ""))


def _key_parts(behavior: Behavior) -> dict[str, Any]:
    return behavior.cache_policy.get("ParametersInCacheKeyAndForwardedToOrigin") or {}


def cache_key(behavior: Behavior, path: str, query: str, headers: Headers, cookies: Mapping[str, str]) -> str:
    """The cache key: requests with the same key get the same answer. Header names are in lower case."""
    config = _key_parts(behavior)
    pairs = query_pairs(query)
    kept = _select(config, "QueryString", (n for n, _ in pairs))
    parts = [
        behavior.origin_id,
        path,
        "&".join(pair for name, pair in pairs if name in kept),
        *(f"{name}:{headers[name]}" for name in sorted(_select(config, "Header", headers))),
        *(f"{name}={cookies[name]}" for name in sorted(_select(config, "Cookie", cookies))),
        encodings(config, headers.get("accept-encoding", "")),
    ]
    return "\n".join(parts)


def to_origin(
    behavior: Behavior, query: str, headers: Headers, cookies: Mapping[str, str], address: str
) -> tuple[str, Headers]:
    """The query string and headers of the request to the origin, for a viewer at this IP address."""
    cache, request = _key_parts(behavior), behavior.origin_request_policy
    viewer = {name for name in headers if name not in HOP_BY_HOP | {"cookie"}}
    names = _select(cache, "Header", viewer) | _select(request, "Header", viewer)
    if taken := encodings(cache, headers.get("accept-encoding", "")):
        names.add("accept-encoding")
    forwarded = {name: headers[name] for name in names}
    if taken and "accept-encoding" not in _select(request, "Header", viewer):
        forwarded["accept-encoding"] = taken
    forwarded.setdefault("user-agent", "Amazon CloudFront")
    forwarded["x-forwarded-for"] = ", ".join(filter(None, (headers.get("x-forwarded-for"), address)))
    forwarded["via"] = "1.1 local.cloudfront.net (CloudFront)"
    kept = _select(cache, "Cookie", cookies) | _select(request, "Cookie", cookies)
    if kept:
        forwarded["cookie"] = "; ".join(f"{name}={value}" for name, value in cookies.items() if name in kept)
    pairs = query_pairs(query)
    asked = {name for name, _ in pairs}
    kept = _select(cache, "QueryString", asked) | _select(request, "QueryString", asked)
    return "&".join(pair for name, pair in pairs if name in kept), forwarded


def response_headers(
    policy: Mapping[str, Any] | None, headers: Headers, origin: str | None, preflight: bool
) -> Headers:
    """A response's headers after the response headers policy. `origin` is the viewer's Origin header."""
    result = dict(headers)
    if not policy:
        return result

    def put(name: str, value: str, override: bool) -> None:
        if override or name.lower() not in result:
            result[name.lower()] = value

    if cors := policy.get("CorsConfig"):
        _cors(cors, result, origin, preflight)
    security = policy.get("SecurityHeadersConfig") or {}
    for kind, render in SECURITY.items():
        if config := security.get(kind):
            put(render[0], render[1](config), config["Override"])
    for item in (policy.get("CustomHeadersConfig") or {}).get("Items", []):
        put(item["Header"], item["Value"], item["Override"])
    for item in (policy.get("RemoveHeadersConfig") or {}).get("Items", []):
        result.pop(item["Header"].lower(), None)
    return result


def _hsts(config: Mapping[str, Any]) -> str:
    value = f"max-age={config['AccessControlMaxAgeSec']}"
    value += "; includeSubDomains" if config.get("IncludeSubdomains") else ""
    return value + ("; preload" if config.get("Preload") else "")


def _xss(config: Mapping[str, Any]) -> str:
    return ("1" if config["Protection"] else "0") + ("; mode=block" if config.get("ModeBlock") else "")


SECURITY: dict[str, tuple[str, Callable[[Mapping[str, Any]], str]]] = {
    "ContentTypeOptions": ("x-content-type-options", lambda c: "nosniff"),
    "FrameOptions": ("x-frame-options", lambda c: str(c["FrameOption"])),
    "ReferrerPolicy": ("referrer-policy", lambda c: str(c["ReferrerPolicy"])),
    "ContentSecurityPolicy": ("content-security-policy", lambda c: str(c["ContentSecurityPolicy"])),
    "StrictTransportSecurity": ("strict-transport-security", _hsts),
    "XSSProtection": ("x-xss-protection", _xss),
}


def _cors(config: Mapping[str, Any], result: Headers, origin: str | None, preflight: bool) -> None:
    ours = [name for name in result if name.startswith("access-control-")]
    if ours and not config["OriginOverride"]:
        return
    for name in ours:
        del result[name]
    allowed = config["AccessControlAllowOrigins"]["Items"]
    if not origin or not any(chosen_origin(pattern, origin) for pattern in allowed):
        return
    result["access-control-allow-origin"] = "*" if "*" in allowed else origin
    if "*" not in allowed:
        result["vary"] = ", ".join(filter(None, (result.get("vary"), "Origin")))
    if config.get("AccessControlAllowCredentials"):
        result["access-control-allow-credentials"] = "true"
    if exposed := (config.get("AccessControlExposeHeaders") or {}).get("Items"):
        result["access-control-expose-headers"] = ", ".join(exposed)
    if preflight:
        methods = config["AccessControlAllowMethods"]["Items"]
        result["access-control-allow-methods"] = ", ".join(methods)
        result["access-control-allow-headers"] = ", ".join(config["AccessControlAllowHeaders"]["Items"])
        if age := config.get("AccessControlMaxAgeSec"):
            result["access-control-max-age"] = str(age)


def chosen_origin(pattern: str, origin: str) -> bool:
    """True if a pattern such as `https://*.example.com` covers a page's origin. Without a scheme it covers both."""
    if "://" not in pattern:
        origin = origin.partition("://")[2]
    before, star, after = pattern.partition("*")
    if not star:
        return origin == pattern
    return len(origin) > len(before + after) and origin.startswith(before) and origin.endswith(after)
