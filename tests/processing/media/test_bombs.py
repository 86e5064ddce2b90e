"""Small films that claim, or have, a great number of parts: fragments, tracks of a fragment, runs, samples and edits.

Each is sound but for its number: with ten of them it plays. What it may take is said here in seconds of CPU, and its
children have their memory from `Limits`.
"""

from __future__ import annotations

import io
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from bench.media import ours
from chalicelib.model import PermanentFault, Rendition
from chalicelib.processing.kinds import Order, Source, processor_of
from chalicelib.processing.media import hls, indexes
from chalicelib.processing.media.hls import plan as plans
from chalicelib.renditions.media_names import PLAN, MediaName, Part
from chalicelib.renditions.recipes import RECIPES
from tests import hostile_films, moofs

pytestmark = pytest.mark.usefixtures("media")

MEMORY = 1024**3  # of the child that takes most
SECONDS = 15.0  # of CPU, all children together

Outcome = tuple[str, bool]
"""`ready`, the first warning or the fault; and True if there is a stream."""

STREAMS: Outcome = ("ready", True)
NO_PICTURE: Outcome = ("no_preview", False)
TOO_MUCH: Outcome = ("too_costly_to_read", False)


@contextmanager
def bounded(seconds: float = SECONDS) -> Iterator[None]:
    with ours.weighed() as peaks, ours.spent() as spent:
        yield
    assert spent.cpu <= seconds
    assert max(peaks.values(), default=0) <= MEMORY, peaks


def outcome(data: bytes) -> Outcome:
    """The outcome for the film, with the first and the last segment of each rung."""
    emitted: dict[str, bytes] = {}

    def emit(rendition: Rendition, body: bytes) -> None:
        emitted[rendition.basename] = body

    source = Source("video/mp4", len(data), io.BytesIO(data), "a film")
    try:
        made = processor_of("video/mp4").process(source, Order(RECIPES["photo"], ours.MEMORY), emit)
        if PLAN in emitted:
            for rung in plans.loads(emitted[PLAN]).rungs:
                for number in {0, rung.count - 1}:
                    hls.make(source, emitted[PLAN], MediaName(Part.SEGMENT, rung.name, number))
    except PermanentFault as fault:
        return str(fault.code), False
    return made.warnings[0].code if made.warnings else "ready", "hls.m3u8" in emitted


BOMBS: dict[str, tuple[Callable[[int], bytes], int]] = {
    "fragments": (moofs.fragments, 10_000),
    "fragments with their bytes": (moofs.whole_fragments, 10_000),
    "fragments of what the film's head says": (moofs.with_defaults, 10_000),
    "fragments of 900 tracks": (moofs.beside_tracks, 1_000),
    "parts of one track": (moofs.tracks, 10_000),
    "runs": (moofs.runs, 100_000),
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_great_number_of_parts_costs_little(name: str) -> None:
    make, count = BOMBS[name]
    assert outcome(make(10)) == STREAMS, "with ten it plays"
    with bounded():
        assert outcome(make(count)) == STREAMS


def test_fragments_behind_their_bytes_are_not_streamed() -> None:
    """A segment is read from its fragment on."""
    assert outcome(moofs.bytes_first(10)) == ("no_stream", False)


CORRUPT: Outcome = ("corrupt", False)

# FFmpeg believes one run no more samples than the file has bytes, and lists those of the other runs: 24 bytes each.
# (samples, bytes of each, runs of a fragment, fragments), and what the film is without and with ten true fragments
# before those.
CLAIMS: dict[str, tuple[tuple[int, int, int, int], Outcome, Outcome]] = {
    "10,000,000 samples": ((10_000_000, 1, 1, 1), CORRUPT, STREAMS),
    "10,000,000 samples of nothing": ((10_000_000, 0, 1, 1), CORRUPT, STREAMS),
    "2^31 samples": ((2**31 - 1, 1, 1, 1), CORRUPT, STREAMS),
    "2^31 samples of 2^31 bytes": ((2**31 - 1, 2**31 - 1, 1, 1), CORRUPT, STREAMS),
    "10,000 runs of 200,000 samples": ((200_000, 1, 10_000, 1), CORRUPT, STREAMS),
    "1,000 fragments of 90,000 samples": ((90_000, 1, 1, 1000), NO_PICTURE, STREAMS),
    "1,000 fragments of 90,000 samples of nothing": ((90_000, 0, 1, 1000), CORRUPT, NO_PICTURE),
}


@pytest.mark.parametrize("sound", [0, 10])
@pytest.mark.parametrize("name", CLAIMS)
def test_claims_of_millions_of_samples_are_bounded(name: str, sound: int) -> None:
    (samples, size, runs, count), alone, behind = CLAIMS[name]
    film = moofs.claiming(sound, count, samples, size, runs)
    with bounded():
        assert outcome(film) == (behind if sound else alone)


OTHERS: dict[str, tuple[Callable[[], bytes], Outcome]] = {
    "parts of 10,000 tracks that the film has not": (lambda: moofs.of_unknown_tracks(10_000), CORRUPT),
    "10,000,000 samples in 10 MB": (lambda: moofs.padded(moofs.whole_fragments(1, 10**7, 1), 10**7), NO_PICTURE),
    "100,000,000 samples in 100 MB": (lambda: moofs.padded(moofs.whole_fragments(1, 10**8, 1), 10**8), TOO_MUCH),
}


@pytest.mark.parametrize("name", OTHERS)
def test_other_films_of_nonsense_are_bounded(name: str) -> None:
    make, expected = OTHERS[name]
    with bounded():
        assert outcome(make()) == expected


# --- edit lists


def edited(count: int, length: int = 144_000) -> bytes:
    """A film of three seconds with so many edits, each of `length` ticks of the movie from the beginning on."""
    return hostile_films.changed(hostile_films.edits(*[(length, 800, 1)] * count))


def test_as_many_edits_as_are_believed() -> None:
    with bounded():
        assert outcome(edited(indexes.MOST_EDITS))[0] != "too_costly_to_read"


@pytest.mark.parametrize("count", [indexes.MOST_EDITS + 1, 20_000])
def test_more_edits_are_not_read(count: int) -> None:
    with bounded(1.0):
        assert outcome(edited(count)) == TOO_MUCH


def test_an_edit_list_that_leaves_all_out_is_not_decoded_to_its_end() -> None:
    """FFmpeg decodes what an edit list leaves out, and gives nothing of it."""
    long = hostile_films.long_and_small(30_000)
    with bounded(5.0):
        assert outcome(hostile_films.changed(hostile_films.edits(*[(30_000 * 40, 0, 1)] * 20), long)) == STREAMS
