"""A Lambda function that Filemill's service `function` calls: it counts the bytes of a file by their values.

It needs nothing but what Lambda's Python has. Replace `look_at` with what you want to know about a file.
"""

import json
from collections import Counter
from urllib.request import urlopen

import boto3

MOST_BYTES = 10_000_000


def handler(asked, context):
    """`asked` has `job`, `file` (as the API shows it), `original` (an address) and `answer_to`."""
    try:
        answer = look_at(asked["file"], asked["original"])
    except ValueError as error:  # the file is at fault: Filemill does not ask again
        answer = {"error": {"code": "unreadable", "message": str(error)}}
    # Any other error is not answered: Lambda calls twice more, and Filemill asks again when the time is over.
    tell(asked, answer)


def look_at(file, original):
    """The answer: `result` (a JSON object of at most 4,096 bytes) and `words` by which search finds the file."""
    with urlopen(original, timeout=60) as body:  # noqa: S310 - an address of Filemill's
        read = body.read(MOST_BYTES)
    if not read:
        raise ValueError("The file is empty.")
    value, times = Counter(read).most_common(1)[0]
    return {"result": {"most_common_byte": value, "times": times, "of": len(read)}, "words": [f"byte{value}"]}


def tell(asked, answer):
    to = asked["answer_to"]
    entry = {
        "EventBusName": to["bus"],
        "Source": to["source"],
        "DetailType": to["detail_type"],
        "Detail": json.dumps({"job": asked["job"], **answer}),
    }
    if boto3.client("events").put_events(Entries=[entry])["FailedEntryCount"]:
        raise RuntimeError("EventBridge did not take the answer.")
