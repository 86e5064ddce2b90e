"""Size of the layer that `chalice package` makes, zipped and unpacked, for both architectures; and of its packages.

Chalice sends the layer's archive within one request, and Lambda takes 50 MB so:
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
"""

from __future__ import annotations

import datetime
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections import Counter
from pathlib import Path

from chalicelib.wheels import PROCESSORS
from ops import package
from ops.stack import recording
from ops.stack.names import FUNCTIONS
from tests.stage import ROOT, STAGE

GOAL = 40  # MB, zipped
SHOWN = 12  # packages
RESULT = ROOT / "bench" / "results" / "layer.md"


def run() -> None:
    layers = {}
    with tempfile.TemporaryDirectory() as folder:
        for architecture in PROCESSORS:
            layers[architecture] = layer_of(packaged(Path(folder) / architecture, architecture))
        text = _page(layers)
    print(text)
    RESULT.write_text(text)


def packaged(folder: Path, architecture: str) -> Path:
    """The folder of archives that `chalice package` makes of this checkout. pip fetches the wheels."""
    project = folder / "project"
    project.mkdir(parents=True)
    shutil.copytree(ROOT / "chalicelib", project / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("app.py", "requirements.txt", ".chalice/config.json"):
        (project / name).parent.mkdir(exist_ok=True)
        shutil.copyfile(ROOT / name, project / name)
    roles = {function: f"arn:aws:iam::123456789012:role/{function}" for function in FUNCTIONS}
    recording.record(project, "test", STAGE, roles, {}, architecture, lambda _: None)
    package.write(project, architecture, lambda _: None)
    subprocess.run(
        [str(Path(sys.executable).with_name("chalice")), "package", "--stage", "test", "out"],
        cwd=project,
        env={k: v for k, v in os.environ.items() if not k.startswith("FILEMILL_")}
        | {"AWS_DEFAULT_REGION": "eu-west-1"},
        stdout=subprocess.DEVNULL,
        check=True,
        timeout=600,
    )
    return project / "out"


def layer_of(out: Path) -> dict[str, tuple[int, int]]:
    """Bytes of each package of the layer (zipped, unpacked), the largest first. The archive itself is `""`."""
    (archive,) = (each for each in out.glob("*.zip") if "app.py" not in zipfile.ZipFile(each).namelist())
    zipped, unpacked = Counter[str](), Counter[str]()
    for entry in zipfile.ZipFile(archive).infolist():
        name = entry.filename.partition("/site-packages/")[2].split("/")[0].removesuffix(".libs")
        zipped[name] += entry.compress_size
        unpacked[name] += entry.file_size
    sizes = {name: (size, unpacked[name]) for name, size in zipped.most_common()}
    return {"": (archive.stat().st_size, unpacked.total())} | sizes


def _page(layers: dict[str, dict[str, tuple[int, int]]]) -> str:
    wholes = {architecture: layer[""] for architecture, layer in layers.items()}
    lines = [
        "# Size of the layer",
        "",
        f"Goal: below {GOAL} MB zipped. MB are 1,000,000 bytes.",
        "",
        f"| | {' | '.join(f'{each}, zipped | unpacked' for each in layers)} |",
        "|---|" + "--:|--:|" * len(layers),
        f"| the layer | {' | '.join(_megabytes(*each) for each in wholes.values())} |",
    ]
    for name in [name for name in next(iter(layers.values())) if name][:SHOWN]:
        cells = (_megabytes(*layer.get(name, (0, 0))) for layer in layers.values())
        lines.append(f"| … `{name}` | {' | '.join(cells)} |")
    lines += [
        "",
        f"{datetime.datetime.now(datetime.UTC).date().isoformat()}, packed by `chalice package` with Python "
        f"{platform.python_version()} on {platform.machine()}; with `vendor`.",
    ]
    for architecture, (zipped, _) in wholes.items():
        assert zipped < GOAL * 1000**2, f"the layer for {architecture} has {zipped} bytes"
    return "\n".join(lines) + "\n"


def _megabytes(zipped: int, unpacked: int) -> str:
    return f"{zipped / 1e6:.1f} | {unpacked / 1e6:.1f}"
