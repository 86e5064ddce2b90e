"""A front door that serves nothing, or serves private files to anyone, is found."""

from __future__ import annotations

import io
import json
import re
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from chalicelib import keyring
from chalicelib.delivery import missing
from chalicelib.settings import load
from ops.doctor import canary, front_door
from ops.doctor.patient import Patient, SkippedError
from ops.stack import cloudformation, console, signing_key
from tests.signers import parameters, pem, public_pem, rsa_key, signed_policy
from tests.stage import MEDIA_STAGE, ROOT, STAGE, aws_client


def deployed(patient: Patient) -> Patient:
    resources = [{"name": "rest_api", "resource_type": "rest_api", "rest_api_id": "abc"}]
    path = patient.project_dir / ".chalice" / "deployed" / "test.json"
    path.write_text(json.dumps({"resources": resources}))
    return patient


def test_a_wrong_clock_is_found() -> None:
    date = "Sun, 22 Nov 2026 12:00:00 GMT"
    assert front_door.assess_clock(date, datetime(2026, 11, 22, 12, 0, 20, tzinfo=UTC)) == ""
    assert "40 s ahead of AWS's" in front_door.assess_clock(date, datetime(2026, 11, 22, 12, 0, 40, tzinfo=UTC))
    assert "60 s behind AWS's" in front_door.assess_clock(date, datetime(2026, 11, 22, 11, 59, tzinfo=UTC))


def test_a_signing_key_that_cloudfront_would_refuse_is_found(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    ssm, cloudfront = aws_client("ssm"), aws_client("cloudfront")
    assert "is missing" in front_door.check_key(patient)
    key = signing_key.ensure_key_group(cloudfront, "test", "eu-west-1", signing_key.ensure_secrets(ssm, "test"))
    ours = Patient(
        patient.session, patient.region, patient.project_dir, load({**STAGE, "FILEMILL_CDN_KEY_ID": key.key_id})
    )
    assert "in no key group" in front_door.check_key(patient)
    assert front_door.check_key(ours) == ""
    parameter, private = signing_key.key_parameter("test"), signing_key.ensure_secrets(ssm, "test")
    present = keyring.CdnKey(key.key_id, private.encode())
    ssm.put_parameter(Name=parameter, Value=keyring.write_cdn_keys(present), Overwrite=True)
    assert front_door.check_key(patient) == "", "the id in SSM counts before the setting"
    former = pem(rsa_key())
    config = {"CallerReference": "r", "Name": "rsa", "EncodedKey": public_pem(former).decode()}
    rsa = cloudfront.create_public_key(PublicKeyConfig=config)["PublicKey"]["Id"]
    both = keyring.write_cdn_keys(keyring.CdnKey(rsa, former), present)
    ssm.put_parameter(Name=parameter, Value=both, Overwrite=True)
    assert "rotate-keys --stage test --retire" in front_door.check_key(patient)
    with monkeypatch.context() as patch:  # moto cannot change a key group
        group = {"KeyGroupConfig": {"Items": [rsa, key.key_id]}}
        patch.setattr(signing_key, "find_key_group", lambda *_: group)
        assert front_door.check_key(patient) == "", "while a stage moves from RSA to ECDSA, both keys are there"
        other = keyring.write_cdn_keys(keyring.CdnKey(rsa, pem(rsa_key(2))), present)
        ssm.put_parameter(Name=parameter, Value=other, Overwrite=True)
        assert f"not the private half of key {rsa}" in front_door.check_key(patient)
    ssm.put_parameter(Name=signing_key.key_parameter("test"), Value=signing_key.new_private_key(), Overwrite=True)
    assert "not the private half" in front_door.check_key(ours)
    ssm.delete_parameter(Name=signing_key.key_parameter("test"))
    assert "is missing" in front_door.check_key(ours)


def test_a_front_door_that_only_aws_serves_is_skipped_on_an_emulator(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    def client_of(endpoint: str) -> Any:
        return lambda *_: SimpleNamespace(meta=SimpleNamespace(endpoint_url=endpoint))

    assert patient.settings.front_door.endswith(".cloudfront.net")
    monkeypatch.setattr(Patient, "client", client_of("http://127.0.0.1:4566"))
    for check in (front_door.check_signatures, canary.check):
        with pytest.raises(SkippedError, match=r"no emulator serves https://d111\.cloudfront\.net"):
            check(patient)
    monkeypatch.setattr(Patient, "client", client_of("https://cloudfront.amazonaws.com"))
    front_door.refuse_unserved(patient)
    local = load({**STAGE, "FILEMILL_FRONT_DOOR": "http://localhost:8000"})
    monkeypatch.setattr(Patient, "client", client_of("http://127.0.0.1:4566"))
    front_door.refuse_unserved(Patient(patient.session, patient.region, patient.project_dir, local))


def test_the_front_door_must_know_the_deployed_api(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    no_api = front_door.check_front_door(patient)
    assert "provision --stage test`, then `chalice deploy --stage test`" in no_api
    deployed(patient)
    fresh = Patient(patient.session, patient.region, patient.project_dir, patient.settings)
    parameters = [{"ParameterKey": "ApiDomain", "ParameterValue": "old.execute-api.eu-west-1.amazonaws.com"}]
    monkeypatch.setattr(cloudformation, "describe", lambda *_: {"Parameters": parameters})
    assert "provision --stage test` again" in front_door.check_front_door(fresh)
    parameters[0]["ParameterValue"] = "abc.execute-api.eu-west-1.amazonaws.com"
    assert front_door.check_front_door(fresh) == ""
    way = {"ParameterKey": "OnDemand", "ParameterValue": "both"}
    parameters.append(way)
    assert "still asks the API for missing renditions" in front_door.check_front_door(fresh)
    for done in ("function", "api"):  # there are regions without function URLs
        way["ParameterValue"] = done
        assert front_door.check_front_door(fresh) == ""
    films = {"ParameterKey": "Streams", "ParameterValue": "false"}
    parameters.append(films)
    assert front_door.check_front_door(fresh) == "", "this stage has no function `stream`"
    with_media = load({**STAGE, **MEDIA_STAGE})
    fresh = Patient(patient.session, patient.region, patient.project_dir, with_media)
    assert "does not ask `stream` for segments yet" in front_door.check_front_door(fresh)
    films["ParameterValue"] = "true"
    assert front_door.check_front_door(fresh) == ""


def test_the_api_must_answer(patient: Patient, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def answer(url: str, timeout: float) -> Any:
        asked.append(url)
        return io.BytesIO()

    def refuse(url: str, timeout: float, status: int = 502) -> Any:
        raise urllib.error.HTTPError(url, status, "", SimpleNamespace(), None)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert front_door.check_health(deployed(patient)) == ""
    assert asked == ["https://abc.execute-api.eu-west-1.amazonaws.com/api/v1/health"]
    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    assert "answers 502; see `chalice logs --stage test`" in front_door.check_health(patient)
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: refuse(url, timeout, 403))
    assert "so it does not exist; run `chalice deploy --stage test`" in front_door.check_health(patient)


@pytest.mark.parametrize(
    ("page", "says"),
    [
        ("", ""),
        ("old", "shows the console's release 0123456789abcdef, and this checkout has release"),
        ("<h1>Welcome</h1>", "shows another page than the console"),
    ],
)
def test_a_console_of_another_checkout_is_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, page: str, says: str
) -> None:
    here = replace(patient, project_dir=ROOT)
    release = console.release(ROOT)
    assert release
    right = release.page.body.decode()
    served = {"": right, "old": right.replace(release.digest, "0123456789abcdef")}.get(page, page)
    monkeypatch.setattr(urllib.request, "urlopen", lambda url, timeout: io.BytesIO(served.encode()))
    found = front_door.check_console(here)
    assert says in found
    assert bool(found) == bool(says)


def test_a_front_door_without_a_console_and_a_checkout_without_one_are_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def refuse(url: str, timeout: float) -> Any:
        raise urllib.error.HTTPError(url, 404, "", SimpleNamespace(), None)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib.request, "urlopen", refuse)
    found = front_door.check_console(replace(patient, project_dir=ROOT))
    assert "answers 404 in place of the console; run `python -m ops provision --stage test`" in found
    assert "no console/index.html" in front_door.check_console(replace(patient, project_dir=tmp_path))


def test_the_emulators_apis_are_below_its_own_address() -> None:
    url = front_door.health_url("http://127.0.0.1:4577", "abc", "eu-west-1", "api")
    assert url == "http://127.0.0.1:4577/restapis/abc/api/_user_request_/v1/health"


def test_a_distribution_that_is_off_or_serves_private_files_to_anyone_is_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "no distribution EDIST" in front_door.check_distribution(patient)
    private = {"PathPattern": "/f/private/*", "TrustedKeyGroups": {"Enabled": True, "Items": ["G"]}}
    behaviours = [{"PathPattern": "/f/public/*"}, private]

    def assessed(status: str = "Deployed", enabled: bool = True) -> str:
        settings = {"Enabled": enabled, "CacheBehaviors": {"Items": behaviours}}
        return front_door.assess_distribution({"Status": status, "DistributionConfig": settings}, "G", patient)

    assert assessed() == ""
    assert "has not reached all edges" in assessed(status="InProgress")
    assert "turned off" in assessed(enabled=False)
    below = {"PathPattern": "/f/private/*/av/*", "TrustedKeyGroups": {"Enabled": True, "Items": ["another"]}}
    behaviours.insert(0, below)
    assert "/f/private/*/av/* does not ask for this stage's signatures" in assessed()
    behaviours.remove(below)
    private["TrustedKeyGroups"] = {"Enabled": False}
    assert "does not ask for this stage's signatures" in assessed()
    del behaviours[0]
    assert "no behaviour for /f/public/*" in assessed()


@pytest.mark.parametrize(("status", "says"), [(403, ""), (404, "answers 404 without a signature")])
def test_a_private_address_that_opens_without_a_signature_is_found(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, status: int, says: str
) -> None:
    asked: list[str] = []

    def answer(url: str, timeout: float) -> Any:
        asked.append(url)
        raise urllib.error.HTTPError(url, status, "", SimpleNamespace(), None)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    found = front_door.check_signatures(patient)
    assert says in found
    assert bool(found) == bool(says)
    assert asked == [patient.settings.front_door + front_door.PRIVATE]


def test_a_signature_of_each_stored_key_must_open_private_files(
    patient: Patient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    ssm, former, present = aws_client("ssm"), pem(rsa_key()), signing_key.new_private_key().encode()
    both = keyring.write_cdn_keys(keyring.CdnKey("K1", former), keyring.CdnKey("K2", present))
    ssm.put_parameter(Name=patient.settings.cdn_key_parameter, Value=both, Type="SecureString")
    known = {"K1": public_pem(former), "K2": public_pem(present)}
    asked: list[str] = []

    def answer(url: str, **_: Any) -> Any:
        address, query = url.partition("?")[::2]
        given = parameters(query) if query else {}
        asked.append(given.get("Key-Pair-Id", "none") + (" pattern" if "Policy" in given else ""))
        if public := known.get(given.get("Key-Pair-Id", "")):
            signed_policy(given, public, tmp_path, address)
        raise urllib.error.HTTPError(url, 404 if public else 403, "", SimpleNamespace(), None)  # type: ignore[arg-type]

    monkeypatch.setattr(urllib.request, "urlopen", answer)
    assert front_door.check_signatures(patient) == ""
    assert asked == ["none", "K1", "K1 pattern", "K2", "K2 pattern"]
    del known["K2"]
    assert "answers 403 to a signature of key K2 (ECDSA P-256)" in front_door.check_signatures(patient)
    del known["K1"]
    assert "answers 403 to a signature of key K1 (RSA 2048)" in front_door.check_signatures(patient)


def test_the_private_address_that_is_tried_is_one_that_the_edge_hands_on() -> None:
    """Only CloudFront's own check of the signature may refuse it: the function at the edge takes it for an address."""
    source = (ROOT / "edge" / "negotiate.js").read_text()
    found = re.search(r"const ADDRESS =\s*/(.+)/;", source)
    assert found
    pattern = found[1].replace(r"\/", "/")
    assert re.fullmatch(pattern, front_door.PRIVATE)
    assert not re.fullmatch(pattern, "/f/private/doctor/none/none.webp")
    _, _, visibility, file_id, version, name = front_door.PRIVATE.split("/")
    assert missing.parse(visibility, file_id, version, name), "and the API would make it if it had the file"
