"""Markup that plays a film or a sound. Pure: it is made of the record and its addresses.

All of it plays the HLS stream of the record's rendition `hls`; without one there is no markup. A short film also has a
clip, and a sound that is not too long has whole files, for browsers that know no HLS.
"""

from __future__ import annotations

import json

from chalicelib.delivery.access import Access
from chalicelib.delivery.tags import tag
from chalicelib.model import File, Kind, Visibility
from chalicelib.renditions import captions, conversions, places
from chalicelib.renditions.media_names import FOLDER

_SOUNDS = {"m4a": "audio/mp4", "opus": 'audio/ogg; codecs="opus"'}

# hls.js asks for nothing but the master playlist until somebody plays, so that nothing is made which nobody watches.
# The playlists have addresses without a query, so the signature is added to each request.
#
# A function URL answers 429 while the function may not run more often at once, and CloudFront passes that on. By itself
# hls.js asks again after 5xx, but gives up at 4xx. The emulator never answers so.
# https://docs.aws.amazon.com/lambda/latest/dg/urls-configuration.html
_SCRIPT = """\
const media = document.querySelector('[data-file=%(id)s]');
const query = %(query)s;
if (Hls.isSupported()) {
  media.querySelectorAll('track').forEach((track) => track.remove());
  const hls = new Hls({
    autoStartLoad: false,
    xhrSetup: (request, url) => request.open('GET', query && !url.includes('?') ? `${url}?${query}` : url),
  });
  hls.config.fragLoadPolicy.default.errorRetry.shouldRetry = (policy, count, late, answer, usual) =>
    usual || (answer?.code === 429 && count < policy.maxNumRetry);
  hls.loadSource(%(source)s);
  hls.attachMedia(media);
  media.addEventListener('play', () => hls.startLoad(), {once: true});
}"""


def video(file: File, access: Access, *, poster: str, width: int, height: int, label: str) -> str:
    """A `<video>`; empty for what is no film that plays.

    `poster` is the address of its picture, and width and height (pixels) are those of the picture: empty and 0 if there
    is none. `label` is for those who do not see it.
    """
    hls = places.hls_of(file)
    if file.kind is not Kind.VIDEO or hls is None:
        return ""
    film = file.video
    width, height = (film and film.width) or width, (film and film.height) or height
    named = file.captions if captions.are_delivered(file) else []
    attributes: dict[str, str | None] = {"controls": None, "playsinline": None}
    attributes |= {"preload": "none" if poster else "metadata"}
    attributes |= {"poster": poster} if poster else {}
    attributes |= {"width": str(width), "height": str(height)} if width and height else {}
    # A track of another origin is read with CORS only. For a private file, the page chooses how (docs/play-films.md).
    attributes |= {"crossorigin": "anonymous"} if named and file.visibility is Visibility.PUBLIC else {}
    sources = [_source(access, hls.basename, captions.PLAYLIST)]
    whole = places.converted(file)
    files = [whole] if whole else [f"{FOLDER}{height}.mp4" for height in conversions.clips(file)[:1]]
    sources += [_source(access, name, "video/mp4") for name in files]
    tracks = [
        tag(
            "track",
            {
                "kind": "captions",
                "src": access.url(each.name),
                "srclang": each.language,
                "label": each.label,
                **({"default": None} if each.default else {}),
            },
        )
        for each in named
    ]
    return _element("video", file, {**attributes, **_named(label)}, [*sources, *tracks])


def audio(file: File, access: Access, *, label: str) -> str:
    """An `<audio>`; empty for what is no sound that plays."""
    hls = places.hls_of(file)
    if file.kind is not Kind.AUDIO or hls is None:
        return ""
    sources = [_source(access, hls.basename, captions.PLAYLIST)]
    sources += [_source(access, f"{FOLDER}sound.{name}", _SOUNDS[name]) for name in conversions.sounds(file)]
    return _element("audio", file, {"controls": None, "preload": "none", **_named(label)}, sources)


def script(file: File, access: Access) -> str:
    """JavaScript that plays the `<video>` or `<audio>` with hls.js; empty for what does not play."""
    hls = places.hls_of(file)
    if hls is None or file.kind not in (Kind.VIDEO, Kind.AUDIO):
        return ""
    source = access.base_url + hls.basename
    return _SCRIPT % {"id": f'"{file.id}"', "query": _literal(access.query), "source": _literal(source)}


def _element(name: str, file: File, attributes: dict[str, str | None], children: list[str]) -> str:
    head = tag(name, {"data-file": file.id, **attributes})
    return "\n".join([head, *(f"  {child}" for child in children), f"</{name}>"])


def _source(access: Access, name: str, content_type: str) -> str:
    return tag("source", {"src": access.url(name), "type": content_type})


def _named(label: str) -> dict[str, str | None]:
    return {"aria-label": label} if label else {}


def _literal(text: str) -> str:
    """A string of JavaScript that may stand in a `<script>`, too."""
    return json.dumps(text).replace("<", "\\u003c")
