from __future__ import annotations

import json
from typing import Any

import pytest

from chalicelib.catalog import tenants as catalog_tenants
from chalicelib.catalog import usage
from chalicelib.model import now
from ops import tenants
from ops.__main__ import main
from ops.keys import create_operator
from tests.client import new_client
from tests.stage import STAGE


@pytest.fixture
def ops(stage: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(tenants, "load_stage", lambda *_: STAGE)
    return lambda *words: main(["tenants", *words, "--stage", "test"])


def test_a_default_recipe_is_set_shown_and_taken_back(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops("show", "acme") == 0
    assert "photo (not set)" in capsys.readouterr().out
    assert ops("set", "acme", "--default-recipe", "avatar") == 0
    assert catalog_tenants.get_tenant("acme").default_recipe == "avatar"
    assert ops("set", "acme", "--default-recipe", "none", "--json") == 0
    assert json.loads(capsys.readouterr().out.splitlines()[-1]) == {
        "name": "acme",
        "default_recipe": None,
        "unscannable": None,
        "suspended": False,
        "quotas": {},
    }


def test_a_rule_for_unscannable_files_is_set_beside_the_recipe(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops("set", "acme", "--default-recipe", "avatar") == 0
    assert ops("set", "acme", "--unscannable", "accept") == 0
    assert catalog_tenants.get_tenant("acme") == catalog_tenants.Tenant("acme", "avatar", "accept")
    assert catalog_tenants.unscannable("acme") == "accept"
    assert "default recipe avatar, unscannable files accept" in capsys.readouterr().out
    assert ops("set", "acme", "--unscannable", "none") == 0
    assert catalog_tenants.unscannable("acme") == "refuse"
    assert "unscannable files refuse (not set)" in capsys.readouterr().out
    assert ops("set", "acme") == 1
    assert "--unscannable" in capsys.readouterr().err


@pytest.mark.parametrize("wrong", [("set", "Acme!", "--default-recipe", "photo"), ("show", "-")])
def test_a_wrong_tenant_is_a_sentence(ops: Any, capsys: pytest.CaptureFixture[str], wrong: tuple[str, ...]) -> None:
    assert ops(*wrong) == 1
    assert "lower-case" in capsys.readouterr().err


def test_an_unknown_recipe_is_refused(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as left:
        ops("set", "acme", "--default-recipe", "poster")
    assert left.value.code == 2
    assert "avatar" in capsys.readouterr().err


def test_a_tenant_is_suspended_and_goes_on_and_its_other_settings_stay(
    ops: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    assert ops("set", "acme", "--default-recipe", "avatar", "--quota", "files=10") == 0
    assert ops("suspend", "acme") == 0
    assert "acme: suspended, default recipe avatar" in capsys.readouterr().out
    assert catalog_tenants.get_tenant("acme") == catalog_tenants.Tenant("acme", "avatar", None, True, {"files": 10})
    assert ops("resume", "acme") == 0
    assert catalog_tenants.get_tenant("acme") == catalog_tenants.Tenant("acme", "avatar", None, False, {"files": 10})


def test_quotas_are_set_and_taken_back_one_by_one(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    assert ops("set", "acme", "--quota", "files=10", "--quota", "renders_per_day=0") == 0
    assert ops("set", "acme", "--quota", "files=none", "--quota", "stored_bytes=5") == 0
    assert catalog_tenants.get_tenant("acme").quotas == {"renders_per_day": 0, "stored_bytes": 5}
    assert "renders_per_day 0, stored_bytes 5" in capsys.readouterr().out


@pytest.mark.parametrize("wrong", ["files", "files=", "files=-1", "files=1e3", "file=1", f"files={2**53}", "files=1 "])
def test_a_wrong_quota_is_a_sentence(ops: Any, capsys: pytest.CaptureFixture[str], wrong: str) -> None:
    assert ops("set", "acme", "--quota", wrong) == 1
    assert "NAME=NUMBER" in capsys.readouterr().err


def test_all_tenants_with_a_key_or_settings_are_listed(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    new_client("other")
    create_operator()
    assert ops("set", "acme", "--unscannable", "accept") == 0
    capsys.readouterr()
    assert ops("list", "--json") == 0
    assert [each["name"] for each in json.loads(capsys.readouterr().out)] == ["acme", "other"]
    assert ops("list") == 0
    assert len(capsys.readouterr().out.splitlines()) == 2


def test_the_usage_of_a_tenant_is_shown_with_its_quotas_and_days(ops: Any, capsys: pytest.CaptureFixture[str]) -> None:
    catalog_tenants.put_tenant(catalog_tenants.Tenant("acme", quotas={"files": 1000, "requests_per_minute": 60}))
    today = usage.day_of(now())
    usage.add("acme", today, uploaded_files=3, uploaded_bytes=4096)
    assert ops("usage", "acme") == 0
    said = capsys.readouterr().out
    assert "acme: 0 files, 0 bytes" in said
    assert "files: 0 of 1,000" in said
    assert "requests_per_minute: at most 60" in said
    assert said.splitlines()[-1].split() == [today, "3", "4,096", "0", "0", "0", "-", "-", "-"]
    assert ops("usage", "acme", "--json") == 0
    report = json.loads(capsys.readouterr().out)
    assert report["days"][0]["uploaded_bytes"] == 4096
    assert report["quotas"]["files"] == {"limit": 1000, "used": 0, "resets_at": None}
