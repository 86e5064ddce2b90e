"""Rules for the calls that begin work elsewhere: of Lambda's functions, and of MediaConvert.

The words and numbers of MediaConvert's model are checked in models.py, as neither botocore nor moto does.
"""

from __future__ import annotations

from collections.abc import Iterator

from tests.strict.rules import Request, rule

LAMBDA = "https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"
MEDIACONVERT = "https://docs.aws.amazon.com/mediaconvert/latest/apireference/jobs.html"

ANSWERED = 6 * 1024**2  # bytes of an event whose caller waits for the answer
QUEUED = 1024**2  # bytes of an event that Lambda keeps in a queue of its own
TOKEN = 64  # ASCII characters


@rule("lambda", "an event has at most 6 MB, or 1 MB if nobody waits", "Invoke", source=LAMBDA)
def _events(request: Request) -> Iterator[str]:
    most = QUEUED if request.params.get("InvocationType") == "Event" else ANSWERED
    if (size := len(request.params.get("Payload", b""))) > most:
        yield f"it has {size} bytes, and may have {most}"


@rule("mediaconvert", "a token has at most 64 ASCII characters", "CreateJob", source=MEDIACONVERT)
def _tokens(request: Request) -> Iterator[str]:
    token = request.params.get("ClientRequestToken", "")
    if len(token) > TOKEN or not token.isascii():
        yield f"it is {token!r}"


@rule("mediaconvert", "QVBR has a highest bit rate and no average", "CreateJob", source=MEDIACONVERT)
def _rates(request: Request) -> Iterator[str]:
    for group in request.params["Settings"].get("OutputGroups", []):
        for output in group["Outputs"]:
            codec = output.get("VideoDescription", {}).get("CodecSettings", {}).get("H264Settings", {})
            if codec.get("RateControlMode") == "QVBR" and ("MaxBitrate" not in codec or "Bitrate" in codec):
                yield f"it says {codec}"
