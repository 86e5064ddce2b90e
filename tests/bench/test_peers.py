"""The bench of peers: what counts as a difference, its children, its corpus, and how it reads files."""

from __future__ import annotations

import contextlib
import io
import json
import sys
import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from bench.peers import corpus, files, ours, pictures, report, verdict, workers
from chalicelib.renditions.ladder import ladder
from chalicelib.renditions.recipes import Recipe
from tests import images, raws
from tests.stage import ROOT

pytestmark = pytest.mark.pure

READY = {"outcome": "ready", "code": None, "kind": "image", "width": 40, "height": 30, "has_alpha": False, "frames": 1}
FAILED = {"outcome": "failed", "code": "corrupt"}
SHOWN = {"outcome": "shown", "strict": True, "width": 40, "height": 30, "frames": 1, "mean": 0.4}
REFUSED, UNREAD = {"outcome": "refused"}, {"outcome": "none"}


@pytest.mark.parametrize(
    ("mine", "reference", "why"),
    [
        (READY, SHOWN, None),
        (READY, SHOWN | {"mean": 3.0}, None),
        (READY, SHOWN | {"mean": 3.01}, "ΔE 3.01"),
        (READY, SHOWN | {"width": 30, "height": 40}, "30 x 40, ours has 40 x 30"),
        (READY, SHOWN | {"frames": 2}, "2 frames, ours has 1"),
        (READY, SHOWN | {"mean": None}, "it could not be compared"),
        (READY, REFUSED, "refused, ours is ready"),
        (FAILED, REFUSED, None),
        (FAILED, SHOWN, "shown, ours is corrupt"),
        (FAILED, SHOWN | {"strict": False}, None),
        ({"outcome": "ready", "kind": "other"}, SHOWN, "shown, ours is of the kind other"),
        ({"outcome": "ready", "kind": "other"}, REFUSED, None),
        ({"outcome": "hung"}, REFUSED, "hung"),
    ],
)
def test_a_difference_from_one_reference(mine: Any, reference: Any, why: str | None) -> None:
    assert verdict.why_not(mine, reference) == why


def test_only_a_difference_from_every_reference_counts() -> None:
    far = SHOWN | {"mean": 9.0}
    assert verdict.verdict(READY, {"Chromium": SHOWN, "libvips": far}) == "same"
    assert verdict.verdict(READY, {"Chromium": far, "libvips": far}) == "differs"
    assert verdict.verdict(READY, {"Chromium": UNREAD, "libvips": far}) == "differs"
    assert verdict.verdict(READY, {"Chromium": UNREAD, "libvips": UNREAD}) == "alone"
    assert verdict.verdict({"outcome": "crashed"}, {"Chromium": UNREAD}) == "differs"


def test_the_worst_come_first() -> None:
    far = SHOWN | {"mean": 9.0}
    rows = [
        {"verdict": "differs", "ours": READY, "references": {"Chromium": far, "libvips": far}},
        {"verdict": "same", "ours": READY, "references": {"Chromium": far, "libvips": SHOWN}},
        {"verdict": "same", "ours": READY, "references": {"Chromium": SHOWN, "libvips": far | {"mean": 40.0}}},
        {"verdict": "same", "ours": READY, "references": {"Chromium": SHOWN, "libvips": SHOWN}},
    ]
    found = [verdict.badness(row) for row in rows]
    assert found == sorted(found, reverse=True)
    assert found[-1] == 0


def test_pictures_are_compared_at_the_size_that_the_engine_makes() -> None:
    recipe = Recipe("peers", widths=(files.WIDTH,), encodings=())
    for width in (1, 3, 511, 512, 513, 767, 1000, 4031):
        for height in (1, 2, 333, 3024):
            size = ladder(recipe, width, height)[-1]
            assert files.bounded(width, height) == (size.width, size.height)


@pytest.mark.parametrize("name", ["JPEG", "PNG", "GIF", "WEBP", "AVIF", "TIFF", "BMP", "ICO"])
def test_a_format_is_known_by_its_first_bytes(name: str) -> None:
    out = io.BytesIO()
    Image.new("RGB", (32, 32), "#c01020").save(out, name)
    type_ = {"ICO": "image/x-icon"}.get(name, f"image/{name.lower()}")
    assert files.format_of(out.getvalue()[:64]) == type_
    assert type_ in files.CHROMIUM | files.VIPS
    assert files.is_picture("without-an-ending", out.getvalue())


def test_text_is_no_picture_but_a_broken_picture_is() -> None:
    assert not files.is_picture("readme.txt", b"BMI of the image")
    assert files.is_picture("broken.JPG", b"nothing")
    assert not files.is_picture("empty.jpg", b"")


@pytest.fixture
def echo(tmp_path: Path) -> Iterator[workers.Workers]:
    """Two processes that answer {"n": …}, crash for {"crash": true}, and sleep for {"sleep": true}."""
    code = """
import os, sys, time
from bench.peers import workers
def work(job):
    print("noise")
    if job.get("crash"): os.abort()
    if job.get("sleep"): time.sleep(60)
    if job.get("fill"): return {"outcome": str(len(bytearray(job["fill"])))}
    return {"n": job["n"]}
workers.serve(work, 1024**3)
"""
    script = tmp_path / "echo.py"
    script.write_text(f"import sys; sys.path.insert(0, {str(ROOT)!r})\n{code}")
    with workers.Workers([sys.executable, str(script)], 1.5, 2) as found:
        yield found


@pytest.mark.slow
def test_a_crash_and_a_hang_are_outcomes_of_their_files_only(echo: workers.Workers) -> None:
    jobs: list[dict[str, Any]] = [{"n": 0}, {"crash": True}, {"n": 2}, {"sleep": True}, {"n": 4}, {"n": 5}]
    answers = dict(echo.ask_all(jobs))
    assert answers == {
        **{number: {"n": number} for number in (0, 2, 4, 5)},
        1: {"outcome": "crashed"},
        3: {"outcome": "hung"},
    }


@pytest.mark.slow
def test_a_child_has_a_bound_of_memory(echo: workers.Workers) -> None:
    assert dict(echo.ask_all([{"fill": 1000}, {"fill": 2 * 1024**3}])) == {
        0: {"outcome": "1000"},
        1: {"outcome": "crashed"},
    }


@pytest.fixture
def engine() -> Iterator[ours.Engine]:
    with contextlib.closing(ours.Engine()) as found:
        yield found


def look(engine: ours.Engine, folder: Path, name: str, data: bytes) -> dict[str, Any]:
    (folder / name).write_bytes(data)
    return engine.look({"path": str(folder / name), "out": str(folder / "out.png")})


def test_the_engine_is_asked_for_the_picture_before_it_is_encoded(engine: ours.Engine, tmp_path: Path) -> None:
    out = io.BytesIO()
    noise = Image.effect_noise((300, 200), 90).convert("RGB")
    noise.save(out, "PNG")
    found = look(engine, tmp_path, "noise.png", out.getvalue())
    assert (found["outcome"], found["width"], found["height"], found["frames"]) == ("ready", 300, 200, 1)
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.convert("RGB").tobytes() == noise.tobytes()


def test_the_frames_of_an_animation_are_one_below_the_other(engine: ours.Engine, tmp_path: Path) -> None:
    out = io.BytesIO()
    colors = ("#c80000", "#00c800", "#0000c8")
    frames = [Image.new("RGB", (20, 10), color) for color in colors]
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=100)
    found = look(engine, tmp_path, "three.gif", out.getvalue())
    assert (found["frames"], found["width"], found["height"]) == (3, 20, 10)
    with Image.open(tmp_path / "out.png") as picture:
        assert picture.size == (20, 30)
        seen = [picture.convert("RGB").getpixel((5, 10 * number + 5)) for number in range(3)]
    assert seen == [(200, 0, 0), (0, 200, 0), (0, 0, 200)]


def test_the_engine_s_refusals_are_outcomes(engine: ours.Engine, tmp_path: Path) -> None:
    whole = images.encoded(images.picture(400, 300), "JPEG")
    assert look(engine, tmp_path, "half.jpg", whole[: len(whole) // 2])["code"] == "corrupt"
    assert look(engine, tmp_path, "letter.png", b"Dear Ann, this is a letter.")["code"] == "type_mismatch"
    assert not (tmp_path / "out.png").exists()
    assert look(engine, tmp_path, "unknown", b"\0\1\2\3" * 100)["kind"] == "other"
    raw = look(engine, tmp_path, "photo.cr2", raws.cr2(raws.thumbnail()))
    assert (raw["outcome"], raw["kind"]) == ("ready", "other")


def test_pictures_of_a_reference_are_reduced_without_a_rim() -> None:
    picture = Image.new("RGBA", (2048, 64), (200, 30, 30, 0))
    picture.paste((200, 30, 30, 255), (0, 0, 1024, 64))
    made = pictures.reduced(picture)
    assert made.size == files.bounded(2048, 64)
    assert made.getpixel((10, 5)) == (200, 30, 30, 255)
    assert pictures.has_alpha([made])
    assert not pictures.has_alpha([made.crop((0, 0, 100, 16))])


def test_a_corpus_has_each_picture_of_the_archives_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    archives = tmp_path / "archives"
    archives.mkdir()
    photo, other = (images.encoded(images.picture(side, 80), "JPEG") for side in (120, 90))
    with tarfile.open(archives / "one-1.0.tar.gz", "w:gz") as tar:
        for name, data in (("one/a.jpg", photo), ("one/../../evil.jpg", other), ("one/readme.txt", b"text")):
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    with zipfile.ZipFile(archives / "two-2.0.zip", "w") as zip_:
        zip_.writestr("two/again.jpg", photo)
        zip_.writestr("two/deep/b.jpg", photo + b"tail")
    (archives / "notes.txt").write_text("no archive")
    monkeypatch.setattr(sys, "argv", ["corpus", str(archives), str(tmp_path / "out")])
    corpus.main()
    made = sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*.jpg"))
    assert made == ["out/one-1.0/a.jpg", "out/one-1.0/evil.jpg", "out/two-2.0/deep/b.jpg"]


def test_the_page_counts_and_says_what_changed() -> None:
    def rows(mine: Any, mean: float) -> report.Rows:
        references: dict[str, Any] = {"Chromium": SHOWN | {"mean": mean}, "libvips": UNREAD}
        row = {"ours": mine, "references": references, "verdict": verdict.verdict(mine, references)}
        return {"x/a|b.png": row, "same.png": {"ours": READY, "references": {"Chromium": SHOWN}, "verdict": "same"}}

    before, after = rows(READY, 12.0), rows(READY, 0.5)
    lines = report.page(after, {"Chromium": "Chromium 1", "libvips": "libvips 2"}, before).splitlines()
    assert "2 files. References: Chromium 1, libvips 2." in lines
    assert "| **differ from every reference** | 1 | 0 |" in lines
    assert "| differ from Chromium | 1 | 0 |" in lines
    assert "| differ from libvips | 0 | 0 |" in lines
    assert "| ready | 2 | 2 |" in lines
    assert "| x/a?b.png | ready, differs, Chromium: ΔE 12.0, 40 x 30 | ready, same, 40 x 30 |" in lines
    assert not any(line.startswith("| same.png") for line in lines)
    alone = report.page(before, {"Chromium": "Chromium 1"})
    assert "| x/a?b.png | ready | Chromium: ΔE 12.0 |" in alone.splitlines()
    assert json.dumps(before)
