"""Tests both resizers: the one with SIMD, and Pillow's, which is used where the other has no wheel."""

from __future__ import annotations

import random
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from statistics import mean
from typing import Any

import pytest
from PIL import Image, ImageChops, ImageStat

from chalicelib.model import ErrorCode, PermanentFault, Rendition
from chalicelib.processing.image import resize
from chalicelib.processing.image.cascade import process_image
from chalicelib.processing.image.color import on_paper
from chalicelib.processing.image.decode import as_seen
from chalicelib.processing.image.quality import ssim
from chalicelib.processing.image.resize import first_resize, resized
from chalicelib.renditions.engine import ENGINE_VERSION, HAS_RESIZER
from chalicelib.renditions.recipes import RECIPES
from tests import images
from tests.delta_e import differences

MEMORY = 1769 * 1024**2
MODES = ("L", "LA", "RGB", "RGBA", "CMYK")
POOL = ThreadPoolExecutor(2)

needs_simd = pytest.mark.skipif(not HAS_RESIZER, reason="cykooz-resizer has no wheel for this machine")


@pytest.fixture(params=[pytest.param("simd", marks=needs_simd), "pillow"])
def engine(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "pillow":
        monkeypatch.setattr(resize, "SIMD", None)
    return str(request.param)


def scene(width: int, height: int, mode: str = "RGB") -> Image.Image:
    """Grain on soft shapes: there are edges, but none at black or white. With alpha, all levels of it."""
    source = random.Random(3)
    small = Image.frombytes("RGB", (12, 9), bytes(source.randrange(60, 190) for _ in range(12 * 9 * 3)))
    grain = Image.frombytes("RGB", (width, height), source.randbytes(width * height * 3)).point(lambda v: v // 8)
    image = ImageChops.add(small.resize((width, height), Image.Resampling.BICUBIC), grain)
    if mode in ("LA", "RGBA"):
        ramp = Image.linear_gradient("L").rotate(90).resize((width, height))
        image.putalpha(ramp)
    return image.convert(mode)


def first(source: Image.Image, target: tuple[int, int], orientation: int = 1) -> Image.Image:
    return first_resize(source, orientation, None, target, POOL)


def greatest(one: Image.Image, other: Image.Image) -> int:
    return max(ImageChops.difference(one, other).tobytes())


@needs_simd
@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(480, 360), (100, 75), (31, 300), (901, 677)])
def test_both_resizers_make_the_same_picture(mode: str, size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    image = scene(900, 676, mode)
    fast = resized(image, size)
    monkeypatch.setattr(resize, "SIMD", None)
    slow = resized(image, size)
    assert fast.mode == slow.mode == mode and fast.size == slow.size == size
    if mode in ("LA", "RGBA"):
        fast, slow = (on_paper(made.convert("RGBA")) for made in (fast, slow))
    assert greatest(fast, slow) <= 4
    assert all(level < 0.4 for level in ImageStat.Stat(ImageChops.difference(fast, slow)).mean)
    assert ssim(fast.convert("L"), slow.convert("L")) > 0.995
    sample = [made.convert("RGB").resize((60, 45), Image.Resampling.NEAREST).tobytes() for made in (fast, slow)]
    assert mean(differences(*sample)) < 0.4, "CIEDE2000; 1 is what an eye can see"


def test_renditions_of_both_resizers_are_equally_good(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are not equal: the last bit of a pixel decides what an encoder drops. But they are as near to the best."""
    data = images.encoded(scene(1400, 1000), "JPEG", quality=95)
    with Image.open(BytesIO(data)) as whole:
        whole.load()
    made: list[dict[str, float]] = []
    for simd in (resize.SIMD, None):
        monkeypatch.setattr(resize, "SIMD", simd)
        found: dict[str, float] = {}

        def score(rendition: Rendition, encoded: bytes, found: dict[str, float] = found) -> None:
            with Image.open(BytesIO(encoded)) as image:
                best = whole.resize(image.size, Image.Resampling.LANCZOS).convert("L")
                found[f"{rendition.name}.{rendition.format}"] = ssim(image.convert("L"), best)

        process_image(data, RECIPES["photo"], memory=MEMORY, emit=score)
        made.append(found)
    assert made[0].keys() == made[1].keys()
    assert all(abs(score - made[1][name]) < 0.01 for name, score in made[0].items())


@needs_simd
def test_every_set_of_instructions_gives_the_same_bytes() -> None:
    """If not, a photo's bytes would depend on the computer in the cloud that it came to."""
    image, simd = scene(701, 503), resize.SIMD
    made = []
    for name in ("none", "sse4_1", "avx2"):
        one = simd.Resizer()
        try:
            one.cpu_extensions = simd.CpuExtensions[name]
        except BaseException:  # this processor has none of that
            continue
        target = Image.new("RGB", (300, 211))
        one.resize_pil(
            image, target, simd.ResizeOptions(resize_alg=simd.ResizeAlg.convolution(simd.FilterType.lanczos3))
        )
        made.append(target.tobytes())
    assert len(made) > 1
    assert len({*made, resized(image, (300, 211)).tobytes()}) == 1


@pytest.mark.parametrize("mode", ["LA", "RGBA"])
def test_what_is_clear_does_not_bleed_into_what_is_seen(engine: str, mode: str) -> None:
    """Visible white beside clear black: every pixel that can be seen at all stays white."""
    image = Image.new("RGBA", (301, 203), (0, 0, 0, 0))
    image.paste((255, 255, 255, 255), (77, 0, 301, 203))
    image = image.convert(mode)
    for made in (resized(image, (64, 43)), first(image, (64, 43))):
        light, alpha = made.convert("RGBA").getchannel("G").tobytes(), made.getchannel("A").tobytes()
        assert {0, 255} < {*alpha}
        assert min(level for level, seen in zip(light, alpha, strict=True) if seen > 16) >= 250


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("mode", MODES)
def test_every_turn_comes_out_upright_in_every_mode(engine: str, mode: str, turn: int) -> None:
    stored = (images.turned(240, 160, turn) if turn > 1 else images.picture(240, 160)).convert(mode)
    made = first(stored, (60, 40), turn)
    expected = {"L": "L", "LA": "RGBA", "RGBA": "RGBA"}.get(mode, "RGB")
    assert (made.mode, made.size) == (expected, (60, 40))
    upright = images.picture(240, 160).convert(mode).convert(expected)
    for x, y in ((5, 5), (55, 5), (5, 35), (55, 35)):
        one, other = made.convert("RGB").getpixel((x, y)), upright.convert("RGB").getpixel((4 * x, 4 * y))
        assert isinstance(one, tuple) and isinstance(other, tuple)
        assert max(abs(a - b) for a, b in zip(one, other, strict=True)) <= 2


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("size", [(199, 149), (200, 151), (640, 3), (5, 480), (640, 480)])
def test_strips_meet_without_a_seam(engine: str, mode: str, size: tuple[int, int]) -> None:
    image = scene(640, 480, mode)
    whole, made = resized(image, size) if size != image.size else image, first(image, size)
    whole = whole.convert(made.mode)
    if made.mode == "RGBA":
        whole, made = on_paper(whole), on_paper(made)
    assert greatest(whole, made) <= 1


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("shape", [(1, 1), (1, 2), (2, 1), (1, 4000), (4000, 1), (3, 3000), (7, 5)])
def test_the_smallest_and_the_thinnest(engine: str, mode: str, shape: tuple[int, int]) -> None:
    image = Image.new("RGB", shape, (40, 90, 200)).convert(mode)
    for size in ((1, 1), (2, 1), (1, 3), (5, 9)):
        for turn in (1, 6):
            made = first(image, as_seen(size, turn), turn)
            assert made.size == as_seen(size, turn)
            flat = image.convert(made.mode).getpixel((0, 0))
            assert made.getpixel((0, 0)) == made.getpixel((made.width - 1, made.height - 1)) == flat


def test_rows_end_where_the_image_does(engine: str) -> None:
    """The border of the last strip is a sum of fractions. A bit beyond the image would be an error."""
    for source_height in range(1, 60):
        image = Image.new("L", (2, source_height), 77)
        for height in range(1, 30):
            assert first(image, (1, height)).getextrema() == (77, 77)


@pytest.mark.parametrize("kind", ["1", "P", "I;16", "I", "F"])
def test_other_modes_are_made_eight_bit_first(engine: str, kind: str) -> None:
    out: list[bytes] = []
    picture = (
        scene(300, 200).convert("L").convert("I").point(lambda v: v * 256).convert("I;16") if kind == "I;16" else None
    )
    image = picture or scene(300, 200).convert("L" if kind in ("I", "F") else "RGB").convert(kind)
    data = images.encoded(image, "TIFF")
    process_image(data, RECIPES["avatar"], memory=MEMORY, emit=lambda _, encoded: out.append(encoded))
    assert out


@needs_simd
def test_a_panic_in_rust_is_an_error_like_others(monkeypatch: pytest.MonkeyPatch) -> None:
    class PanicException(BaseException):
        pass

    def panic(*_: Any) -> None:
        raise PanicException("index out of bounds")

    monkeypatch.setattr(resize.SIMD.Resizer, "resize_pil", panic)
    with pytest.raises(RuntimeError, match="gave up"):
        process_image(images.jpeg(400, 300), RECIPES["photo"], memory=MEMORY, emit=lambda *_: None)


def test_no_memory_for_the_result_is_too_many_pixels(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def exhausted(*_: object, **__: object) -> Image.Image:
        raise MemoryError

    data = images.jpeg(400, 300)
    monkeypatch.setattr(Image, "new", exhausted)
    with pytest.raises(PermanentFault) as caught:
        process_image(data, RECIPES["photo"], memory=MEMORY, emit=lambda *_: None)
    assert caught.value.code is ErrorCode.TOO_MANY_PIXELS


def version_with(path: Path) -> str:
    """The words of `engine` in a Python that finds only the packages in `path`."""
    code = f"import sys; sys.path[:0] = [{str(path)!r}, '.']; from chalicelib.renditions import engine as r;"
    code += "assert 'PIL' not in sys.modules and 'cykooz_resizer' not in sys.modules; print(r.ENGINE_VERSION)"
    python = str(Path(sys.base_prefix) / "bin" / Path(sys.executable).name)
    done = subprocess.run([python, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    return done.stdout.strip()


def test_the_engines_are_told_apart_by_what_is_installed(tmp_path: Path) -> None:
    plain = ENGINE_VERSION.split("+resizer")[0]
    assert version_with(tmp_path) == plain
    package = tmp_path / "cykooz_resizer"
    (package / "__pycache__").mkdir(parents=True)
    (package / "__pycache__" / "__init__.cpython-313.pyc").touch()
    assert version_with(tmp_path) == plain, "bytecode alone is no package"
    (package / "__init__.py").touch()
    assert version_with(tmp_path).startswith(f"{plain}+resizer")
