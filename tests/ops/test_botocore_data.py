"""The part of botocore's data that is deployed: the same requests, answers and addresses as of the whole."""

from __future__ import annotations

import ast
import itertools
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import cache
from pathlib import Path
from typing import Any

import botocore
import pytest
from botocore import UNSIGNED, xform_name
from botocore.awsrequest import AWSResponse
from botocore.compat import HTTPHeaders
from botocore.config import Config
from botocore.endpoint_provider import EndpointProvider
from botocore.exceptions import BotoCoreError, DataNotFoundError
from botocore.loaders import Loader
from botocore.session import Session
from moto.core.models import botocore_stubber

from ops import botocore_data
from ops.botocore_data import BOTOCORES_OWN, OPERATIONS
from tests import events_contract
from tests.stage import ROOT
from tests.strict import watching

DATA = Path(botocore.__file__).parent / "data"
CALLS = [(service, operation) for service, called in OPERATIONS.items() for operation in sorted(called)]

# Some of each partition, and one that no list knows.
REGIONS = ["eu-west-1", "us-east-1", "cn-north-1", "us-gov-west-1", "us-iso-east-1", "us-isob-east-1", "eu-north-9"]
BUCKETS = ["filemill-prod-originals-123456789012-eu-west-1", "abc", "with.dots", "Capital", "under_score"]

# Operations of EventBridge and MediaConvert that are named like functions of Python, of API Gateway and of ours.
HOMONYMS = frozenset({("events", "CreateConnection"), ("events", "DeleteConnection"), ("mediaconvert", "Probe")})

# Members of a request that the code never sends. A global endpoint of EventBridge needs a signature that only AWS's
# C library makes, which is not deployed.
NEVER_SENT = frozenset({"EndpointId"})


@pytest.fixture(scope="module")
def trimmed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("botocore") / "data"
    botocore_data.write(DATA, folder)
    return folder


@pytest.fixture(autouse=True)
def without_moto(monkeypatch: pytest.MonkeyPatch) -> None:
    """Another room's tests may have started it in this process, and it would try to carry out the made-up requests."""
    monkeypatch.setattr(botocore_stubber, "enabled", False)


@cache
def loader(folder: Path) -> Loader:
    return Loader(extra_search_paths=[str(folder)], include_default_search_paths=False)


@cache
def client(folder: Path, service: str, region: str = "eu-west-1") -> Any:
    session = Session()
    session.register_component("data_loader", loader(folder))
    return session.create_client(service, region_name=region, config=Config(signature_version=UNSIGNED))


def named_in_the_code() -> set[str]:
    names: set[str] = set()
    for path in (ROOT / "chalicelib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Attribute):
                names.add(node.attr)
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                names.add(node.value)
    return names


@pytest.mark.parametrize("service", OPERATIONS)
def test_what_is_kept_is_what_the_code_calls(service: str) -> None:
    names = named_in_the_code()
    whole = loader(DATA).load_service_model(service, "service-2")["operations"]
    called = {operation for operation in whole if xform_name(operation) in names}
    assert {each for each in called if (service, each) not in HOMONYMS} == OPERATIONS[service]


@pytest.mark.parametrize(("service", "operation"), CALLS)
def test_an_operation_and_every_shape_it_reaches_are_whole(trimmed: Path, service: str, operation: str) -> None:
    def reached(folder: Path) -> dict[str, Any]:
        model = loader(folder).load_service_model(service, "service-2")
        found: dict[str, Any] = {"": undocumented(model["operations"][operation])}
        waiting = list(shape_names(found[""]))
        while waiting:
            name = waiting.pop()
            if name not in found:
                found[name] = undocumented(model["shapes"][name])
                waiting += shape_names(found[name])
        return found

    assert reached(trimmed) == reached(DATA)


@pytest.mark.parametrize("service", OPERATIONS)
def test_a_services_facts_and_errors_are_those_of_the_whole(trimmed: Path, service: str) -> None:
    def facts(folder: Path) -> Any:
        model = loader(folder).load_service_model(service, "service-2")
        errors = {name: undocumented(shape) for name, shape in model["shapes"].items() if shape.get("exception")}
        parameters = {name: each["type"] for name, each in model.get("clientContextParams", {}).items()}
        return model["metadata"], parameters, errors

    assert facts(trimmed) == facts(DATA)
    assert vars(client(trimmed, service).exceptions).keys() == vars(client(DATA, service).exceptions).keys()


@pytest.mark.parametrize(("service", "operation"), CALLS)
def test_a_request_is_byte_for_byte_that_of_the_whole(trimmed: Path, service: str, operation: str) -> None:
    def sent(folder: Path) -> Any:
        made = client(folder, service)
        requests = []

        def answer(request: Any, **_: Any) -> AWSResponse:
            headers = {
                k.lower(): v for k, v in request.headers.items() if k.lower() not in {"user-agent", "x-amz-date"}
            }
            headers.pop("amz-sdk-invocation-id", None)
            body = request.body.read() if hasattr(request.body, "read") else request.body
            requests.append((request.method, request.url, headers, body))
            return AWSResponse(request.url, 403, HTTPHeaders(), Refused())

        made.meta.events.register("before-send", answer, unique_id="captured")
        try:
            shape = made.meta.service_model.operation_model(operation).input_shape
            with pytest.raises(made.exceptions.ClientError), watching.unchecked(), events_contract.unchecked():
                getattr(made, xform_name(operation))(**sample(shape))
        finally:
            made.meta.events.unregister("before-send", unique_id="captured")
        return requests

    requests = sent(trimmed)
    assert requests and requests == sent(DATA)


class Refused:
    """An answer's body."""

    def stream(self, **_: Any) -> Iterator[bytes]:
        yield b""


def sample(shape: Any, within: frozenset[str] = frozenset()) -> Any:
    """A value of this shape with all its members, but none inside itself."""
    if shape.type_name == "structure":
        return {
            name: sample(member, within | {member.name})
            for name, member in shape.members.items()
            if member.name not in within
            and name not in NEVER_SENT
            and not (getattr(shape, "is_tagged_union", False) and name != "S")
        }
    if shape.type_name == "list":
        return [] if shape.member.name in within else [sample(shape.member, within | {shape.member.name})]
    if shape.type_name == "map":
        return {} if shape.value.name in within else {"key": sample(shape.value, within | {shape.value.name})}
    simple: dict[str, Any] = {
        "string": shape.enum[0]
        if getattr(shape, "enum", None)
        else "some-text".ljust(shape.metadata.get("min", 0), "x"),
        "blob": b"bytes",
        "boolean": True,
        "timestamp": datetime(2026, 11, 22, tzinfo=UTC),
    }
    return simple.get(shape.type_name, max(7, shape.metadata.get("min", 7)))


@pytest.mark.parametrize("service", OPERATIONS)
def test_a_called_operation_pages_as_by_the_whole(trimmed: Path, service: str) -> None:
    def pages(folder: Path) -> Any:
        try:
            found = loader(folder).load_service_model(service, "paginators-1")["pagination"]
        except DataNotFoundError:
            return {}
        return {name: found[name] for name in OPERATIONS[service] & set(found)}

    assert pages(trimmed) == pages(DATA)


def resolved(folder: Path, service: str, parameters: dict[str, Any]) -> Any:
    """The address and how to sign for it, or the refusal."""
    try:
        endpoint = provider(folder, service).resolve_endpoint(**parameters)
    except BotoCoreError as error:
        return type(error), str(error)
    return endpoint.url, endpoint.properties, endpoint.headers


@cache
def provider(folder: Path, service: str) -> EndpointProvider:
    rules = loader(folder).load_service_model(service, "endpoint-rule-set-1")
    return EndpointProvider(rules, loader(folder).load_data("partitions"))


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", sorted(OPERATIONS.keys() - {"s3"}))
def test_a_services_address_is_that_of_the_whole_rules(trimmed: Path, service: str, region: str) -> None:
    for fips, dual, endpoint in itertools.product([False, True], [False, True], [None, "http://127.0.0.1:4566"]):
        parameters = {"Region": region, "UseFIPS": fips, "UseDualStack": dual}
        parameters |= {"Endpoint": endpoint} if endpoint else {}
        assert resolved(trimmed, service, parameters) == resolved(DATA, service, parameters), parameters


@pytest.mark.parametrize("region", REGIONS)
def test_a_buckets_address_is_that_of_the_whole_rules(trimmed: Path, region: str) -> None:
    switches = ("UseFIPS", "UseDualStack", "ForcePathStyle", "Accelerate", "UseGlobalEndpoint")
    values = itertools.product([False, True], repeat=len(switches))
    for on, bucket, endpoint in itertools.product(values, BUCKETS, [None, "http://127.0.0.1:4566"]):
        parameters = {"Region": region, "Bucket": bucket, **dict(zip(switches, on, strict=True))}
        parameters |= {"Endpoint": endpoint} if endpoint else {}
        assert resolved(trimmed, "s3", parameters) == resolved(DATA, "s3", parameters), parameters


def test_the_rules_that_are_left_out_are_most_of_s3s(trimmed: Path) -> None:
    def size(folder: Path) -> int:
        return len(str(loader(folder).load_service_model("s3", "endpoint-rule-set-1")["rules"]))

    assert size(trimmed) < size(DATA) / 2


@pytest.mark.parametrize("region", REGIONS)
@pytest.mark.parametrize("service", OPERATIONS)
def test_a_client_is_made_for_the_same_address(trimmed: Path, service: str, region: str) -> None:
    def made(folder: Path) -> tuple[str, str]:
        meta = client(folder, service, region).meta
        return meta.endpoint_url, meta.partition

    assert made(trimmed) == made(DATA)


def undocumented(node: Any) -> Any:
    if isinstance(node, dict):
        return {k: undocumented(v) for k, v in node.items() if k != "documentation" or not isinstance(v, str)}
    return [undocumented(each) for each in node] if isinstance(node, list) else node


def shape_names(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        if isinstance(node.get("shape"), str):
            yield node["shape"]
        node = list(node.values())
    for child in node if isinstance(node, list) else ():
        yield from shape_names(child)


def test_botocores_own_calls_are_kept_beside(trimmed: Path) -> None:
    for service, own in BOTOCORES_OWN.items():
        assert own <= loader(trimmed).load_service_model(service, "service-2")["operations"].keys()
        assert not own & OPERATIONS[service]
