"""`python -m bench.peers.chromium`: the child that opens files in Chromium.

A job {"path", "out"}; the picture goes into the PNG `out` as in ours.py. The answer is that of vips.py. A still is what
`<img>` shows; the frames of an animation come from Chromium's ImageDecoder, which also says what is damaged.
"""

from __future__ import annotations

import base64
import shutil
import sys
from io import BytesIO
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Error, Page, Route, sync_playwright

from bench.peers import files, pictures, workers
from bench.real_files.browser import COMMANDS, FLAGS

_HERE = "https://peers.test/"  # every request is answered here; ImageDecoder wants a secure page
_COLORS = "--force-color-profile=srgb"
_LARGEST = 2048  # pixels: a wider picture is reduced by Chromium, before it is reduced here

_LOOK = """async ({type, most, largest}) => {
  const png = async (source, width, height) => {
    const scale = Math.min(1, largest / width);
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
    const context = canvas.getContext("2d");
    context.imageSmoothingQuality = "high";
    context.drawImage(source, 0, 0, canvas.width, canvas.height);
    const bytes = new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer());
    let text = "";
    for (let at = 0; at < bytes.length; at += 32768) text += String.fromCharCode(...bytes.subarray(at, at + 32768));
    return btoa(text);
  };
  const found = {outcome: "refused", strict: false, frames: 1, pictures: []};
  if (await ImageDecoder.isTypeSupported(type)) {
    try {
      const decoder = new ImageDecoder({data: await (await fetch("/file?decoder")).arrayBuffer(), type});
      await decoder.tracks.ready;
      await decoder.completed;
      found.frames = decoder.tracks.selectedTrack.frameCount;
      for (let frame = 0; frame < Math.min(found.frames, most); frame++) {
        const {image, complete} = await decoder.decode({frameIndex: frame, completeFramesOnly: true});
        if (found.frames > 1) found.pictures.push(await png(image, image.displayWidth, image.displayHeight));
        image.close();
      }
      found.strict = true;
    } catch (error) { found.why = String(error); }
  }
  const image = new Image();
  const shown = new Promise(resolve => { image.onload = () => resolve(true); image.onerror = () => resolve(false); });
  image.src = "/file";
  if (!await shown || !image.naturalWidth) return found;
  Object.assign(found, {outcome: "shown", width: image.naturalWidth, height: image.naturalHeight});
  if (!found.pictures.length) found.pictures.push(await png(image, image.naturalWidth, image.naturalHeight));
  return found;
}"""


def look(page: Page, job: dict[str, Any]) -> dict[str, Any]:
    path = Path(job["path"])
    kind = files.format_of_file(path) or "application/octet-stream"

    def answer(route: Route) -> None:
        if "/file" in route.request.url:
            route.fulfill(body=path.read_bytes(), content_type=kind, headers={"Cache-Control": "no-store"})
        else:
            route.fulfill(body="<!doctype html>", content_type="text/html")

    page.unroute_all()
    page.route("**/*", answer)
    try:
        page.goto(_HERE)
        found: dict[str, Any] = page.evaluate(_LOOK, {"type": kind, "most": files.FRAMES, "largest": _LARGEST})
    except Error as error:
        raise SystemExit(f"Chromium: {error}") from None  # the next job gets a new one
    coded = found.pop("pictures")
    if found["outcome"] != "shown":
        return found
    shown = [_picture(each, (found["width"], found["height"])) for each in coded]
    pictures.save(shown, job["out"])
    return found | {"has_alpha": pictures.has_alpha(shown)}


def _picture(coded: str, size: tuple[int, int]) -> Image.Image:
    picture = Image.open(BytesIO(base64.b64decode(coded))).convert("RGBA")
    bound = files.bounded(*size)
    return picture if picture.size == bound else picture.resize(bound, Image.Resampling.LANCZOS)


def main() -> None:
    path = next(filter(None, map(shutil.which, COMMANDS)), None)
    if not path:
        raise SystemExit("There is no Chromium: apt-get update && apt-get install -y chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=[*FLAGS, _COLORS])
        if sys.argv[1:] == ["--version"]:
            print("Chromium", browser.version)
        else:
            page = browser.new_page()
            workers.serve(lambda job: look(page, job))
        browser.close()


if __name__ == "__main__":
    main()
