"""CPU of each function's start from its unpacked package, as a ratio to plain boto3 with clients of S3 and DynamoDB.

Goals: 0.68 for Pillow and both clients, 1.30 for the process function with all its imports and for the API. The
functions `media` and `stream` have FFmpeg in a layer of their own, and only the fork server of their children imports
it, once for each instance; so it is a case by itself, and no other function's start has it. In `stream` it starts with
the instance, and that case has only what starting it costs the function itself. The stage is one with these functions,
as most are. Processes are fresh, the cases alternate, and Python is the one below the virtual environment, so that only
what is packed can be imported.
"""

from __future__ import annotations

import datetime
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import sysconfig
import tempfile
import zipfile
from collections.abc import Sequence
from pathlib import Path

from bench.layer import packaged
from ops import botocore_data, package
from ops.stack.emulator_gaps import machine_architecture
from tests.stage import MEDIA_STAGE, ROOT, STAGE

ROUNDS = 15
RESULT = ROOT / "bench" / "results" / "cold_start.md"

CLIENTS = "from chalicelib import aws; aws.s3(); aws.dynamodb()"
PLAIN = "import boto3; boto3.client('s3'); boto3.client('dynamodb')"
PLUGINS = "AvifImagePlugin, ImageCms, JpegImagePlugin, PngImagePlugin, WebPImagePlugin"
IMAGE = "from chalicelib.processing.image import cascade"
MEDIA = f"from chalicelib.processing.media import video, audio; {IMAGE}"
STREAM = "from chalicelib.processing.media.hls import stream"
NO_FFMPEG = "import sys; assert 'av' not in sys.modules"
CHILD = "chalicelib.processing.media.hls.child"
CASES = {  # what is imported: (code, the function's name)
    "plain boto3: its clients of S3 and DynamoDB": (PLAIN, ""),
    "Filemill's clients of S3 and DynamoDB": (CLIENTS, ""),
    "Pillow with five plugins": (f"from PIL import Image, {PLUGINS}", ""),
    "Pillow and both clients": (f"from PIL import Image, {PLUGINS}; {CLIENTS}", ""),
    "process: app, image code, both clients": (f"import app; {IMAGE}; {CLIENTS}", "filemill-test-process"),
    "process: all that handling an image imports": (
        f"import app; from chalicelib.processing import pipeline; {IMAGE}; {CLIENTS}",
        "filemill-test-process",
    ),
    "API: app and both clients": (
        f"import app; {CLIENTS}; import sys; assert 'PIL' not in sys.modules",
        "filemill-test",
    ),
    "fetch": (f"import app; from chalicelib import importing; {CLIENTS}", "filemill-test-fetch"),
    "index": (f"import app; from chalicelib.events import indexing; {CLIENTS}", "filemill-test-index"),
    "render": (f"import app; from chalicelib.processing import on_demand; {IMAGE}; {CLIENTS}", "filemill-test-render"),
    "media: all that handling a film imports, without its child": (
        f"import app; from chalicelib.processing import pipeline; {MEDIA}; {CLIENTS}; {NO_FFMPEG}",
        "filemill-test-media",
    ),
    "stream: all that handling a segment imports, without its child": (
        f"import app; from chalicelib.processing.media import on_demand; {STREAM}; {CLIENTS}; {NO_FFMPEG}",
        "filemill-test-stream",
    ),
    "the fork server of both: FFmpeg, and the code that makes segments": (f"import {CHILD}", ""),
    "sweep": (f"import app; from chalicelib.upkeep import sweep; {CLIENTS}", "filemill-test-sweep"),
}
BASE = next(iter(CASES))


def run() -> None:
    with tempfile.TemporaryDirectory() as folder:
        packed = _packed(Path(folder))
        samples: dict[tuple[str, str], list[float]] = {}
        load = os.getloadavg()[0]
        for number in range(ROUNDS + 1):
            for case, (code, function) in CASES.items():
                for variant, paths in packed.items():
                    seconds = _cpu_seconds(code, function, paths[case == BASE])
                    if number:  # the first round does not count: it fills the page cache
                        samples.setdefault((case, variant), []).append(seconds)
    text = _table(samples, list(packed), load)
    print(text)
    RESULT.write_text(text)


def _packed(folder: Path) -> dict[str, tuple[list[Path], list[Path]]]:
    """By variant: the module paths of Filemill's function, and those of plain boto3."""
    out = packaged(folder, machine_architecture() or "arm64")
    for archive in map(zipfile.ZipFile, out.glob("*.zip")):
        archive.extractall(folder / ("task" if "app.py" in archive.namelist() else "layer"))
    (layer,) = (folder / "layer").glob("python/lib/*/site-packages")
    plain, bare = folder / "boto3", folder / "bare"
    for found in package.closure(["boto3"]).values():
        for name, source in package.files(found):
            (plain / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, plain / name)
    without = shutil.ignore_patterns("__pycache__")
    for name, source in {"boto3": plain, "layer": layer, "task": folder / "task"}.items():
        shutil.copytree(source, bare / name, ignore=without)
    unvendored = folder / "unvendored"
    shutil.copytree(bare / "layer", unvendored)
    for name in ("botocore", "urllib3", "dateutil"):
        shutil.rmtree(unvendored / name)
    subprocess.run([sys.executable, "-m", "compileall", "-qq", str(plain)], check=True)
    ffmpeg = _ffmpeg(folder / "ffmpeg")
    return {
        "as deployed": ([folder / "task", layer, ffmpeg], [plain]),
        "the same without .pyc": ([bare / "task", bare / "layer", ffmpeg], [bare / "boto3"]),
        "without `vendor`": ([bare / "task", unvendored, plain, ffmpeg], [plain]),
    }


def _ffmpeg(folder: Path) -> Path:
    """PyAV alone, as its own layer has it. It is the installed one: a layer is made for the functions' processor."""
    folder.mkdir()
    for found in sysconfig.get_path("platlib"), sysconfig.get_path("purelib"):
        for name in ("av", "av.libs"):
            if (Path(found) / name).exists() and not (folder / name).exists():
                (folder / name).symlink_to(Path(found) / name)
    return folder


def _cpu_seconds(code: str, function: str, paths: Sequence[Path]) -> float:
    """User and system time of one new process."""
    environment = (
        STAGE
        | MEDIA_STAGE
        | {
            "PATH": os.environ["PATH"],
            "PYTHONPATH": os.pathsep.join(map(str, paths)),
            "PYTHONDONTWRITEBYTECODE": "1",
            "AWS_DEFAULT_REGION": "eu-west-1",
            "AWS_ACCESS_KEY_ID": "bench",
            "AWS_SECRET_ACCESS_KEY": "bench",
            "AWS_LAMBDA_FUNCTION_NAME": function,
        }
    )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([_interpreter(), "-P", "-c", code], env=environment, check=True, timeout=60)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _interpreter() -> str:
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")


def _table(samples: dict[tuple[str, str], list[float]], variants: list[str], load: float) -> str:
    base = samples[BASE, variants[0]]
    lines = [
        "# CPU of a cold start",
        "",
        "Ratios to plain boto3 with .pyc in the same round; medians.",
        "",
        f"| made ready | {' | '.join(variants)} |",
        f"|---|{'--:|' * len(variants)}",
    ]
    for case in CASES:
        ratios = ([one / of for one, of in zip(samples[case, each], base, strict=True)] for each in variants)
        lines.append(f"| {case} | {' | '.join(f'{statistics.median(each):.2f}' for each in ratios)} |")
    models = ", ".join(botocore_data.OPERATIONS)
    conditions = {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "rounds": f"{ROUNDS}, after one that warms the page cache; CPU of fresh processes, user and system",
        "plain boto3": f"boto3 {package.closure(['boto3'])['boto3'].version}, all services; median "
        f"{statistics.median(base) * 1000:.0f} ms of CPU",
        "as deployed": "the unpacked archives of `chalice package`: .pyc, of botocore's data only the operations "
        f"that are called ({models})",
        "without `vendor`": "what Chalice packs by itself (no .pyc), with plain boto3 and its .pyc as the runtime's",
        "Python": f"{platform.python_version()}, {platform.machine()}, {len(os.sched_getaffinity(0))} cores",
        "load average before": f"{load:.1f} (a shared machine)",
        "not measured": "Lambda itself: its disks, its runtime's own start, its share of a core",
    }
    return "\n".join([*lines, "", *(f"- {name}: {value}" for name, value in conditions.items()), ""])
