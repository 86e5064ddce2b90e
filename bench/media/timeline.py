"""`python -m bench.media.timeline`: a picture of what is made when, while a person watches a film for the first time.

It is a real run: the functions `process`, `media` and `stream` with FFmpeg in their children, on AWS's services in this
process (moto). The person is a player: it asks for one segment after the other of a picture rung and of the sound,
until it has AHEAD seconds in store. What is in S3 already it gets from there, as CloudFront does.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any
from unittest.mock import patch

from moto import mock_aws

from bench.media import ours
from chalicelib import aws
from chalicelib.catalog import render_leases
from chalicelib.model import File, rendition_prefix
from chalicelib.processing.media import hls, on_demand, plans
from chalicelib.renditions.media_names import MediaName, Part
from chalicelib.storage import derived
from tests import streams
from tests.client import new_client
from tests.making import deliver, upload
from tests.origins import Origin, film
from tests.stage import ROOT, lambda_context, provisioned

PICTURE = ROOT / "docs" / "film-timeline.svg"

FILM = Origin(size=(640, 360), rate=Fraction(30), seconds=32.0, options={"preset": "ultrafast", "g": "60"})
RUNG, SOUND = "v360", "a0"
AHEAD = 10.0

Span = tuple[float, float]


@dataclass
class Run:
    """The times of each thing that happened, in seconds since the bytes were there. Parts by their names."""

    began: float = field(default_factory=time.monotonic)
    processed: Span = (0.0, 0.0)
    made: dict[str, Span] = field(default_factory=dict)
    asked: dict[str, float] = field(default_factory=dict)
    played: dict[int, Span] = field(default_factory=dict)
    stalled: float = 0.0

    def now(self) -> float:
        return time.monotonic() - self.began


@contextmanager
def _timed(run: Run) -> Iterator[None]:
    """Notes when each segment is made."""
    make = hls.make

    def noted(source: Any, plan: bytes, name: MediaName) -> tuple[bytes, str]:
        began = run.now()
        result = make(source, plan, name)
        if name.part is Part.SEGMENT:
            run.made[f"{name.rung}-{name.number}"] = (began, run.now())
        return result

    with patch.object(hls, "make", noted):
        yield


def watch() -> Run:
    """Uploads the film, and watches it at once, from its beginning to its end."""
    data = film(FILM)
    with mock_aws(), ours.stage(), ThreadPoolExecutor(8) as lambdas:
        provisioned(b"")

        def invoke(**request: Any) -> dict[str, Any]:
            lambdas.submit(on_demand.handle, json.loads(request["Payload"]), lambda_context())
            return {"StatusCode": 202}

        with patch.object(aws.functions(), "invoke", invoke):
            file_id = upload(new_client("acme"), data, name="film.mp4", content_type="video/mp4")
            run = Run()
            with _timed(run):
                deliver(file_id)
                streams.MediaQueue().work_off()
                run.processed = (0.0, run.now())
                file = render_leases.get_ready(file_id)
                assert file
                _play(run, file)
    return run


def _play(run: Run, file: File) -> None:
    plan = plans.of(rendition_prefix(file.visibility, file.id, str(file.source_version)))
    assert plan
    lengths = plan.lengths[RUNG]
    clock: float | None = None  # when the film's beginning was shown, later by each stall
    loaded = 0.0
    for number, seconds in enumerate(lengths):
        if clock is not None:
            time.sleep(max(0.0, loaded - (run.now() - clock) - AHEAD))
        for rung in (RUNG, SOUND):
            if number < len(plan.lengths[rung]):
                _get(run, file, f"{rung}-{number}")
        if clock is None:
            clock = run.now()
        late = run.now() - clock - loaded
        if late > 0:
            run.stalled += late
            clock += late
        run.played[number] = (clock + loaded, clock + loaded + seconds)
        loaded += seconds


def _get(run: Run, file: File, name: str) -> None:
    """As CloudFront: from S3, else from `stream`."""
    run.asked[name] = run.now()
    key = rendition_prefix(file.visibility, file.id, str(file.source_version)) + f"av/{name}.m4s"
    if derived.exists(key):
        return
    http = {"method": "GET", "path": f"/{key}"}
    answer = on_demand.handle({"rawPath": f"/{key}", "requestContext": {"http": http}}, lambda_context())
    assert answer["statusCode"] == 200, answer


# --- the picture

WIDTH, LEFT, ROW, TOP = 900, 150, 17, 54
COLORS = {"processed": "#7a5195", "asked": "#ef5675", "ahead": "#2f7f9e", "played": "#b9c4cc"}
WORDS = {
    "processed": "facts, poster, preview, plan, playlists",
    "asked": "made while the viewer waits",
    "ahead": "made ahead",
    "played": "shown",
}


def picture(run: Run) -> str:
    """The run as SVG: a row for each segment, with when it was made and when it was shown."""
    end = max(span[1] for span in run.played.values())
    rows = [("upload is ready", [("processed", run.processed)])]
    for number in sorted(run.played):
        for rung, word in ((RUNG, "picture"), (SOUND, "sound")):
            name = f"{rung}-{number}"
            if name in run.made:
                sort = "ahead" if run.made[name][0] < run.asked[name] else "asked"
                rows.append((f"{word} {number + 1}", [("played", run.played[number]), (sort, run.made[name])]))
    height = TOP + ROW * len(rows) + 40
    scale = (WIDTH - LEFT - 20) / end

    def x(second: float) -> float:
        return round(LEFT + second * scale, 1)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" font-family="sans-serif" '
        'font-size="12"><title>A film is made while it is watched</title>',
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
    ]
    at = float(LEFT)
    for sort, word in WORDS.items():
        lines.append(f'<rect x="{at:.0f}" y="14" width="12" height="12" fill="{COLORS[sort]}"/>')
        lines.append(f'<text x="{at + 17:.0f}" y="24">{word}</text>')
        at += 40 + 6.4 * len(word)
    for second in range(0, int(end) + 1, 5):
        lines.append(f'<path d="M{x(second)} {TOP - 8}V{height - 32}" stroke="#e4e8eb"/>')
        lines.append(f'<text x="{x(second)}" y="{height - 16}" text-anchor="middle">{second} s</text>')
    for place, (name, spans) in enumerate(rows):
        y = TOP + place * ROW
        lines.append(f'<text x="{LEFT - 8}" y="{y + 10}" text-anchor="end">{name}</text>')
        for sort, (begin, stop) in spans:
            wide = max(1.5, (stop - begin) * scale)
            lines.append(f'<rect x="{x(begin)}" y="{y}" width="{wide:.1f}" height="12" fill="{COLORS[sort]}"/>')
    return "\n".join([*lines, "</svg>", ""])


def main() -> None:
    run = watch()
    ahead = [name for name, (began, _) in run.made.items() if name in run.asked and began < run.asked[name]]
    PICTURE.write_text(picture(run), encoding="utf-8")
    print(f"ready after {run.processed[1]:.1f} s; {len(run.made)} segments made, {len(ahead)} of them ahead;")
    print(f"the player waited {run.stalled:.1f} s after the film had begun; {PICTURE.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
