"""A distribution's configuration as the edge reads it."""

import io
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from ops.local.edge.distribution import Behavior, Distribution, Origin, OriginGroup, load, path_pattern


@pytest.mark.parametrize(
    ("pattern", "path", "matches"),
    [
        ("/v1/*", "/v1/files", True),
        ("/v1/*", "/v1/", True),
        ("/v1/*", "/v1", False),
        ("v1/*", "/v1/files", True),
        ("/V1/*", "/v1/files", False),
        ("*.jpg", "/a/b/c.jpg", True),
        ("*.jpg", "/a/b/c.jpg.png", False),
        ("/f/????.webp", "/f/w640.webp", True),
        ("/f/????.webp", "/f/w64.webp", False),
        ("/a.b", "/aXb", False),
        ("/f/*/[x]", "/f/1/[x]", True),
        ("*", "/", True),
    ],
)
def test_a_path_pattern_matches_as_at_cloudfront(pattern: str, path: str, matches: bool) -> None:
    assert bool(path_pattern(pattern).fullmatch(path)) is matches


def behavior(pattern: str, origin: str) -> Behavior:
    methods = frozenset(("GET", "HEAD"))
    return Behavior(path_pattern(pattern), origin, methods, methods, {}, None, None, None)


def test_the_first_behaviour_that_matches_counts() -> None:
    behaviors = (behavior("/f/private/*", "first"), behavior("/f/*", "second"), behavior("*", "default"))
    distribution = Distribution("E1", "arn", "d.cloudfront.net", "", {}, behaviors)
    assert distribution.behavior("/f/private/x").origin_id == "first"
    assert distribution.behavior("/f/public/x").origin_id == "second"
    assert distribution.behavior("/f").origin_id == "default"


def test_errors_are_kept_ten_seconds_unless_said_otherwise() -> None:
    distribution = Distribution("E1", "arn", "d.cloudfront.net", "", {}, (), {404: 0})
    assert distribution.error_ttl(404) == 0
    assert distribution.error_ttl(500) == 10


class FakeCloudFront:
    """CloudFront's API with one distribution; counts what is asked of it."""

    def __init__(self, config: dict[str, Any]) -> None:
        self.config = config
        self.asked: list[str] = []
        key = rsa.generate_private_key(65537, 2048).public_key()
        self.pem = key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()

    def get_distribution(self, Id: str) -> dict[str, Any]:  # noqa: N803
        arn = f"arn:aws:cloudfront::000000000000:distribution/{Id}"
        return {
            "Distribution": {"Id": Id, "ARN": arn, "DomainName": "d.cloudfront.net", "DistributionConfig": self.config}
        }

    def get_cache_policy_config(self, Id: str) -> dict[str, Any]:  # noqa: N803
        self.asked.append(Id)
        return {"CachePolicyConfig": {"Name": Id, "MinTTL": 1}}

    def get_key_group_config(self, Id: str) -> dict[str, Any]:  # noqa: N803
        self.asked.append(Id)
        return {"KeyGroupConfig": {"Name": Id, "Items": ["K1", "K2"]}}

    def get_function(self, Name: str, Stage: str) -> dict[str, Any]:  # noqa: N803
        assert Stage == "LIVE"
        self.asked.append(Name)
        return {"FunctionCode": io.BytesIO(b"function handler() {}")}

    def get_public_key_config(self, Id: str) -> dict[str, Any]:  # noqa: N803
        self.asked.append(Id)
        return {"PublicKeyConfig": {"EncodedKey": self.pem}}


def test_a_distribution_is_read_with_its_policies_and_keys_each_once() -> None:
    files = {"TargetOriginId": "files", "CachePolicyId": "P1"}
    group = {"TrustedKeyGroups": {"Enabled": True, "Quantity": 1, "Items": ["G1"]}}
    arn = "arn:aws:cloudfront::000000000000:function/negotiate"
    events = ("viewer-request", "viewer-response")
    function = {"FunctionAssociations": {"Items": [{"EventType": e, "FunctionARN": arn} for e in events]}}
    client = FakeCloudFront(
        {
            "Origins": {
                "Items": [
                    {
                        "Id": "files",
                        "DomainName": "b.s3.us-east-1.amazonaws.com",
                        "S3OriginConfig": {"OriginAccessIdentity": ""},
                    },
                    {
                        "Id": "api",
                        "DomainName": "abc.execute-api.us-east-1.amazonaws.com",
                        "OriginPath": "/api",
                        "CustomHeaders": {"Items": [{"HeaderName": "X-Secret", "HeaderValue": "s"}]},
                        "CustomOriginConfig": {"HTTPPort": 80, "HTTPSPort": 443, "OriginReadTimeout": 20},
                    },
                ]
            },
            "CacheBehaviors": {
                "Items": [
                    files | group | function | {"PathPattern": "/f/private/*"},
                    files | {"PathPattern": "/f/*", "TargetOriginId": "both"},
                ]
            },
            "DefaultCacheBehavior": {
                "TargetOriginId": "api",
                "CachePolicyId": "P1",
                "AllowedMethods": {"Items": ["GET", "HEAD", "POST"], "CachedMethods": {"Items": ["GET", "HEAD"]}},
            },
            "OriginGroups": {
                "Items": [
                    {
                        "Id": "both",
                        "FailoverCriteria": {"StatusCodes": {"Quantity": 2, "Items": [403, 404]}},
                        "Members": {"Quantity": 2, "Items": [{"OriginId": "files"}, {"OriginId": "api"}]},
                    }
                ]
            },
            "CustomErrorResponses": {"Items": [{"ErrorCode": 404, "ErrorCachingMinTTL": 0}]},
        }
    )
    distribution = load(client, "E1")  # type: ignore[arg-type]
    assert distribution.origins["files"] == Origin("files", "b.s3.us-east-1.amazonaws.com", "", True, (), 30)
    api = Origin("api", "abc.execute-api.us-east-1.amazonaws.com", "/api", False, (("X-Secret", "s"),), 20)
    assert distribution.origins["api"] == api
    private, public, default = distribution.behaviors
    assert set(private.keys or ()) == {"K1", "K2"}
    assert public.keys is None
    assert public.methods == {"GET", "HEAD"}
    assert "POST" in default.methods
    assert default.pattern.fullmatch("/anything")
    assert distribution.error_ttl(404) == 0
    assert private.functions == dict.fromkeys(events, "function handler() {}")
    assert public.functions == {}
    assert distribution.group(public.origin_id) == OriginGroup(("files", "api"), frozenset((403, 404)))
    assert distribution.group(private.origin_id) == OriginGroup(("files",), frozenset())
    assert sorted(client.asked) == ["G1", "K1", "K2", "P1", "negotiate"]
