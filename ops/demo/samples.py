"""Makes the samples of `make demo` in a folder: `.local/demo/bin/python -m ops.demo.samples FOLDER`.

They are the same for everybody: photographs out of packages, and files that common libraries write. The Python of
.local/demo runs this (ops/demo/requirements.txt), so it imports nothing else of ops.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from ops.demo import documents, media, pictures

ROOT = Path(__file__).resolve().parents[2]
FONT = pictures.PACKAGES / "reportlab/fonts/Vera.ttf"

SOURCES = """\
# The samples

`make demo` made these files on this computer.

| File | From |
|---|---|
{rows}
| Vera.ttf | Bitstream Vera, as ReportLab brings it; its licence allows copies that are not sold by themselves |
| irises.csv, irises.xlsx | Ronald Fisher's measures (1936), as scikit-learn brings them, BSD-3-Clause |
| how-it-works.svg | this project, Apache-2.0 |
| field-report.pdf, invitation.docx, up.pptx, hello.eml, everything.zip | written for the demo, with these photographs |
| launch.mp4, four-bars.mp3 | encoded for the demo, the film with these photographs |
"""


def steps(folder: Path) -> dict[str, Callable[[], object]]:
    """The making of each sample that is no photograph, by name, in the order in which they need one another."""

    def here(*names: str) -> list[Path]:
        return [folder / name for name in names]

    return {
        "Vera.ttf": lambda: shutil.copyfile(FONT, folder / "Vera.ttf"),
        "how-it-works.svg": lambda: shutil.copyfile(ROOT / "docs/flow.svg", folder / "how-it-works.svg"),
        "irises.csv": lambda: documents.table(folder / "irises.csv"),
        "irises.xlsx": lambda: documents.sheet(folder / "irises.xlsx"),
        "field-report.pdf": lambda: documents.report(folder / "field-report.pdf", folder),
        "invitation.docx": lambda: documents.letter(folder / "invitation.docx", folder),
        "up.pptx": lambda: documents.slides(folder / "up.pptx", folder),
        "hello.eml": lambda: documents.mail(folder / "hello.eml", here("field-report.pdf", "cat.png")),
        "everything.zip": lambda: documents.archive(
            folder / "everything.zip", here("irises.csv", "invitation.docx", "coffee.png", "flower.jpg")
        ),
        "four-bars.mp3": lambda: media.music(folder / "four-bars.mp3", folder / "flower.jpg"),
        "launch.mp4": lambda: media.film(folder / "launch.mp4", here("launch.jpg", "astronaut.png", "galaxies.jpg")),
        "sources.md": lambda: (folder / "sources.md").write_text(sources(), encoding="utf-8"),
    }


def sources() -> str:
    """A page that says where each sample is from, and under which licence."""
    return SOURCES.format(rows="\n".join(f"| {each.name} | {each.licence} |" for each in pictures.PICTURES))


def main(folder: Path) -> None:
    """Makes all samples. One is complete as soon as the folder has its own name, so that no half one is ever sent."""
    half = folder.with_name(folder.name + ".new")
    shutil.rmtree(half, ignore_errors=True)
    half.mkdir(parents=True)
    pictures.copy(half)
    making = steps(half)
    for number, (name, make) in enumerate(making.items(), 1):
        print(f"{number}/{len(making)} {name}", flush=True)
        make()
    shutil.rmtree(folder, ignore_errors=True)
    half.rename(folder)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
