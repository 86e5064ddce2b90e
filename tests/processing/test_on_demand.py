from __future__ import annotations

from dataclasses import replace
from io import BytesIO
from typing import Any

import pytest
from botocore.exceptions import ClientError
from PIL import Image

from chalicelib import aws
from chalicelib.catalog import render_leases
from chalicelib.delivery import missing
from chalicelib.model import ErrorCode, PermanentFault, Rendition
from chalicelib.processing import kinds
from chalicelib.processing.image.cascade import process_image
from chalicelib.processing.kinds import Source, processor_of
from chalicelib.processing.on_demand import handle, render_one
from chalicelib.renditions.ladder import ladder, rendition_of
from chalicelib.renditions.recipes import RECIPES, Encoding, Recipe, Watermark
from chalicelib.storage import derived as derived_objects
from chalicelib.storage import originals as original_objects
from tests import archives, images, raws
from tests.client import Client
from tests.images import moving
from tests.making import deliver, upload
from tests.stage import Calls, aws_client, lambda_context

MEMORY = 1769 * 1024**2
PHOTO = RECIPES["photo"]
AVIF = PHOTO.on_demand[0]


def whole_ladder(data: bytes, recipe: Recipe) -> dict[str, bytes]:
    made: dict[str, bytes] = {}

    def emit(rendition: Rendition, encoded: bytes) -> None:
        made[f"{rendition.name}.{rendition.format}"] = encoded

    process_image(data, recipe, memory=MEMORY, emit=emit)
    return made


def one(data: bytes, recipe: Recipe, name: str, encoding: Encoding = AVIF) -> bytes:
    with Image.open(BytesIO(data)) as image:
        seen = image.size[::-1] if image.getexif().get(0x0112, 1) >= 5 else image.size
    size = next(size for size in ladder(recipe, *seen) if size.name == name)
    source = Source("image/jpeg", len(data), BytesIO(data))
    return render_one(processor_of("image/jpeg"), source, recipe, size, encoding)[1]


def opened(data: bytes) -> Image.Image:
    image = Image.open(BytesIO(data))
    image.load()
    return image


# --- pixels


@pytest.mark.parametrize(
    ("data", "recipe"),
    [
        (images.jpeg(1400, 1000, orientation=6, icc=images.wide_gamut_profile()), PHOTO),
        (images.png(700, 500, mode="RGBA"), PHOTO),
        (images.png(700, 500, mode="L"), PHOTO),
        (images.jpeg(900, 400), RECIPES["avatar"]),
        (images.jpeg(900, 400), replace(PHOTO, watermark=Watermark(text="© Acme"))),
        (images.jpeg(900, 400), RECIPES["document"]),
    ],
    ids=["turned, wide gamut", "alpha", "grey", "cropped", "watermark", "document"],
)
def test_one_rendition_is_to_the_byte_what_the_whole_ladder_would_have_made(data: bytes, recipe: Recipe) -> None:
    encodings = (*recipe.encodings, *recipe.on_demand)
    at_once = tuple(replace(each, up_to=None) for each in encodings)
    expected = whole_ladder(data, replace(recipe, encodings=at_once, on_demand=()))
    with Image.open(BytesIO(data)) as image:
        assert expected.keys()
        size = image.size
    for encoding in encodings:
        names = [name for name in expected if name.endswith(f".{encoding.format}")]
        assert len(names) >= 2, size
        for name in names:
            assert one(data, recipe, name.partition(".")[0], encoding) == expected[name], name


def test_an_avif_is_upright_in_srgb_and_keeps_whose_it_is_but_not_where() -> None:
    data = images.jpeg(800, 600, orientation=6, gps=True, exif={0x8298: "© Ann", 0x013B: "Ann"})
    avif = opened(one(data, PHOTO, "w640"))
    assert (avif.format, avif.size) == ("AVIF", (640, 480))
    for name, color in images.QUADRANTS.items():
        x, y = (480 if "right" in name else 160), (360 if "bottom" in name else 120)
        seen = avif.convert("RGB").getpixel((x, y))
        assert isinstance(seen, tuple)
        assert all(abs(a - b) < 10 for a, b in zip(seen, color, strict=True)), (name, seen)
    exif = avif.getexif()
    assert exif[0x013B] == "Ann"
    assert 0x0112 not in exif
    assert not exif.get_ifd(0x8825)
    assert "icc_profile" not in avif.info


def test_an_avif_keeps_alpha() -> None:
    avif = opened(one(images.png(400, 300, mode="RGBA"), PHOTO, "w320"))
    assert avif.mode == "RGBA"
    assert avif.getpixel((40, 30))[3] == 0  # type: ignore[index]
    assert avif.getpixel((280, 200))[3] == 255  # type: ignore[index]


def test_a_documents_avif_keeps_all_of_its_colour() -> None:
    """A red line on blue, one pixel thin: at 4:2:0 its colour would spread over two."""
    page = Image.new("RGB", (320, 320), (0, 0, 255))
    page.paste((255, 0, 0), (0, 160, 320, 161))
    data = images.encoded(page, "PNG")
    red = [
        opened(one(data, recipe, "w320", recipe.on_demand[0])).convert("RGB").getpixel((160, 160))[0]  # type: ignore[index]
        for recipe in (
            RECIPES["document"],
            replace(RECIPES["document"], on_demand=(replace(RECIPES["document"].on_demand[0], subsampling="4:2:0"),)),
        )
    ]
    assert red[0] > 200 > red[1]


# --- which there are


def test_the_avif_of_a_raw_file_is_that_of_its_jpeg() -> None:
    data = raws.cr2(raws.jpeg(640, 480, 6), 6)
    source = Source("image/x-canon-cr2", len(data), BytesIO(data))
    size = next(size for size in ladder(PHOTO, 480, 640) if size.name == "w320")
    assert opened(render_one(processor_of("image/x-canon-cr2"), source, PHOTO, size, AVIF)[1]).size == (320, 427)


def test_a_raw_file_without_a_picture_has_no_avif() -> None:
    data = raws.cr2(raws.thumbnail())
    source = Source("image/x-canon-cr2", len(data), BytesIO(data))
    with pytest.raises(PermanentFault) as caught:
        render_one(processor_of("image/x-canon-cr2"), source, PHOTO, ladder(PHOTO, 640, 480)[0], AVIF)
    assert caught.value.code is ErrorCode.UNSUPPORTED_TYPE


@pytest.mark.parametrize(
    ("recipe", "format", "animated", "made"),
    [
        (PHOTO, "avif", False, "avif"),
        (PHOTO, "webp", False, "webp"),
        (PHOTO, "jpeg", False, "jpeg"),
        (PHOTO, "png", False, None),
        (PHOTO, "avif", True, "webp"),
        (PHOTO, "jpeg", True, "jpeg"),
        (replace(PHOTO, on_demand=()), "avif", False, "webp"),
        (replace(PHOTO, on_demand=(), encodings=PHOTO.encodings[1:]), "avif", False, "jpeg"),
        (replace(PHOTO, on_demand=(), encodings=PHOTO.encodings[1:]), "webp", False, "jpeg"),
        (replace(PHOTO, encodings=PHOTO.encodings[:1]), "jpeg", False, None),
        (replace(PHOTO, encodings=PHOTO.encodings[1:]), "avif", True, "avif"),
        (RECIPES["original-only"], "avif", False, None),
    ],
)
def test_a_format_that_is_not_made_is_answered_by_the_next(
    recipe: Recipe, format: str, animated: bool, made: str | None
) -> None:
    found = rendition_of(recipe, 1000, 800, name="w640", format=format, animated=animated)
    assert (found and found[1].format) == made
    assert rendition_of(recipe, 1000, 800, name="w641", format=format, animated=animated) is None
    assert rendition_of(recipe, 1000, 800, name="w1280", format=format, animated=animated) is None


def test_a_very_large_rendition_is_no_avif() -> None:
    formats = []
    for height in (10_000, 11_000):
        found = rendition_of(PHOTO, 1920, height, name="w1920", format="avif", animated=False)
        formats.append(found and found[1].format)
    assert formats == ["avif", "webp"]


@pytest.mark.parametrize(
    "wrong",
    [
        ("protected", "file_01JD0000000000000000000000", "0" * 16, "w640.avif"),
        ("private", "file_x", "0" * 16, "w640.avif"),
        ("private", "file_01JD0000000000000000000000", "0" * 15 + "g", "w640.avif"),
        ("private", "file_01JD0000000000000000000000", "0" * 16, "w0640.avif"),
        ("private", "file_01JD0000000000000000000000", "0" * 16, "w16384.avif"),
        ("private", "file_01JD0000000000000000000000", "0" * 16, "w640.gif"),
        ("private", "file_01JD0000000000000000000000", "0" * 16, "w640.avif\n"),
        ("private", "file_01JD0000000000000000000000", "0" * 16, "../w640.avif"),
    ],
)
def test_a_path_that_cannot_be_a_rendition_is_no_address(wrong: tuple[str, str, str, str]) -> None:
    assert missing.parse(*wrong) is None


# --- the function


def asked(file_id: str, name: str = "w640.avif", **other: str) -> dict[str, Any]:
    file = render_leases.get_ready(file_id)
    version = (file.source_version if file else None) or "0" * 16
    return {"visibility": "private", "file_id": file_id, "version": version, "name": name, **other}


def rendered(event: dict[str, Any]) -> dict[str, Any]:
    return handle(event, lambda_context())


def test_it_stores_the_rendition_beside_the_others_and_leaves_the_record_alone(client: Client, stage: Calls) -> None:
    file_id = upload(client, images.jpeg(1000, 800))
    deliver(file_id)
    before = client("GET", f"/v1/files/{file_id}").json
    stage.clear()
    answer = rendered(asked(file_id))
    assert answer["status"] == "made"
    # The one update counts the rendition for its tenant.
    assert (stage.count("s3.GetObject"), stage.count("s3.PutObject"), stage.count("dynamodb.U")) == (1, 1, 1)
    reply = aws_client("s3").get_object(Bucket="derived", Key=answer["key"])
    assert answer["key"] == "f/private/{file_id}/{version}/{name}".format(**asked(file_id))
    assert (reply["ContentType"], reply["CacheControl"]) == ("image/avif", derived_objects.IMMUTABLE)
    assert reply["ContentLength"] == answer["size"]
    assert opened(reply["Body"].read()).size == (640, 512)
    after = client("GET", f"/v1/files/{file_id}").json
    assert [r["name"] for r in after["renditions"]] == [r["name"] for r in before["renditions"]]
    assert after["revision"] == before["revision"]


def test_what_was_lost_is_made_again_with_the_same_bytes(client: Client, stage: Calls) -> None:
    file_id = upload(client, images.jpeg(700, 500))
    deliver(file_id)
    key = "f/private/{file_id}/{version}/{name}".format(**asked(file_id, "w320.webp"))
    first = aws_client("s3").get_object(Bucket="derived", Key=key)["Body"].read()
    aws_client("s3").delete_object(Bucket="derived", Key=key)
    assert rendered(asked(file_id, "w320.webp"))["status"] == "made"
    assert aws_client("s3").get_object(Bucket="derived", Key=key)["Body"].read() == first


def test_the_avif_of_an_animation_is_its_animated_webp(client: Client, stage: Calls) -> None:
    file_id = upload(client, moving("GIF"), name="a.gif", content_type="image/gif")
    deliver(file_id)
    file = render_leases.get_ready(file_id)
    assert file
    assert file.image
    name = file.renditions[0].name
    answer = rendered(asked(file_id, f"{name}.avif"))
    reply = aws_client("s3").get_object(Bucket="derived", Key=answer["key"])
    assert reply["ContentType"] == "image/webp"
    shown = opened(reply["Body"].read())
    assert getattr(shown, "n_frames", 1) == file.image.frames > 1


@pytest.mark.parametrize(
    "other",
    [
        {"name": "w641.avif"},
        {"name": "w1920.avif"},
        {"name": "w640.png"},
        {"name": "w640"},
        {"version": "0" * 16},
        {"visibility": "public"},
        {"file_id": "file_01JD0000000000000000000000"},
    ],
)
def test_nothing_else_is_made_and_s3_is_not_asked(client: Client, stage: Calls, other: dict[str, str]) -> None:
    file_id = upload(client, images.jpeg(1000, 800))
    deliver(file_id)
    stage.clear()
    assert rendered(asked(file_id) | other) == {"status": "unknown"}
    assert stage.count("s3.") == 0


def test_a_file_that_is_not_ready_or_has_no_picture_has_none(client: Client, stage: Calls) -> None:
    waiting = client("POST", "/v1/files", {"filename": "a.jpg", "content_type": "image/jpeg", "size": 9}).json["id"]
    archive = upload(client, archives.zip_of({"a": b"x"}), name="a.zip", content_type="application/zip")
    deliver(archive)
    for file_id in (waiting, archive):
        assert rendered(asked(file_id)) == {"status": "unknown"}


@pytest.mark.parametrize("may_list", [True, False])
def test_an_original_that_is_gone_gives_unknown(
    may_list: bool, client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    """S3 answers 403 for a missing object to a role that may not list the bucket, as ours may not."""
    file_id = upload(client, images.jpeg(1000, 800))
    deliver(file_id)
    original_objects.delete_all_versions(f"acme/{file_id}")
    if not may_list:
        denied: Any = {"Error": {"Code": "AccessDenied"}, "ResponseMetadata": {"HTTPStatusCode": 403}}

        def deny(**_: Any) -> None:
            raise ClientError(denied, "GetObject")

        monkeypatch.setattr(aws.s3(), "get_object", deny)
    assert rendered(asked(file_id)) == {"status": "unknown"}


def test_a_file_deleted_meanwhile_leaves_nothing_behind(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, images.jpeg(1000, 800))
    deliver(file_id)
    event = asked(file_id)

    def deleted_while_at_work(*args: Any, **more: Any) -> Any:
        assert client("DELETE", f"/v1/files/{file_id}").status == 204
        return render_one(*args, **more)

    monkeypatch.setattr("chalicelib.processing.on_demand.render_one", deleted_while_at_work)
    assert rendered(event) == {"status": "unknown"}
    assert aws_client("s3").list_objects_v2(Bucket="derived")["KeyCount"] == 0


def test_a_fault_of_the_file_is_final_and_one_of_aws_is_not(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, images.jpeg(1000, 800))
    deliver(file_id)

    def corrupt(*_: Any, **__: Any) -> None:
        raise PermanentFault(ErrorCode.CORRUPT, "The image is damaged.")

    monkeypatch.setattr("chalicelib.processing.on_demand.render_one", corrupt)
    assert rendered(asked(file_id)) == {"status": "failed"}
    monkeypatch.undo()
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "100")
    assert rendered(asked(file_id)) == {"status": "failed"}, "too many pixels for so little memory"
    monkeypatch.delenv("AWS_LAMBDA_FUNCTION_MEMORY_SIZE")

    def busy(*_: Any, **__: Any) -> None:
        raise ClientError({"Error": {"Code": "SlowDown"}}, "PutObject")

    monkeypatch.setattr("chalicelib.storage.derived.put", busy)
    assert rendered(asked(file_id)) == {"status": "later"}


def test_a_rendition_that_the_files_kind_does_not_make_any_more_has_failed(
    client: Client, stage: Calls, monkeypatch: pytest.MonkeyPatch
) -> None:
    file_id = upload(client, images.jpeg(1000, 800))
    deliver(file_id)
    monkeypatch.setattr(kinds, "PROCESSORS", kinds.PROCESSORS[-1:])
    stage.clear()
    assert rendered(asked(file_id)) == {"status": "failed"}
    assert stage.count("s3.PutObject") == 0
