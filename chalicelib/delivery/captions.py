"""Captions among the objects that viewers get: written for a client, and again for each new version of a file."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from concurrent.futures import ThreadPoolExecutor

from chalicelib.model import Caption, File, Rendition
from chalicelib.renditions import captions as names
from chalicelib.renditions import places
from chalicelib.storage import derived

WRITERS = 8


def add(file: File, caption: Caption, text: bytes, hls: Rendition) -> None:
    """Three PutObjects: the text, kept and delivered, and its playlist. The record does not name them yet."""
    prefix = places.served_prefix(file) or ""
    playlist = names.playlist(caption.name, names.duration_of(file, hls)).encode()
    _put(
        (names.kept_key(file, caption.name), text, names.VTT),
        (prefix + caption.name, text, names.VTT),
        (prefix + names.playlist_of(caption.name), playlist, names.PLAYLIST),
    )


def master(file: File, captions: Sequence[Caption], hls: Rendition) -> Rendition | None:
    """The rendition `hls` whose playlist names these captions: one GetObject and, if there are any, one PutObject.

    None if the playlist without captions is not there: the file's objects are being moved.
    """
    prefix = places.served_prefix(file) or ""
    plain = derived.read(prefix + names.MASTER, names.MAX_MASTER)
    if plain is None or plain.body is None:
        return None
    if not captions:
        return hls.model_copy(update={"tag": None, "size": len(plain.body)})
    return _master(prefix, plain.body, captions, hls)


def again(file: File, prefix: str, plain: bytes, hls: Rendition) -> tuple[Rendition, list[Caption]]:
    """Writes a file's captions below the prefix of a new version, whose playlist without captions is `plain`.

    Gives the rendition `hls` that names them, and the captions that are no longer stored. One CopyObject and one
    PutObject for each of them, and one PutObject.
    """

    def copied(caption: Caption) -> bool:
        if not derived.copy({names.kept_key(file, caption.name): prefix + caption.name}):
            return False
        playlist = names.playlist(caption.name, names.duration_of(file, hls)).encode()
        derived.put(prefix + names.playlist_of(caption.name), playlist, names.PLAYLIST)
        return True

    with ThreadPoolExecutor(WRITERS) as writers:
        there = list(writers.map(copied, file.captions))
    found = [caption for caption, is_there in zip(file.captions, there, strict=True) if is_there]
    lost = [caption for caption in file.captions if caption not in found]
    return (_master(prefix, plain, found, hls) if found else hls), lost


def prefixes(file: File, caption: Caption) -> list[str]:
    """The prefixes of the objects of captions, kept and delivered. Nothing else begins with them."""
    stems = (names.kept_key(file, caption.name), (places.served_prefix(file) or "") + caption.name)
    return [stem.removesuffix("vtt") for stem in stems]


def take_back(file: File, caption: Caption, current: File | None) -> None:
    """Removes the objects of captions that another change overtook, unless that change wrote the same ones."""
    if current is None or caption.name not in {each.name for each in current.captions}:
        served = places.served_prefix(file) or ""
        keys = [served + name for name in (caption.name, names.playlist_of(caption.name))]
        derived.delete_many([names.kept_key(file, caption.name), *keys])


def _master(prefix: str, plain: bytes, captions: Collection[Caption], hls: Rendition) -> Rendition:
    written = names.with_captions(plain.decode(), captions).encode()
    rendition = names.tagged(hls, written)
    derived.put(prefix + rendition.basename, written, names.PLAYLIST)
    return rendition


def _put(*objects: tuple[str, bytes, str]) -> None:
    with ThreadPoolExecutor(WRITERS) as writers:
        list(writers.map(lambda each: derived.put(*each), objects))
