"""`<video>`, `<audio>` and the script for hls.js."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from typing import Any

import pytest

from chalicelib.delivery.access import Access
from chalicelib.delivery.markup import Markup, markup
from chalicelib.facts import AudioInfo, AudioTrack, VideoInfo
from chalicelib.model import Caption, File, Kind, Preview, Rendition, Visibility
from tests.making import ready_file
from tests.stage import ROOT

pytestmark = pytest.mark.pure

BASE = "https://d111.cloudfront.net/f/private/f/v/"
QUERY = "Policy=a&Signature=b~</script>"
ACCESS = Access(BASE, QUERY)
HLS = Rendition(name="hls", format="hls", content_type="application/vnd.apple.mpegurl", duration=9.0, size=9)
POSTERS = [
    Rendition(name=f"w{w}", format=f, content_type=f"image/{f}", width=w, height=w * 9 // 16, size=9)
    for w in (320, 1280, 1920)
    for f in ("webp", "jpeg")
]
CAPTIONS = [
    Caption(language="de", label="Deutsch <b>", default=False, name="av/captions-0.vtt", sha256=""),
    Caption(language="en", label="English", default=True, name="av/captions-1.vtt", sha256=""),
]


def film(**values: Any) -> File:
    info = VideoInfo(format="mp4", width=1920, height=1080, duration=9.0, codec="h264", title='Me & "you" <3')
    made = {
        "kind": Kind.VIDEO,
        "video": info,
        "other_renditions": [HLS],
        "renditions": POSTERS,
        "preview": Preview(width=1920, height=1080, thumbhash="1QcSHQRnh493V4dIh4eXh1h4kJUI", dominant_color="#000000"),
    }
    return ready_file(Visibility.PRIVATE).model_copy(update=made | values)


def sound(**values: Any) -> File:
    info = AudioInfo(format="mp3", duration=90.0, codec="mp3", channels=2)
    return film(**{"kind": Kind.AUDIO, "video": None, "audio": info, "renditions": [], "preview": None, **values})


class Tags(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.words += [data] if data.strip() else []


def shown(file: File, access: Access = ACCESS) -> tuple[Markup, list[tuple[str, dict[str, str | None]]]]:
    made = markup(file, access)
    read = Tags(made.video or made.audio)
    assert read.words == [], "nothing broke out of its tag"
    return made, read.tags


def test_a_film_has_its_poster_its_stream_a_clip_and_its_size() -> None:
    made, [(name, video), *sources] = shown(film())
    assert name == "video"
    assert video == {
        "data-file": "file_01K8Z0000000000000000000AA",
        "controls": None,
        "playsinline": None,
        "preload": "none",
        "poster": f"{BASE}w1280.jpg?{QUERY}",
        "width": "1920",
        "height": "1080",
        "aria-label": 'Me & "you" <3',
    }
    assert sources == [
        ("source", {"src": f"{BASE}hls.m3u8?{QUERY}", "type": "application/vnd.apple.mpegurl"}),
        ("source", {"src": f"{BASE}av/720.mp4?{QUERY}", "type": "video/mp4"}),
    ]
    assert made.video.endswith("\n</video>")
    assert made.picture.startswith("<picture>"), "it is the poster"
    assert made.audio == ""
    assert not re.search(r"\son\w+=", made.video), "no handler that a page's CSP would refuse"


def test_a_long_film_has_no_clip_and_one_without_a_poster_loads_its_beginning() -> None:
    long = VideoInfo(format="mp4", width=640, height=360, duration=3600.0, codec="h264")
    _, [(_, video), *sources] = shown(film(video=long, renditions=[], preview=None))
    assert (video["preload"], "poster" in video, len(sources)) == ("metadata", False, 1)
    unknown = VideoInfo(format="mp4", duration=9.0)
    _, [(_, video), *_] = shown(film(video=unknown))
    assert (video["width"], video["height"]) == ("1920", "1080"), "those of the poster"
    _, [(_, video), *_] = shown(film(video=unknown, renditions=[], preview=None))
    assert not {"width", "height"} & video.keys()


@pytest.mark.parametrize("visibility", list(Visibility))
def test_captions_are_tracks_once_the_playlist_names_them(visibility: Visibility) -> None:
    tagged = film(captions=CAPTIONS, visibility=visibility, other_renditions=[HLS.model_copy(update={"tag": "0" * 16})])
    _, [(_, video), *rest] = shown(tagged)
    tracks = [each for name, each in rest if name == "track"]
    assert [(each["srclang"], each["label"], "default" in each) for each in tracks] == [
        ("de", "Deutsch <b>", False),
        ("en", "English", True),
    ]
    assert all(each["kind"] == "captions" for each in tracks)
    assert tracks[1]["src"] == f"{BASE}av/captions-1.vtt?{QUERY}"
    assert rest[0][1]["src"] == f"{BASE}hls-{'0' * 16}.m3u8?{QUERY}"
    # A page of another origin gets a track with CORS only. Cookies that open a private film need another value.
    assert video.get("crossorigin") == ("anonymous" if visibility is Visibility.PUBLIC else None)
    assert "<track" not in markup(film(captions=CAPTIONS), ACCESS).video


def test_a_sound_has_its_stream_and_whole_files() -> None:
    made, [(name, audio), *sources] = shown(sound())
    assert (name, audio["preload"]) == ("audio", "none")
    assert [(each["src"], each["type"]) for _, each in sources] == [
        (f"{BASE}hls.m3u8?{QUERY}", "application/vnd.apple.mpegurl"),
        (f"{BASE}av/sound.m4a?{QUERY}", "audio/mp4"),
        (f"{BASE}av/sound.opus?{QUERY}", 'audio/ogg; codecs="opus"'),
    ]
    assert made.video == ""
    long = AudioInfo(format="mp3", duration=9 * 3600.0, codec="mp3", channels=2)
    assert len(shown(sound(audio=long))[1]) == 2


def test_the_script_finds_its_element_and_adds_the_query() -> None:
    for file in (film(), sound()):
        script = markup(file, ACCESS).hls
        assert f"""'[data-file="{file.id}"]'""" in script
        [query] = re.findall(r"const query = (.*);", script)
        assert json.loads(query) == QUERY
        [source] = re.findall(r"loadSource\((.*)\)", script)
        assert json.loads(source) == f"{BASE}hls.m3u8"
        assert "</script" not in script, "it may stand in a page"


def test_the_script_asks_again_while_the_function_may_not_run_more_often() -> None:
    """AWS answers 429 then, at which hls.js gives up by itself: its `retryForHttpStatus` is false for all of 4xx."""
    script = markup(film(), ACCESS).hls
    [check] = re.findall(r"fragLoadPolicy\.default\.errorRetry\.shouldRetry = (.*?);", script, re.DOTALL)
    calls = [(429, 5, False), (429, 6, False), (503, 5, True), (404, 0, False)]
    asked = ", ".join(
        f"check({{maxNumRetry: 6}}, {n}, false, {{code: {code}}}, {str(usual).lower()})" for code, n, usual in calls
    )
    node = shutil.which("node")
    if node is None:
        pytest.skip("needs Node.js")
    line = f"const check = {check}; console.log(JSON.stringify([{asked}]))"
    done = subprocess.run([node, "-e", line], capture_output=True, text=True, check=True, timeout=60)
    assert json.loads(done.stdout) == [True, False, True, False]


def test_the_page_about_players_shows_this_script() -> None:
    page = (ROOT / "docs/play-films.md").read_text()
    [shown] = [text for text in re.findall(r"```js\n(.*?)```", page, re.DOTALL) if "xhrSetup" in text]
    ours = markup(film(), ACCESS).hls
    values = (r"(const query = ).*;", r"(querySelector\('\[).*(\]'\);)", r"(loadSource\().*\)")
    for pattern in values:
        shown, ours = (re.sub(pattern, r"\1", text) for text in (shown, ours))
    assert shown.strip() == ours.strip()


def test_what_does_not_play_has_no_player() -> None:
    nothing = ("", "", "")
    for file in (
        film(other_renditions=[]),
        sound(other_renditions=[]),
        film(kind=Kind.IMAGE, video=None),
        film(kind=Kind.OTHER, video=None, renditions=[], preview=None),
    ):
        made = markup(file, ACCESS)
        assert (made.video, made.audio, made.hls) == nothing


def test_a_film_whose_tracks_are_sounds_only_is_still_a_film() -> None:
    info = VideoInfo(format="mp4", duration=90.0, audio_tracks=[AudioTrack(codec="aac", channels=2)])
    made, _ = shown(film(video=info))
    assert (made.audio, made.video.startswith("<video ")) == ("", True)
