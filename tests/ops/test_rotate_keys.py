"""A rotation on moto, broken off before and after each of its calls: at no moment is there a signature that opens
nothing."""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from itertools import chain, repeat
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import boto3
import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from chalicelib import keyring, settings
from chalicelib.delivery import access
from chalicelib.settings import MAX_URL_EXPIRY
from ops import rotate_keys
from ops.errors import OpsError
from ops.rotate_keys import Rotation
from ops.stack import signing_key
from tests.signers import Signer, parameters, pem, rsa_key, signed_policy
from tests.stage import STAGE, aws_client, provisioned

PARAMETER = STAGE["FILEMILL_CDN_KEY_PARAMETER"]
RESOURCE = "https://d111.cloudfront.net/f/private/file_1/v/*"
SPARE = [signing_key.new_private_key() for _ in range(3)]


class Broken(BaseException):
    """The process ends here."""


@pytest.fixture
def cloudfront(cloud: None) -> Any:
    """moto's CloudFront, with the one call of a rotation that it lacks, and one more field."""
    from moto.cloudfront.models import cloudfront_backends

    client = boto3.client("cloudfront")
    changed: dict[str, datetime] = {}

    def update(model: Any, params: Any, **_: Any) -> Any:
        if model.name != "UpdateKeyGroup":
            return None
        id_ = params["url_path"].rpartition("/")[2]
        group = cloudfront_backends["123456789012"]["aws"].key_groups[id_]  # another one after each reset
        assert params["headers"]["If-Match"] == group.etag
        items = params["body"].decode().split("<Items>")[1].split("</Items>")[0]
        group.items = [part.partition("<")[0] for part in items.split("<PublicKey>")[1:]]
        changed[id_] = datetime.now(UTC)
        return type("Response", (), {"status_code": 200}), {"ResponseMetadata": {}}

    def dated(parsed: Any, **_: Any) -> None:
        parsed["KeyGroup"]["LastModifiedTime"] = changed.get(parsed["KeyGroup"]["Id"])

    client.meta.events.register_last("before-call", update)  # after a test's own, as AWS would be
    client.meta.events.register("after-call.cloudfront.GetKeyGroup", dated)
    return client


@pytest.fixture(params=["RSA", "ECDSA"])
def first_key(request: pytest.FixtureRequest, cdn_key: bytes) -> bytes:
    """The key (PEM) that `ops provision` made for the stage: of the release before this one an RSA key."""
    return pem(rsa_key()) if request.param == "RSA" else cdn_key


@pytest.fixture
def rotation(cloudfront: Any, first_key: bytes, monkeypatch: pytest.MonkeyPatch) -> Rotation:
    """Stage `test` with its first key, as `ops provision` leaves it."""
    return fresh(cloudfront, first_key, monkeypatch)


@pytest.fixture
def rsa_stage(cloudfront: Any, monkeypatch: pytest.MonkeyPatch) -> Rotation:
    """Stage `test` as the release before this one left it."""
    return fresh(cloudfront, pem(rsa_key()), monkeypatch)


def fresh(cloudfront: Any, cdn_key: bytes, monkeypatch: pytest.MonkeyPatch) -> Rotation:
    provisioned(cdn_key)
    monkeypatch.setattr(rotate_keys, "PAUSE", 0)
    monkeypatch.setattr(signing_key, "new_private_key", iter(SPARE).__next__)
    key = signing_key.ensure_key_group(cloudfront, "test", "eu-west-1", cdn_key.decode())
    stage = settings.load({**STAGE, "FILEMILL_CDN_KEY_ID": key.key_id})
    monkeypatch.setattr(keyring, "settings", lambda: stage)
    return Rotation(cloudfront, boto3.client("ssm"), stage, "eu-west-1", lambda line: None, settle=0)


def opens(query: str) -> str:
    """The id of the key that a signature names, if CloudFront has it in the group and it fits."""
    given = parameters(query)
    group = signing_key.find_key_group(aws_client("cloudfront"), "test", "eu-west-1")
    assert group
    assert given["Key-Pair-Id"] in group["KeyGroupConfig"]["Items"]
    config = aws_client("cloudfront").get_public_key(Id=given["Key-Pair-Id"])["PublicKey"]["PublicKeyConfig"]
    with TemporaryDirectory() as folder:
        signed_policy(given, config["EncodedKey"].strip().encode(), Path(folder))
    return given["Key-Pair-Id"]


def signed_now() -> str:
    """By a process that starts now."""
    keyring.forget()
    access.sign_with.cache_clear()
    return access.sign(RESOURCE, int(time.time()) + 3600)


@contextmanager
def calls(rotation: Rotation, at: Callable[[str, int], None], moment: str) -> Iterator[list[str]]:
    """What is called, in order; `at(operation, number)` may raise, before or after the call takes effect."""
    names: list[str] = []

    def note(model: Any, **_: Any) -> None:
        names.append(model.name)
        at(model.name, len(names))

    clients: tuple[Any, ...] = (rotation.cloudfront, rotation.ssm)
    for client in clients:
        client.meta.events.register_first(moment, note)
    try:
        yield names
    finally:
        for client in clients:
            client.meta.events.unregister(moment, note)


def later(monkeypatch: pytest.MonkeyPatch, by: timedelta) -> None:
    """The rotation's clock is ahead."""

    class Later(datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return datetime.now(tz) + by

    monkeypatch.setattr(rotate_keys, "datetime", Later)


def test_both_keys_live_until_the_old_one_is_retired(rotation: Rotation, monkeypatch: pytest.MonkeyPatch) -> None:
    old_query = signed_now()
    old = opens(old_query)
    rotation.rotate()
    new_query = signed_now()
    new = opens(new_query)
    assert new != old
    assert opens(old_query) == old
    assert rotation.ssm.get_parameter(Name=PARAMETER)["Parameter"]["Type"] == "SecureString"

    for attempt in (rotation.retire, rotation.rotate):
        with pytest.raises(OpsError, match=f"Signatures of {old} may be valid until"):
            attempt()
    assert opens(old_query) == old
    later(monkeypatch, timedelta(seconds=keyring.CDN_KEY_LIFE + MAX_URL_EXPIRY - 60))
    with pytest.raises(OpsError, match="may be valid until"):
        rotation.retire()
    later(monkeypatch, timedelta(seconds=keyring.CDN_KEY_LIFE + MAX_URL_EXPIRY + 60))
    rotation.retire()
    assert opens(new_query) == new
    assert [key["Id"] for key in signing_key.public_keys(rotation.cloudfront)] == [new]
    with pytest.raises(AssertionError):
        opens(old_query)
    rotation.retire()
    assert opens(new_query) == new


def test_a_rotation_after_that_takes_the_old_key_out_by_itself(
    rotation: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    rotation.rotate()
    second = opens(signed_now())
    later(monkeypatch, timedelta(days=8))
    rotation.rotate()
    third = opens(signed_now())
    assert rotation.look().in_group == (second, third)


def test_a_leaked_key_ends_at_once(rotation: Rotation) -> None:
    query = signed_now()
    rotation.rotate()
    rotation.retire(at_once=True)
    with pytest.raises(AssertionError):
        opens(query)
    opens(signed_now())


def test_a_warm_process_follows_within_minutes_and_never_mixes_the_two(
    rotation: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    start = time.time() // keyring.CDN_KEY_LIFE * keyring.CDN_KEY_LIFE
    ahead = 0.0
    monkeypatch.setattr("chalicelib.keyring.time.time", lambda: start + ahead)
    old = opens(signed_now())
    rotation.rotate()
    seen = []
    for ahead in (1.0, keyring.CDN_KEY_LIFE - 1.0, float(keyring.CDN_KEY_LIFE)):  # noqa: B007 - the clock reads it
        access.sign_with.cache_clear()
        seen.append(opens(access.sign(RESOURCE, 2**31)))
    assert seen[:2] == [old, old]
    assert seen[2] != old


@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_a_rotation_may_stop_at_any_call(
    rotation: Rotation, cloudfront: Any, first_key: bytes, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    with calls(rotation, lambda *_: None, moment) as whole:
        rotation.rotate()
    changes = ["PutParameter", "CreatePublicKey", "UpdateKeyGroup", "PutParameter", "DeleteParameter"]
    former = ["DeleteParameter"]  # of the next key that the release before keeps elsewhere
    assert [name for name in whole if name in changes] == changes + former
    for last in range(1, len(whole) + 1):
        rotation = fresh(cloudfront, first_key, monkeypatch)
        query = signed_now()
        old = opens(query)

        def stop(_: str, number: int, last: int = last) -> None:
            if number == last:
                raise Broken

        with calls(rotation, stop, moment), pytest.raises(Broken):
            rotation.rotate()
        opens(signed_now())
        rotation.tell()
        keys = rotation.look()
        done = keys.signing != old and keys.next_pem is None
        if not done:
            rotation.rotate()
        new = opens(signed_now())
        assert new != old, last
        assert opens(query) == old
        keys = rotation.look()
        assert (keys.in_group, keys.old, keys.next_pem) == ((old, new), (old,), None), last


@pytest.mark.parametrize("moment", ["before-call", "after-call"])
def test_retiring_may_stop_at_any_call(
    rotation: Rotation, cloudfront: Any, first_key: bytes, monkeypatch: pytest.MonkeyPatch, moment: str
) -> None:
    rotation.rotate()
    with calls(rotation, lambda *_: None, moment) as whole:
        rotation.retire(at_once=True)
    for last in range(1, len(whole) + 1):
        rotation = fresh(cloudfront, first_key, monkeypatch)
        rotation.rotate()

        def stop(_: str, number: int, last: int = last) -> None:
            if number == last:
                raise Broken

        with calls(rotation, stop, moment), pytest.raises(Broken):
            rotation.retire(at_once=True)
        new = opens(signed_now())
        rotation.retire(at_once=True)
        assert opens(signed_now()) == new
        assert [key["Id"] for key in signing_key.public_keys(cloudfront)] == [new]
        keys = rotation.look()
        assert (keys.in_group, [key.id for key in keys.stored]) == ((new,), [new]), last


def test_nothing_is_signed_before_cloudfront_has_the_key(rotation: Rotation, monkeypatch: pytest.MonkeyPatch) -> None:
    status = chain(["InProgress"] * 3, repeat("Deployed"))
    asked: list[str] = []

    def answer(parsed: Any, **_: Any) -> None:
        parsed["Distribution"]["Status"] = next(status)
        asked.append(parsed["Distribution"]["Status"])
        assert rotation.look().signing == rotation.settings.cdn_key_id

    events = rotation.cloudfront.meta.events
    events.register("after-call.cloudfront.GetDistribution", answer)
    waited = Rotation(rotation.cloudfront, rotation.ssm, rotation.settings, "eu-west-1", print, settle=1)
    start = time.monotonic()
    waited.rotate()
    assert time.monotonic() - start >= 1
    assert asked[:4] == ["InProgress"] * 3 + ["Deployed"]


def test_a_distribution_that_takes_for_ever_changes_nothing(
    rotation: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = opens(signed_now())
    monkeypatch.setattr(rotate_keys, "DEPLOYED_TIMEOUT", -1)
    monkeypatch.setattr(Rotation, "_settling", lambda *_: True)
    with pytest.raises(OpsError, match="Run this again to continue"):
        rotation.rotate()
    assert opens(signed_now()) == old
    monkeypatch.undo()
    monkeypatch.setattr(keyring, "settings", lambda: rotation.settings)
    rotation.rotate()
    assert opens(signed_now()) != old


def test_a_key_that_somebody_put_into_the_group_stays(rotation: Rotation) -> None:
    made = rotation.cloudfront.create_public_key(
        PublicKeyConfig={"CallerReference": "x", "Name": "ours", "EncodedKey": signing_key.public_half(SPARE[2])}
    )
    keys = rotation.look()
    rotation.cloudfront.update_key_group(
        Id=keys.group_id,
        IfMatch=rotation.cloudfront.get_key_group(Id=keys.group_id)["ETag"],
        KeyGroupConfig={"Name": "n", "Items": [*keys.in_group, made["PublicKey"]["Id"]]},
    )
    rotation.rotate()
    rotation.retire(at_once=True)
    assert rotation.look().in_group == (made["PublicKey"]["Id"], opens(signed_now()))


def test_a_stage_that_can_not_sign_is_to_be_provisioned_first(rotation: Rotation) -> None:
    rotation.ssm.put_parameter(Name=PARAMETER, Value=SPARE[0], Overwrite=True)
    with pytest.raises(OpsError, match="would refuse this stage's signatures"):
        rotation.rotate()
    rotation.ssm.delete_parameter(Name=PARAMETER)
    with pytest.raises(OpsError, match="SSM has no"):
        rotation.rotate()


def test_provision_keeps_the_rotated_key_and_deletes_one_that_waits(rotation: Rotation) -> None:
    rotation.rotate()
    stored = signing_key.ensure_secrets(rotation.ssm, "test")
    key = signing_key.ensure_key_group(rotation.cloudfront, "test", "eu-west-1", stored)
    assert key.key_id == opens(signed_now())
    assert rotation.ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]["Value"] == stored


def test_the_status_names_every_key_and_changes_nothing(rotation: Rotation) -> None:
    said: list[str] = []
    telling = Rotation(rotation.cloudfront, rotation.ssm, rotation.settings, "eu-west-1", said.append, settle=0)
    old = opens(signed_now())
    telling.tell()
    kind, *hints = ("RSA 2048", "ECDSA") if rotation.look().kind == "RSA 2048" else ("ECDSA P-256",)
    line, *others = said
    assert line.startswith(f"{old} ({kind}): has been signing since 20")
    assert len(others) == len(hints)
    assert all(hint in other for hint, other in zip(hints, others, strict=True))
    rotation.rotate()
    said.clear()
    with calls(rotation, lambda *_: None, "before-call") as names:
        telling.tell()
    assert {name[:3] for name in names} == {"Get", "Lis"}
    over = rotation.look().since + timedelta(seconds=300 + MAX_URL_EXPIRY)
    assert said[1] == (
        f"{old}: does not sign any more; its signatures expire by {over:%Y-%m-%d %H:%M:%S} UTC, then run --retire"
    )
    assert not [text for text in said if "PRIVATE" in text]


def test_now_is_for_retiring_only() -> None:
    parser = argparse.ArgumentParser()
    rotate_keys.add_arguments(parser)
    with pytest.raises(OpsError, match="only be used together with --retire"):
        rotate_keys.main(parser.parse_args(["--stage", "test", "--now"]))


def test_what_is_stored_is_a_pem_file_with_a_line_before_it(first_key: bytes) -> None:
    key, other = keyring.CdnKey("K222", first_key.strip()), keyring.CdnKey("K333", SPARE[0].encode())
    text = keyring.write_cdn_keys(key)
    assert [each.pem.strip() for each in keyring.read_cdn_keys(text.encode(), "K111")] == [key.pem]
    assert keyring.read_cdn_key(text.encode(), "K111").id == "K222"
    assert keyring.read_cdn_key(first_key, "K111") == keyring.CdnKey("K111", first_key)
    both = keyring.write_cdn_keys(key, other)
    assert [each.id for each in keyring.read_cdn_keys(both.encode(), "K111")] == ["K222", "K333"]
    without_id = keyring.read_cdn_keys(first_key + keyring.write_cdn_keys(other).encode(), "K111")
    assert [(each.id, each.pem.strip()) for each in without_id] == [("K111", key.pem), ("K333", other.pem.strip())]
    assert signing_key.public_half(text) == signing_key.public_half(first_key.decode())
    assert signing_key.public_half(both) == signing_key.public_half(SPARE[0])
    assert "PRIVATE" not in repr(key)
    assert len(both) <= 4096, "a standard parameter of SSM"


# ---- A stage of the release before this one, which knows RSA keys only ----


def as_the_release_before_reads(text: str, otherwise: str) -> tuple[str, Any]:
    """The key that the release before this one signs with: its `keyring.read_cdn_key`, and cryptography's reader."""
    line, _, rest = text.encode().partition(b"\n")
    if line.startswith(b"Key-Pair-Id: "):
        return line.decode().removeprefix("Key-Pair-Id: ").strip(), load_pem_private_key(rest, None)
    return otherwise, load_pem_private_key(text.encode(), None)


def stored(rotation: Rotation) -> str:
    return str(rotation.ssm.get_parameter(Name=PARAMETER, WithDecryption=True)["Parameter"]["Value"])


def test_a_stage_with_an_rsa_key_moves_to_ecdsa(rsa_stage: Rotation) -> None:
    """Addresses that the release before this one gave open until the rotation has ended."""
    before = signed_now()
    old = opens(before)
    former = Signer(rsa_key(), old).wildcard(RESOURCE, int(time.time()) + 3600)
    assert "Hash-Algorithm" not in former
    assert rsa_stage.look().kind == "RSA 2048"
    rsa_stage.rotate()
    assert rsa_stage.look().kind == "ECDSA P-256"
    assert len(signed_now()) < len(before) - 240
    for query in (before, former):
        assert opens(query) == old
    rsa_stage.retire(at_once=True)
    for query in (before, former):
        with pytest.raises(AssertionError):
            opens(query)
    opens(signed_now())


def test_the_release_before_finds_its_rsa_key_until_the_rotation_has_ended(rsa_stage: Rotation) -> None:
    old = opens(signed_now())
    for step in ("before", "rotated"):
        id_, key = as_the_release_before_reads(stored(rsa_stage), old)
        assert isinstance(key, RSAPrivateKey), step
        assert opens(Signer(key, id_).wildcard(RESOURCE, 2**31)) == old, step
        if step == "before":
            rsa_stage.rotate()
    # Its provision finds the public half in the group and adds nothing.
    again = signing_key.ensure_key_group(rsa_stage.cloudfront, "test", "eu-west-1", pem(rsa_key()).decode())
    assert again.key_id == old
    rsa_stage.retire(at_once=True)
    assert "RSA" not in rsa_stage.look().kind
    assert len(rsa_stage.look().stored) == 1


def test_an_rsa_key_that_the_release_before_was_about_to_bring_in_is_not_used(rsa_stage: Rotation) -> None:
    name = signing_key.former_next_key_parameter("test")
    rsa_stage.ssm.put_parameter(Name=name, Value=pem(rsa_key(2)).decode(), Type="SecureString")
    rsa_stage.rotate()
    assert rsa_stage.look().kind == "ECDSA P-256"
    with pytest.raises(rsa_stage.ssm.exceptions.ParameterNotFound):
        rsa_stage.ssm.get_parameter(Name=name)


def test_a_second_rotation_keeps_no_former_key_in_the_value(
    rsa_stage: Rotation, monkeypatch: pytest.MonkeyPatch
) -> None:
    rsa_stage.rotate()
    later(monkeypatch, timedelta(days=8))
    rsa_stage.rotate()
    assert [key.id for key in rsa_stage.look().stored] == [opens(signed_now())]
