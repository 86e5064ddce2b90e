"""Each public name has an example in its docstring, and the example is true."""

from __future__ import annotations

import ast
import asyncio
import contextlib
import doctest
import inspect
import io
import json
import time
import traceback
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from fake_filemill import KEY, SECRET, URL, FakeFilemill
from signing import signed

import filemill
from filemill import AsyncFilemill, Filemill, _async_groups, _groups, _sockets, errors, models
from filemill._effects import NoSocket
from filemill._resource import Resource


def public() -> dict[str, Any]:
    """Every public name: what the package exports, all errors and records, and the public methods of all clients."""
    found: dict[str, Any] = {name: getattr(filemill, name) for name in filemill.__all__ if name != "__version__"}
    for module in (errors, models, _groups, _async_groups):
        for name, value in vars(module).items():
            if inspect.isclass(value) and value.__module__ == module.__name__ and not name.startswith("_"):
                found[name] = value
    for module_name, group in list(found.items()):
        if inspect.isclass(group) and issubclass(group, Resource):
            for name, member in vars(group).items():
                if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                    found[f"{module_name}.{name}"] = member
    return found


PUBLIC = public()


def test_there_are_as_many_asynchronous_names_as_others() -> None:
    blocking = {name for name in PUBLIC if name.startswith(("Filemill.", "Files.", "Keys.", "Webhooks.", "Shares."))}
    renamed = {f"Async{name}".replace("Filemill.close", "Filemill.aclose") for name in blocking}
    assert len(blocking) > 40 and renamed <= set(PUBLIC)


@pytest.mark.parametrize("name", PUBLIC)
def test_an_example_is_there_and_true(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = inspect.getdoc(PUBLIC[name]) or ""
    examples = doctest.DocTestParser().get_examples(text)
    assert examples, f"{name} has no example"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(_sockets, "_need_package", no_socket)
    Path("photo.jpg").write_bytes(b"hello")
    with namespace(text, is_async="await " in text or "async " in text) as (names, loop):
        for example in examples:
            assert outcome(example.source, names, loop) == (example.exc_msg or example.want), example.source


def no_socket() -> None:
    raise NoSocket("There is no network in this test.")


@contextlib.contextmanager
def namespace(text: str, is_async: bool) -> Iterator[tuple[dict[str, Any], asyncio.AbstractEventLoop]]:
    """The names that an example may use, and a loop for what it awaits."""
    fake = FakeFilemill()
    loop = asyncio.new_event_loop()
    with Filemill(URL, KEY, transport=fake.transport()) as client:
        names: dict[str, Any] = {**vars(models), **vars(errors), **vars(filemill), "client": client}
        names |= {"file": client.upload(b"hello", filename="photo.jpg"), "transport": fake.transport()}
        names |= {"webhook": client.webhooks.create("https://example.com/hooks"), "signed_webhook": webhook}
        names["file"] = client.files.get(names["file"].id)
        if ".create(" not in text:
            furnish(fake, names["file"].id)
        for word in ("slow", "broken"):
            if f"{word}_file" in text:
                names[f"{word}_file"] = client.upload(word.encode(), filename=f"{word}.jpg")
        if is_async:
            names["client"] = AsyncFilemill(URL, KEY, transport=fake.async_transport())
            names["transport"] = fake.async_transport()
        if "client.upload(" in text and "upload(b" not in text:
            fake.files.clear()
        if "client.files.restore" in text or "client.events" in text:
            fake.files[names["file"].id]["status"] = "ready"
        yield names, loop
        if is_async:
            loop.run_until_complete(names["client"].aclose())
    loop.run_until_complete(loop.shutdown_asyncgens())
    loop.run_until_complete(loop.shutdown_default_executor())
    loop.close()


def furnish(fake: FakeFilemill, file_id: str) -> None:
    """A key, an upload token and a share that are there before an example begins."""
    fake.keys["0123456789ab"] = {"id": "0123456789ab", "name": "the web shop", "scopes": ["files:read"]}
    fake.tokens["0123456789ab"] = {"id": "0123456789ab", "used": 2}
    fake.shares[file_id] = {"shr_1": {"id": "shr_1", "views": 3}}


def webhook() -> tuple[dict[str, str], bytes]:
    file = {"id": "file_00000000000000000000000001", "status": "ready", "revision": 2}
    event = {"id": "evt_1", "type": "filemill.file.ready", "subject": file["id"], "data": {"file": file}}
    return signed(json.dumps(event).encode(), SECRET, time.time())


def outcome(source: str, names: dict[str, Any], loop: asyncio.AbstractEventLoop) -> str:
    """The text that Python's prompt would show; for an error, its last line."""
    shown = io.StringIO()
    code = compile(source, "<example>", "single", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    with contextlib.redirect_stdout(shown):
        try:
            result = types.FunctionType(code, names)()
            if inspect.iscoroutine(result):
                loop.run_until_complete(result)
        except Exception as error:
            return traceback.format_exception_only(type(error), error)[-1]
    return shown.getvalue()
