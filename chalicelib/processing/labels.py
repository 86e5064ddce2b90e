"""The service `labels`: Amazon Rekognition names what an image shows. It answers at once.

The words of the labels are found by search. https://docs.aws.amazon.com/rekognition/latest/APIReference/API_DetectLabels.html
"""

from __future__ import annotations

from botocore.exceptions import ClientError
from pydantic import JsonValue

from chalicelib import aws
from chalicelib.model import File, Rendition, original_key, rendition_key
from chalicelib.processing.services import Answer, failure
from chalicelib.settings import settings

# Rekognition's bounds of an image in a bucket: bytes, and pixels of each side.
# https://docs.aws.amazon.com/rekognition/latest/dg/limits.html
MAX_BYTES = 15 * 1000**2
MIN_SIDE, MAX_SIDE = 80, 10_000
ORIGINALS = ("image/jpeg", "image/png")

MAX_LABELS = 30
MIN_CONFIDENCE = 70  # per cent

# Errors by which Rekognition refuses this one image. Any other is worth another try.
_REFUSED = frozenset({"ImageTooLargeException", "InvalidImageFormatException"})


def start(file: File, job: str) -> Answer | None:
    """One DetectLabels: of the largest JPEG rendition, or of the original if there is none that will do."""
    picture = _picture(file)
    if picture is None:
        return failure("no_picture", f"The file has no JPEG or PNG of {MIN_SIDE} pixels and {MAX_BYTES:,} bytes.")
    try:
        reply = aws.rekognition().detect_labels(
            Image={"S3Object": picture}, MaxLabels=MAX_LABELS, MinConfidence=MIN_CONFIDENCE
        )
    except ClientError as error:
        if error.response["Error"]["Code"] in _REFUSED:
            return failure("refused", f"Rekognition refused the image: {error.response['Error']['Code']}.")
        raise
    labels: list[JsonValue] = [
        {"name": each["Name"], "confidence": round(each["Confidence"], 1)} for each in reply["Labels"]
    ]
    model = reply.get("LabelModelVersion")
    return Answer(result={"labels": labels, "model": model}, words=tuple(each["Name"] for each in reply["Labels"]))


def _picture(file: File) -> dict[str, str] | None:
    """The object to look at, as DetectLabels takes it."""
    jpegs = [each for each in file.renditions if each.format == "jpeg" and _fits(each.width, each.height, each.size)]
    if jpegs and file.source_version:
        largest = max(jpegs, key=_pixels)
        key = rendition_key(file.visibility, file.id, file.source_version, largest)
        return {"Bucket": settings().derived_bucket, "Name": key}
    image = file.image
    if image and file.proven_type in ORIGINALS and _fits(image.width, image.height, file.size):
        version = {"Version": file.version_id} if file.version_id else {}
        return {"Bucket": settings().originals_bucket, "Name": original_key(file.tenant, file.id), **version}
    return None


def _fits(width: int | None, height: int | None, size: int | None) -> bool:
    sides = (width or 0, height or 0)
    return min(sides) >= MIN_SIDE and max(sides) <= MAX_SIDE and 0 < (size or 0) <= MAX_BYTES


def _pixels(rendition: Rendition) -> int:
    return (rendition.width or 0) * (rendition.height or 0)
