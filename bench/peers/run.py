"""`python -m bench peers --corpus DIR [--json FILE] [--against OLD.json] …`."""

from __future__ import annotations

import hashlib
import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.images import tools
from bench.partitions import Progress
from bench.peers import files, report
from bench.peers.verdict import badness, verdict
from bench.peers.workers import ROOT, Workers

HOME = tools.HOME / "peers"
WORST = 60  # files on the contact sheet
SECONDS = 60.0  # of one file; a worker that takes longer is ended
JOBS = 2

_REFERENCES = 1
"""The version of what is kept of the references; to be raised when their children change."""


@dataclass(frozen=True)
class Reference:
    name: str
    command: list[str]
    version: str
    formats: frozenset[str]

    @property
    def kept(self) -> Path:
        """The folder of what it found, by the file's SHA-256: so a second run need not ask it again."""
        return HOME / "references" / f"{self.version.replace(' ', '-')}-{_REFERENCES}"


def run(
    corpus: Path,
    *,
    jobs: int = JOBS,
    limit: int | None = None,
    json_file: Path | None = None,
    against: Path | None = None,
    engine: Path = ROOT,
) -> None:
    """Runs all files and prints the page. Writes the figures to `json_file`, the page (.md) and sheets (.jpg) to it."""
    tools.ensure_python()
    paths = files.in_folder(corpus, limit)
    if not paths:
        raise SystemExit(f"There is no image file in {corpus}.")
    before: report.Rows | None = json.loads(against.read_text())["files"] if against else None
    references = [each for each in map(_installed, _known()) if each]
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths]
    made = HOME / "made"
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    command = [sys.executable, "-m", "bench.peers.ours", str(engine.resolve())]
    todo = [{"path": str(path.resolve()), "out": str(made / f"{digest}.png")} for path, digest in _zip(paths, digests)]
    ours = _all("the engine", command, jobs, todo)
    found = [_referred(reference, paths, digests, jobs) for reference in references]
    rows: report.Rows = {}
    for number, path in enumerate(paths):
        of = {reference.name: each[number] for reference, each in _zip(references, found)}
        rows[str(path.relative_to(corpus))] = {"sha256": digests[number], "ours": ours[number], "references": of}
    _compare(rows, references, made, jobs)
    for row in rows.values():
        row["verdict"] = verdict(row["ours"], row["references"])
    versions = {reference.name: reference.version for reference in references}
    text = report.page(rows, versions, before)
    print(text)
    _sheets((json_file or HOME / "peers.json").with_suffix(".jpg"), rows, references, made)
    if json_file:
        json_file.write_text(json.dumps({"versions": versions, "files": rows}, indent=1, ensure_ascii=False) + "\n")
        json_file.with_suffix(".md").write_text(text)


def _zip(one: Any, other: Any) -> Iterator[tuple[Any, Any]]:
    return zip(one, other, strict=True)


def _known() -> list[tuple[str, list[str], frozenset[str]]]:
    return [
        ("Chromium", [sys.executable, "-m", "bench.peers.chromium"], files.CHROMIUM),
        ("libvips", [str(tools.PYTHON), "-m", "bench.peers.vips"], files.VIPS),
    ]


def _installed(known: tuple[str, list[str], frozenset[str]]) -> Reference | None:
    name, command, formats = known
    done = subprocess.run([*command, "--version"], capture_output=True, text=True, cwd=ROOT)
    if done.returncode:
        print(f"bench: without {name}: {done.stderr.strip().splitlines()[-1:]}", file=sys.stderr)
        return None
    return Reference(name, command, done.stdout.strip(), formats)


def _all(title: str, command: list[str], jobs: int, todo: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The answers to all jobs, in their order, with a progress bar."""
    if not todo:
        return []
    print(f"bench: {title}", file=sys.stderr)
    progress, answers = Progress(len(todo)), [dict[str, Any]() for _ in todo]
    with Workers(command, SECONDS, min(jobs, len(todo))) as workers:
        for number, answer in workers.ask_all(todo):
            answers[number] = answer
            progress.step()
    return answers


def _referred(reference: Reference, paths: list[Path], digests: list[str], jobs: int) -> list[dict[str, Any]]:
    """The findings of a reference in each file; {"outcome": "none"} in formats that it does not read."""
    reference.kept.mkdir(parents=True, exist_ok=True)
    todo: dict[str, dict[str, Any]] = {}
    read = [files.format_of_file(path) in reference.formats for path in paths]
    for path, digest, reads in zip(paths, digests, read, strict=True):
        if reads and not (reference.kept / f"{digest}.json").exists():
            todo[digest] = {"path": str(path.resolve()), "out": str(reference.kept / f"{digest}.png")}
    for digest, answer in _zip(todo, _all(reference.version, reference.command, jobs, list(todo.values()))):
        (reference.kept / f"{digest}.json").write_text(json.dumps(answer))
    return [
        json.loads((reference.kept / f"{digest}.json").read_text()) if reads else {"outcome": "none"}
        for digest, reads in _zip(digests, read)
    ]


def _compare(rows: report.Rows, references: list[Reference], made: Path, jobs: int) -> None:
    """Fills in the differences of the pictures."""
    pairs, todo = list[dict[str, Any]](), list[dict[str, Any]]()
    for row in rows.values():
        for reference in references:
            found, ours = row["references"][reference.name], made / f"{row['sha256']}.png"
            if found["outcome"] == "shown" and ours.exists():
                pairs.append(found)
                todo.append({"ours": str(ours), "reference": str(reference.kept / f"{row['sha256']}.png")})
    for found, answer in _zip(pairs, _all("comparing", [str(tools.PYTHON), "-m", "bench.peers.compare"], jobs, todo)):
        found |= {name: answer.get(name) for name in ("mean", "worst", "psnr")}


def _sheets(out: Path, rows: report.Rows, references: list[Reference], made: Path) -> None:
    worst = sorted(rows.items(), key=lambda item: -badness(item[1]))[:WORST]
    lines = [json.dumps(_card(*item, references, made)) for item in worst if badness(item[1])]
    if lines:
        command = [str(tools.PYTHON), "-m", "bench.peers.sheet", "--out", str(out.resolve())]
        subprocess.run(command, input="\n".join(lines), text=True, check=True, cwd=ROOT)


def _card(name: str, row: report.Row, references: list[Reference], made: Path) -> dict[str, Any]:
    shown = [("ours", made / f"{row['sha256']}.png")]
    shown += [(each.name, each.kept / f"{row['sha256']}.png") for each in references]
    words = [f"{row['verdict']}; ours: {report.outcome(row['ours'])}", *report.reasons(row).split("; ")]
    return {
        "title": name,
        "words": words,
        "pictures": [[label, str(path) if path.exists() else None] for label, path in shown],
    }
