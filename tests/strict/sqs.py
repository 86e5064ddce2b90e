"""SQS's rules for requests, by its documentation."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping
from typing import Any

from tests.strict.rules import Params, Request, rule

GUIDE = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide"
API = "https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference"
QUOTAS = f"{GUIDE}/quotas-messages.html"

MESSAGE = 1_048_576  # bytes of a message, and of a batch; AWS raised it from 262,144 in 2025
TWELVE_HOURS = 43_200

BATCHES = ("SendMessageBatch", "DeleteMessageBatch", "ChangeMessageVisibilityBatch")
SENDS = ("SendMessage", "SendMessageBatch")
VISIBILITIES = ("ReceiveMessage", "ChangeMessageVisibility", "ChangeMessageVisibilityBatch")

# #x9 | #xA | #xD | #x20 to #xD7FF | #xE000 to #xFFFD | #x10000 to #x10FFFF
_NOT_ALLOWED = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def entries(request: Request) -> list[Params]:
    """The entries of a batch, or the request itself."""
    found: list[Params] = request.params.get("Entries", []) if request.operation in BATCHES else [request.params]
    return found


def size_of(entry: Params) -> int:
    """Bytes of a message: its body, and the names, types and values of its attributes."""
    size = len(entry.get("MessageBody", "").encode(errors="surrogatepass"))
    for name, attribute in entry.get("MessageAttributes", {}).items():
        value = attribute.get("StringValue", "").encode() or attribute.get("BinaryValue", b"")
        size += len(name.encode()) + len(attribute.get("DataType", "").encode()) + len(value)
    return size


@rule("sqs", "a delay is 0 to 900 seconds", *SENDS, source=f"{API}/API_SendMessage.html")
def _delays(request: Request) -> Iterator[str]:
    for entry in entries(request):
        if not 0 <= entry.get("DelaySeconds", 0) <= 900:
            yield f"DelaySeconds is {entry['DelaySeconds']}"


@rule("sqs", "a batch has 1 to 10 entries", *BATCHES, source=f"{GUIDE}/sqs-batch-api-actions.html")
def _batch_sizes(request: Request) -> Iterator[str]:
    if not 1 <= len(entries(request)) <= 10:
        yield f"it has {len(entries(request))}"


@rule("sqs", "entries have ids of 1 to 80 letters, digits, - and _, each once", *BATCHES, source=QUOTAS)
def _batch_ids(request: Request) -> Iterator[str]:
    ids = [entry["Id"] for entry in entries(request)]
    if len(set(ids)) < len(ids):
        yield f"an id stands twice in {ids}"
    if wrong := [each for each in ids if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}", each)]:
        yield f"the ids {wrong}"


@rule("sqs", "a message, and all of a batch, has 1 byte to 1 MiB", *SENDS, source=f"{API}/API_SendMessage.html")
def _sizes(request: Request) -> Iterator[str]:
    sizes = [size_of(entry) for entry in entries(request)]
    if sum(sizes) > MESSAGE:
        yield f"the messages have {sum(sizes)} bytes"
    if any(not entry.get("MessageBody") for entry in entries(request)):
        yield "a message is empty"


@rule("sqs", "a message has only characters of XML", *SENDS, source=f"{API}/API_SendMessage.html")
def _characters(request: Request) -> Iterator[str]:
    for entry in entries(request):
        if found := _NOT_ALLOWED.search(entry.get("MessageBody", "")):
            yield f"the message has the character {found[0]!r}"


@rule("sqs", "a message has at most 10 attributes, with a name, a type and a value", *SENDS, source=QUOTAS)
def _attributes(request: Request) -> Iterator[str]:
    for entry in entries(request):
        attributes = entry.get("MessageAttributes", {})
        if len(attributes) > 10:
            yield f"it has {len(attributes)}"
        for name, attribute in attributes.items():
            if not _is_attribute(name, attribute):
                yield f"{name!r} is {attribute}"


def _is_attribute(name: str, attribute: Mapping[str, Any]) -> bool:
    named = re.fullmatch(r"(?!\.|(?i:aws\.|amazon\.))(?!.*\.\.)[A-Za-z0-9_.-]{1,256}(?<!\.)", name)
    typed = re.fullmatch(r"(String|Number|Binary)(\..+)?", attribute.get("DataType", ""))
    kind = "BinaryValue" if typed and typed[1] == "Binary" else "StringValue"
    return bool(named and typed and attribute.get(kind))


@rule("sqs", "a message group has 1 to 128 letters, digits and signs", *SENDS, source=QUOTAS)
def _groups(request: Request) -> Iterator[str]:
    for entry in entries(request):
        group = entry.get("MessageGroupId")
        if group is not None and not re.fullmatch(r"[!-~]{1,128}", group):
            yield f"the group is {group!r}"


@rule("sqs", "only a FIFO queue removes duplicates", *SENDS, source=f"{API}/API_SendMessage.html")
def _deduplication(request: Request) -> Iterator[str]:
    fifo = request.params["QueueUrl"].endswith(".fifo")
    for entry in entries(request):
        if "MessageDeduplicationId" in entry and not fifo:
            yield "the queue is none"
        if fifo and "MessageGroupId" not in entry:
            yield "a message of a FIFO queue has no group"


@rule(
    "sqs",
    "a visibility timeout is 0 to 43,200 seconds",
    *VISIBILITIES,
    source=f"{API}/API_ChangeMessageVisibility.html",
)
def _visibility(request: Request) -> Iterator[str]:
    for entry in entries(request):
        if not 0 <= entry.get("VisibilityTimeout", 0) <= TWELVE_HOURS:
            yield f"VisibilityTimeout is {entry['VisibilityTimeout']}"


# When each message was received, by receipt handle, in seconds of time.monotonic.
_received: dict[str, float] = {}


def received(reply: Mapping[str, Any]) -> None:
    """Remembers when the messages of an answer were received."""
    for message in reply.get("Messages", []):
        _received[message["ReceiptHandle"]] = time.monotonic()


@rule(
    "sqs",
    "a message stays hidden for 12 hours at most since it was received",
    "ChangeMessageVisibility",
    "ChangeMessageVisibilityBatch",
    source=f"{GUIDE}/sqs-visibility-timeout.html",
)
def _hidden(request: Request) -> Iterator[str]:
    for entry in entries(request):
        since = _received.get(entry["ReceiptHandle"])
        if since is not None and time.monotonic() - since + entry.get("VisibilityTimeout", 0) > TWELVE_HOURS:
            yield f"{entry['VisibilityTimeout']} s more are too much"


@rule(
    "sqs",
    "1 to 10 messages are received, in 0 to 20 seconds",
    "ReceiveMessage",
    source=f"{API}/API_ReceiveMessage.html",
)
def _receives(request: Request) -> Iterator[str]:
    if not 1 <= request.params.get("MaxNumberOfMessages", 1) <= 10:
        yield f"MaxNumberOfMessages is {request.params['MaxNumberOfMessages']}"
    if not 0 <= request.params.get("WaitTimeSeconds", 0) <= 20:
        yield f"WaitTimeSeconds is {request.params['WaitTimeSeconds']}"


QUEUE = {
    "DelaySeconds": (0, 900),
    "MaximumMessageSize": (1024, MESSAGE),
    "MessageRetentionPeriod": (60, 1_209_600),
    "ReceiveMessageWaitTimeSeconds": (0, 20),
    "VisibilityTimeout": (0, TWELVE_HOURS),
}


@rule(
    "sqs",
    "a queue's settings are in their bounds",
    "CreateQueue",
    "SetQueueAttributes",
    source=f"{API}/API_SetQueueAttributes.html",
)
def _queue_settings(request: Request) -> Iterator[str]:
    for name, (least, most) in QUEUE.items():
        value = request.params.get("Attributes", {}).get(name)
        if value is not None and not (re.fullmatch(r"\d+", value) and least <= int(value) <= most):
            yield f"{name} is {value!r}"


@rule("sqs", "a queue's name has 1 to 80 letters, digits, - and _", "CreateQueue", source=f"{API}/API_CreateQueue.html")
def _queue_names(request: Request) -> Iterator[str]:
    name = request.params["QueueName"]
    if not re.fullmatch(r"[A-Za-z0-9_-]{1,80}|[A-Za-z0-9_-]{1,75}\.fifo", name):
        yield f"the name is {name!r}"
