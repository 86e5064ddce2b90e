"""The planting itself: which faults a text can have, and that trials see what tests see and touch nothing else."""

from __future__ import annotations

import ast
import textwrap
from pathlib import Path

import pytest

from tests.mutants import trial
from tests.mutants.planting import Fault, faults_of
from tests.mutants.report import markdown
from tests.mutants.trial import Copy, Room, equivalents, possible, rooms, sample, summary


def changes(text: str, module: str = "a.py") -> set[tuple[str, str]]:
    return {(fault.before, fault.after) for fault in faults_of(module, textwrap.dedent(text).encode())}


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("x = a < b", "x = a <= b"),
        ("x = a not in b", "x = a in b"),
        ("x = (a) is (b)", "x = (a) is not (b)"),
        ("x = a and b", "x = a or b"),
        ("x = a + b", "x = a - b"),
        ("x = not a", "x = a"),
        ("x = 7", "x = 8"),
        ("x = True", "x = False"),
        ("send(a)", "pass"),
        ("raise Error()", "pass"),
        ("x = 'ß' if a else c", "x = 'ß' if not (a) else c"),
        ("x = ('a', 'b')", "x = ('b',)"),
        ("x = ('a', 'b')", "x = ('a',)"),
        ("x = ('a', 'b', 'c')", "x = ('b', 'c')"),
        ("x = ('a', 'b', 'c')", "x = ('a', 'b')"),
        ("x = {'a': b, **c}", "x = {**c}"),
        ("x = {'a': b, **c}", "x = {'a': b}"),
        ("x = get(a, strong=True)", "x = get(a)"),
        ("x = 'ß = :a AND b <= :c'", "x = 'ß = :a OR b <= :c'"),
        ("x = 'attribute_not_exists(pk)'", "x = 'attribute_exists(pk)'"),
    ],
)
def test_a_text_has_this_fault(before: str, after: str) -> None:
    assert (before, after) in changes(before)


@pytest.mark.parametrize(
    "text",
    ["x: dict[str, int] = y", "'''Words, and more.'''", "logger.info('a', extra={'b': 1})", "x = f'{a}' + b", "x = y"],
)
def test_a_text_has_no_fault_that_says_nothing(text: str) -> None:
    assert changes(text) == set()


def test_a_script_has_faults_outside_of_its_comments_and_its_texts() -> None:
    text = "// a === 1\nfunction f(a) {\n  if (a === 'x && 1') {\n    return null;\n  }\n}\n"
    assert changes(text, "a.js") == {
        ("if (a === 'x && 1') {", "if (!(a === 'x && 1')) {"),
        ("if (a === 'x && 1') {", "if (a !== 'x && 1') {"),
        ("return null;", "return undefined;"),
    }


@pytest.mark.parametrize("room", rooms().values(), ids=lambda room: room.name)
def test_every_fault_of_a_room_is_another_program_in_the_same_language(room: Room) -> None:
    found = possible(room)
    assert len(found) >= room.sample
    for fault in sample(room, 40):
        source = (trial.ROOT / fault.module).read_bytes()
        assert fault.planted(source) != source
        if fault.module.endswith(".py"):
            assert ast.dump(ast.parse(fault.planted(source))) != ast.dump(ast.parse(source)), fault


def test_a_sample_is_the_same_each_time() -> None:
    room = rooms()["sniff"]
    assert sample(room, 10) == sample(room, 10)
    assert len({fault.name for fault in sample(room, 10)}) > 5


def test_every_room_has_its_tests() -> None:
    for room in rooms().values():
        assert all((trial.ROOT / path).exists() for path in room.tests), room.name


def test_every_equivalent_can_still_be_planted_and_has_a_reason() -> None:
    found = {fault.name for room in rooms().values() for fault in possible(room)}
    assert [each for each in equivalents() if each.name not in found or not each.why] == []


def test_a_trial_tells_a_fault_that_a_test_notices_from_one_that_none_does(tmp_path: Path) -> None:
    (tmp_path / "measures.py").write_text("def larger(a, b):\n    return a if a > b else b\n\n\nUNUSED = 7\n")
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_measures.py").write_text(
        "from measures import larger\n\n\ndef test_larger():\n    assert larger(1, 2) == 2 == larger(2, 1)\n"
    )
    room = Room("small", ("measures.py",), ("tests/test_measures.py",), 9)
    copy = Copy(tmp_path)
    copy.measure(room)
    turned, unused = _named(room, tmp_path, "not (a > b)"), _named(room, tmp_path, "UNUSED = 8")
    before = (tmp_path / "measures.py").read_text()
    verdicts = [copy.judge(room, fault) for fault in (turned, unused)]
    assert [verdict.outcome for verdict in verdicts] == ["killed", "survived"]
    assert verdicts[0].by == "tests/test_measures.py::test_larger"
    assert (tmp_path / "measures.py").read_text() == before
    table = markdown({"rooms": {"small": summary(room, verdicts, 5)}})
    assert "| small | 5 | 2 | 1 | 0 | 1 |" in table
    assert "`UNUSED = 7` became `UNUSED = 8`" in table


def _named(room: Room, root: Path, part: str) -> Fault:
    return next(fault for fault in possible(room, root) if part in fault.after)


def test_a_room_that_is_red_by_itself_is_not_tried(tmp_path: Path) -> None:
    (tmp_path / "test_red.py").write_text("def test_red():\n    raise ValueError\n")
    with pytest.raises(trial.RedError, match="red without a fault"):
        Copy(tmp_path).measure(Room("red", (), ("test_red.py",), 1))


def test_a_copy_is_what_git_knows_of_the_project() -> None:
    with trial.copied() as copy:
        assert (copy.root / "app.py").read_bytes() == (trial.ROOT / "app.py").read_bytes()
        assert not (copy.root / ".git").exists()
    assert not copy.root.exists()
