"""`python -m bench media`: the goals for films and sounds, each measured and compared with its figure.

It takes about five minutes on two cores that have nothing else to do. `--film-seconds 12` has the one pass, which takes
most of that, encode only the beginning of the film.
"""

from __future__ import annotations

import io
import os
import statistics
import sys
from collections.abc import Iterator

from bench.media import clips, figures, idle, one_pass, ours, quality
from bench.media.figures import Cost, Figure
from bench.media.one_pass import OnePass
from bench.media.ours import Film
from bench.media.repeated import Repeated
from chalicelib.processing import child
from chalicelib.processing.media.hls import stream
from chalicelib.processing.media.hls.plan import Plan
from tests import films

SECONDS = 60
ROUNDS = 3
GB_5 = 5_000_000_000

PLAYABLE, SEGMENTS, READ, QUALITY, BOUNDS, UNWATCHED = (
    "Uploaded to playable",
    "A segment",
    "Bytes that are read of 5 GB",
    "Against one pass",
    "Bounds",
    "An hour that nobody watches",
)


def run(seconds: float = SECONDS) -> None:
    load = os.getloadavg()[0]
    clip = clips.made(clips.PHONE)
    minute = Film(Repeated(clip, SECONDS // clips.PHONE.seconds, clips.PHONE.seconds))
    hours = Film(Repeated(clip, 7200 // clips.PHONE.seconds, clips.PHONE.seconds))
    minute.process()  # so that all is imported
    seconds = _at_a_cut(minute.plan, seconds)
    passed = one_pass.run(minute, minute.plan, seconds)
    costs = [*_told(_costs(minute))]
    found: list[Figure] = []
    for some in (
        _playable(minute, hours, passed),
        _segments(costs),
        _read(clip),
        _quality(minute, passed),
        _bounds(),
        _unwatched(clip),
    ):
        found += _told(some)
    print(figures.write(found, costs, figures.conditions(load, seconds)))
    print("`python -m ops costs --without-counting` brings the page of costs up to date.")


def _at_a_cut(plan: Plan, seconds: float) -> float:
    """The end of the segment in which this second is, so that both ways make the same pictures."""
    rung = plan.rung(_lowest(plan))
    return next(cut / rung.scale for cut in rung.cuts[1:] if cut >= seconds * rung.scale)


def _told[T](rows: Iterator[T]) -> Iterator[T]:
    """Says each on the way, for whoever waits."""
    for row in rows:
        print(row, file=sys.stderr, flush=True)
        yield row


def _playable(minute: Film, hours: Film, passed: OnePass) -> Iterator[Figure]:
    """Both films in turn, so that a busy moment meets both. Hashing is left out."""
    walls: dict[str, list[float]] = {"minute": [], "hours": [], "ratio": []}
    for _ in range(ROUNDS):
        for name, film in (("minute", minute), ("hours", hours)):
            walls[name].append(_until_it_plays(film))
        walls["ratio"].append(walls["hours"][-1] / walls["minute"][-1])
    ours_, theirs = statistics.median(walls["minute"]), passed.wall * SECONDS / passed.seconds
    yield Figure(PLAYABLE, "60 s of 1080p, as a share of one pass", ours_ / theirs, "", 0.1)
    yield Figure(PLAYABLE, "60 s of 1080p", ours_, "s")
    yield Figure(PLAYABLE, "one pass over 60 s", theirs, "s")
    yield Figure(PLAYABLE, "CPU of one pass over 60 s", passed.cpu * SECONDS / passed.seconds, "s")
    yield Figure(PLAYABLE, "2 hours, as a multiple of 60 s", statistics.median(walls["ratio"]), "", 0.2, "within")


def _until_it_plays(film: Film) -> float:
    """Seconds: facts, poster, preview, plan, playlists; then the first segments of the lowest and the source's rung."""
    wall = film.process().wall
    for rung in (_lowest(film.plan), "source"):
        for part in (f"{rung}-init.mp4", f"{rung}-0.m4s"):
            wall += film.part(part)[1].wall
    return wall


def _lowest(plan: Plan) -> str:
    return min(plan.of("picture"), key=lambda rung: rung.height).name


_WITH_GOALS = ("v720", "source")


def _costs(film: Film) -> Iterator[Cost]:
    """The first and the middle segment of each rung, on one core; those that have a goal, the faster of two tries."""
    for rung in film.plan.rungs:
        numbers = sorted({0, rung.count // 2})
        taken, sizes = [], []
        with ours.one_core():
            for number in numbers:
                name = f"{rung.name}-{number}.m4s"
                body, first = film.part(name)
                again = film.part(name)[1] if rung.name in _WITH_GOALS else first
                taken.append(min(first, again, key=lambda each: each.wall))
                sizes.append(len(body))
        yield Cost(
            rung.name,
            rung.width,
            rung.height,
            statistics.fmean(map(rung.seconds, numbers)),
            statistics.fmean(each.cpu for each in taken),
            statistics.fmean(each.wall for each in taken),
            statistics.fmean(sizes),
        )


def _segments(costs: list[Cost]) -> Iterator[Figure]:
    of = {cost.rung: cost for cost in costs}
    encoded, copied = of["v720"], of["source"]
    yield Figure(SEGMENTS, "720p, encoded: wall, as a share of its duration", encoded.wall / encoded.seconds, "", 0.5)
    yield Figure(SEGMENTS, "… CPU, as a share", encoded.cpu / encoded.seconds)
    yield Figure(SEGMENTS, "repacked: wall, as a share of its duration", copied.wall / copied.seconds, "", 0.02)
    start = _start()
    yield Figure(SEGMENTS, "… the start of its child alone, as a share", start / copied.seconds)
    yield Figure(SEGMENTS, "… without that", (copied.wall - start) / copied.seconds)


def _start() -> float:
    """Seconds until a child has imported all, and ended."""
    taken = []
    with ours.one_core():
        for _ in range(5):
            with ours.spent() as found:
                child.run_on(idle.__name__, io.BytesIO(), 0, {}, stream.LIMITS)
            taken.append(found.wall)
    return min(taken)


def _read(clip: bytes) -> Iterator[Figure]:
    times = -(-GB_5 * 101 // 100 // len(clip))
    film = Film(Repeated(clip, times, clips.PHONE.seconds))
    assert film.stored.size > GB_5
    spent = film.process()
    yield Figure(READ, "until facts, poster and preview are there", film.read["preview.webp"] / 1e6, "MB", 10)
    yield Figure(READ, "until the playlists are there", spent.bytes / 1e6, "MB")
    yield Figure(READ, "requests to S3", spent.requests)
    yield Figure(READ, "CPU of all of it", spent.cpu, "s")


def _quality(film: Film, passed: OnePass) -> Iterator[Figure]:
    whole = film.stored.read(0, film.stored.size)
    plan, until = film.plan, passed.seconds
    for name in ("v360", "v720"):
        rung = plan.rung(name)
        count = rung.cuts.index(round(until * rung.scale))
        parts = [film.part(f"{name}-{number}.m4s")[0] for number in range(count)]
        joined = film.part(f"{name}-init.mp4")[0] + b"".join(parts)
        mine, theirs = (quality.psnr(data, whole, rung, until) for data in (joined, passed.files[name]))
        yield Figure(QUALITY, f"{rung.height}p: PSNR, less that of one pass", mine - theirs, "dB", -0.2, "at least")
        yield Figure(QUALITY, f"{rung.height}p: PSNR", mine, "dB")
        size = len(joined) / len(passed.files[name]) * 100 - 100
        yield Figure(QUALITY, f"{rung.height}p: bytes, more than of one pass", size, "%", 3)
    yield from _pictures(film)
    yield from _sounds(film, whole)
    yield from _encoded_sound()


def _pictures(film: Film) -> Iterator[Figure]:
    """All segments of the lowest and of the source's rung."""
    for name in (_lowest(film.plan), "source"):
        rung = film.plan.rung(name)
        found = quality.times((film.part(f"{name}-{each}.m4s")[0] for each in range(rung.count)), rung.scale)
        lost, doubled = quality.missing_and_doubled(found, clips.PHONE.rate, SECONDS * clips.PHONE.rate)
        yield Figure(QUALITY, f"`{name}`, all {rung.count} segments: pictures lost", lost, "", 0)
        yield Figure(QUALITY, f"`{name}`, all {rung.count} segments: pictures doubled", doubled, "", 0)


def _sounds(film: Film, whole: bytes) -> Iterator[Figure]:
    """Packets are compared, not samples: the decoder fills in noise at random."""
    rung = film.plan.rung("a0")
    parts = (film.part(f"a0-{number}.m4s")[0] for number in range(rung.count))
    found = quality.packets(film.part("a0-init.mp4")[0] + b"".join(parts))
    right = quality.packets(whole)
    same = sum(one == other for one, other in zip(found, right, strict=False))
    lost, more = len(right) - same, len(found) - same
    yield Figure(QUALITY, f"sound, repacked, all {rung.count} segments: frames lost or changed", lost, "", 0)
    yield Figure(QUALITY, f"sound, repacked, all {rung.count} segments: frames doubled or changed", more, "", 0)


def _encoded_sound() -> Iterator[Figure]:
    """A sound that has to be encoded: a chirp, in FLAC, whose every sample can be computed."""
    data = films.sound("flac", "flac", seconds=30, sing=films.Chirp())
    film = Film(_Whole(data), "audio/flac")
    film.process()
    (rung,) = film.plan.of("sound")
    parts = [film.part(f"{rung.name}-{number}.m4s")[0] for number in range(rung.count)]
    first, found = quality.samples(film.part(f"{rung.name}-init.mp4")[0] + b"".join(parts))
    joins = [place for place in rung.cuts[1:-1] if place < first + len(found) - 5 * quality.AROUND]
    assert joins
    late = [quality.by_whole_samples(found, first, place, rung.scale) for place in joins]
    yield Figure(
        QUALITY, f"sound, encoded: samples by which it is shifted over {len(joins)} joins", max(map(abs, late)), "", 0
    )
    worst = max(quality.error_of_a_join(found, first, place, rung.scale) for place in joins)
    yield Figure(QUALITY, "… its error around the worst join, as a multiple of that beside it", worst)


class _Whole:
    def __init__(self, data: bytes) -> None:
        self._data, self.size = data, len(data)

    def read(self, first: int, length: int) -> bytes:
        return self._data[first : first + length]


def _bounds() -> Iterator[Figure]:
    """2160p in HEVC: all that is made of it at once, and one segment of each rung."""
    film = Film(Repeated(clips.made(clips.HEVC_2160), 20, clips.HEVC_2160.seconds))
    with ours.weighed() as peaks, ours.written() as names:
        film.process()
        for rung in film.plan.rungs:
            film.part(f"{rung.name}-0.m4s")
    yield Figure(BOUNDS, "2160p HEVC: memory of the largest child", max(peaks.values()) / 1024**2, "MiB", 500)
    for name, peak in sorted(peaks.items()):
        yield Figure(BOUNDS, f"… of the child `{name}`", peak / 1024**2, "MiB")
    yield Figure(BOUNDS, "files that are written to /tmp", len(names), "", 0)


def _unwatched(clip: bytes) -> Iterator[Figure]:
    film = Film(Repeated(clip, 3600 // clips.PHONE.seconds, clips.PHONE.seconds))
    sound = Film(Repeated(clips.made(clips.SOUND), 3600 // clips.SOUND.seconds, clips.SOUND.seconds), "audio/mp4")
    for name, of, goal in (("video", film, 3), ("sound", sound, 10)):
        spent = min((of.process() for _ in range(2)), key=lambda each: each.cpu)
        yield Figure(UNWATCHED, f"{name}: CPU of the function and its children", spent.cpu, "s", goal)
        yield Figure(UNWATCHED, f"… {name}: MB that are read", spent.bytes / 1e6, "MB")
        yield Figure(UNWATCHED, f"… {name}: objects that are stored", len(of.made))
