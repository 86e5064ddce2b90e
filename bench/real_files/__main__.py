"""`python -m bench.real_files FOLDER [--out DIR]`: every file of a folder through a running stage, as a user sees it.

Start `make run` first. FOLDER has one folder for each source of files, such as `FOLDER/python3-docx/letter.docx`: its
name stands beside the file in the results. Each file is uploaded with the type that its extension stands for. Then
Chromium opens its markup and each of its renditions. DIR gets:

    outcomes.json      the records, and what the browser says of them
    outcomes.md        a table by kind, and the files by what became of them
    sheet.html         the contact sheet, and pictures of it: sheet-1.jpg and so on
    pictures.html      only the pictures that were made, and pictures-1.jpg

The exit code is 1 if the browser could not show something. A person judges the rest.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path

from bench.real_files import browser, report, uploads
from ops.local import loopback
from tests.local import Api


def main() -> int:
    os.environ.update(loopback.without_proxy(os.environ))
    parser = argparse.ArgumentParser(prog="python -m bench.real_files", description=__doc__.partition("\n")[0])
    parser.add_argument("folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(".local/real-files"), metavar="DIR")
    parser.add_argument("--front-door", default="http://localhost:8000", metavar="URL")
    parser.add_argument(
        "--key", type=Path, default=Path(".local/api-key"), metavar="FILE", help="file with the API key"
    )
    parser.add_argument("--again", action="store_true", help="open what is in outcomes.json, and upload nothing")
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    stored = options.out / "outcomes.json"
    if not options.again:
        api = Api(options.front_door, options.key.read_text().strip())
        stored.write_text(json.dumps(uploads.upload_all(api, options.folder)))
    outcomes = json.loads(stored.read_text())
    browser.open_all(outcomes)
    stored.write_text(json.dumps(outcomes, indent=1, ensure_ascii=False))
    (options.out / "outcomes.md").write_text(report.table(outcomes))
    for name, page in (("sheet", report.sheet(outcomes)), ("pictures", report.pictures(outcomes))):
        (options.out / f"{name}.html").write_text(page)
        browser.take_pictures(options.out / f"{name}.html")
    faults = [f"{each['source']}/{each['name']}: {fault}" for each in outcomes for fault in each["faults"]]
    print("\n".join([*faults, f"{len(outcomes)} files, {len(faults)} faults in the browser; see {options.out}"]))
    return 1 if faults else 0


if __name__ == "__main__":
    raise SystemExit(main())
