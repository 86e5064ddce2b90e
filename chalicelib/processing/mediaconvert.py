"""The service `mediaconvert`: AWS Elemental MediaConvert makes one MP4 of a film that has no clip, or has HDR colours.

A film plays without it, whatever its length. The MP4 is for those who want one file of the whole film. MediaConvert
writes it below `av/` of the version that is served when the job begins; it is copied to each later one.
https://docs.aws.amazon.com/mediaconvert/latest/apireference/jobs.html
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Mapping
from typing import Any

from chalicelib import aws
from chalicelib.catalog import files
from chalicelib.facts import VideoInfo
from chalicelib.model import File, Status, original_key
from chalicelib.processing.services import Answer, failure
from chalicelib.renditions import conversions, places
from chalicelib.renditions.media_names import FOLDER
from chalicelib.settings import settings
from chalicelib.storage import derived

SERVICE = "mediaconvert"

# Pixels of the shorter side, and bits a second of the picture at most. The sound has 128,000.
HEIGHT = 720
BEST = 4_000_000
SOUND = 128_000

# Pixels of a side that MediaConvert makes at least: botocore's model of VideoDescription.
LEAST = 32

# Bytes of an MP4. It is copied when the film gets another address, while a client waits: CopyObject takes seconds.
MOST_BYTES = 2_000_000_000
# A film is not converted if it would have fewer bits a second than this.
WORST = 300_000

# MediaConvert turns films of these containers alone by what they say (AUTO): botocore's model of VideoSelector.
TURNED = ("mp4", "m4v", "mov")

# What a job carries, so that its events tell whose it is. `.chalice/resources.yaml` chooses the events by the stage.
JOB, STAGE = "filemill-job", "filemill-stage"

_KEY = re.compile(r"f/(?:public|private)/(file_[0-9A-Z]{26})/[0-9a-f]{16}/(av/film-[0-9a-f]{16}\.mp4)")
_CODE = re.compile(r"[0-9]{1,6}")


def start(file: File, job: str) -> Answer | None:
    """One CreateJob. A film that has a clip, and ordinary colours, needs none: it is answered at once."""
    film, prefix = file.video, places.served_prefix(file)
    if film is None or not film.duration or not film.width or not film.height or prefix is None:
        return failure("unknown", "The film's length or size is not known, or nothing of it is served.")
    if conversions.clips(file) and not film.hdr:
        return Answer(result={"needed": False})
    if min(film.width, film.height) < LEAST:
        return failure("too_small", f"MediaConvert makes no picture with a side of less than {LEAST} pixels.")
    bits = min(BEST, int(MOST_BYTES * 8 * 0.95 / film.duration) - SOUND)
    if bits < WORST:
        return failure(
            "too_long", f"A film of {film.duration / 3600:.0f} hours is too long for one MP4; it plays as HLS."
        )
    # A job can't name a version of an object. Bytes that come later under the same key are no version of the file, and
    # `process` deletes them (pipeline.py). A job that reads in those seconds would convert them.
    aws.mediaconvert().create_job(
        Role=settings().transcoder,
        ClientRequestToken=job,
        UserMetadata={JOB: job, STAGE: settings().stage},
        Settings=_settings(
            f"s3://{settings().originals_bucket}/{original_key(file.tenant, file.id)}",
            f"s3://{settings().derived_bucket}/{prefix}{FOLDER}film-{hashlib.sha256(job.encode()).hexdigest()[:16]}",
            film,
            bits,
        ),
    )
    return None


def _settings(source: str, target: str, film: VideoInfo, bits: int) -> dict[str, Any]:
    """A job's settings. MediaConvert adds `.mp4` to the target."""
    side = min(film.width or 0, film.height or 0, HEIGHT) // 2 * 2
    # One side is named, and MediaConvert chooses the other one by the film's shape.
    shape = {"Height": side} if (film.width or 0) >= (film.height or 0) else {"Width": side}
    picture: dict[str, Any] = {
        **shape,
        "CodecSettings": {
            "Codec": "H_264",
            "H264Settings": {
                "RateControlMode": "QVBR",
                "MaxBitrate": bits,
                "QvbrSettings": {"QvbrQualityLevel": 7},
                "FramerateControl": "INITIALIZE_FROM_SOURCE",
                "QualityTuningLevel": "SINGLE_PASS_HQ",
                "SceneChangeDetect": "TRANSITION_DETECTION",
            },
        },
    }
    if film.hdr:
        # https://docs.aws.amazon.com/mediaconvert/latest/ug/converting-the-color-space.html
        picture["VideoPreprocessors"] = {"ColorCorrector": {"ColorSpaceConversion": "FORCE_709"}}
    output: dict[str, Any] = {
        "ContainerSettings": {"Container": "MP4", "Mp4Settings": {"MoovPlacement": "PROGRESSIVE_DOWNLOAD"}},
        "VideoDescription": picture,
    }
    read: dict[str, Any] = {
        "FileInput": source,
        "TimecodeSource": "ZEROBASED",
        "VideoSelector": {"ColorSpace": "FOLLOW", "Rotate": _turn(film)},
    }
    if film.audio_tracks:
        read["AudioSelectors"] = {"Audio Selector 1": {"DefaultSelection": "DEFAULT"}}
        aac = {"Bitrate": SOUND, "CodingMode": "CODING_MODE_2_0", "SampleRate": 48_000}
        codec = {"Codec": "AAC", "AacSettings": aac}
        output["AudioDescriptions"] = [{"AudioSourceName": "Audio Selector 1", "CodecSettings": codec}]
    group = {"Type": "FILE_GROUP_SETTINGS", "FileGroupSettings": {"Destination": target}}
    return {
        "TimecodeConfig": {"Source": "ZEROBASED"},
        "Inputs": [read],
        "OutputGroups": [{"Name": "File Group", "OutputGroupSettings": group, "Outputs": [output]}],
    }


def _turn(film: VideoInfo) -> str:
    turned = film.rotation in (90, 180, 270) and film.format not in TURNED
    return f"DEGREES_{film.rotation}" if turned else "AUTO"


def read(event: Mapping[str, Any]) -> tuple[str, Answer] | None:
    """The answer in an event of MediaConvert's; None for an event that ends no job of this stage.

    https://docs.aws.amazon.com/mediaconvert/latest/ug/mediaconvert_event_list.html
    """
    detail = event["detail"]
    said = detail.get("userMetadata") or {}
    job = said.get(JOB)
    if not isinstance(job, str) or said.get(STAGE) != settings().stage:
        return None
    match detail.get("status"):
        case "COMPLETE":
            return job, _made(detail)
        case "ERROR":
            code = str(detail.get("errorCode", ""))
            named = f" (error {code})" if _CODE.fullmatch(code) else ""
            return job, failure("refused", f"MediaConvert could not convert the film{named}.")
        case "CANCELED":
            return job, failure("canceled", "Somebody canceled the job in MediaConvert.")
        case _:
            return None


def _made(detail: Mapping[str, Any]) -> Answer:
    [group, *_] = detail["outputGroupDetails"]
    [output, *_] = group["outputDetails"]
    bucket, _, key = str(output["outputFilePaths"][0]).removeprefix("s3://").partition("/")
    match = _KEY.fullmatch(key)
    if bucket != settings().derived_bucket or match is None:
        return failure("bad_answer", "MediaConvert says that it wrote to another place than it was told.")
    # The film may have got another address while the job ran. Then the job's own place is reconciliation's to clear.
    file = files.record(match[1])
    prefix = places.served_prefix(file) if file and file.status is Status.READY else None
    if prefix and not key.startswith(prefix) and not derived.copy({key: prefix + match[2]}):
        return failure("lost", "What MediaConvert wrote is not there any more.")
    size = output.get("videoDetails") or {}
    result = {"name": match[2], "width": size.get("widthInPx"), "height": size.get("heightInPx")}
    return Answer(result={**result, "duration": output.get("durationInMs", 0) / 1000})


def carry(file: File, prefix: str) -> bool:
    """Copies the MP4 of the served version to a new one. False if it is not there, so that it must be made again."""
    state = file.services.get(SERVICE)
    if state and state.result and state.result.get("needed") is False:
        return True
    name, served = places.converted(file), places.served_prefix(file)
    if name is None or served is None:
        return False
    return served == prefix or derived.copy({served + name: prefix + name})
