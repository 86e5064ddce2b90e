"""The service `function`: calls a Lambda function of your own, which answers with an event on the stage's bus.

examples/service_function has such a function.
"""

from __future__ import annotations

import json

from chalicelib import aws
from chalicelib.delivery import view
from chalicelib.delivery.disposition import content_disposition
from chalicelib.model import UNPROVEN, File
from chalicelib.processing.services import ANSWERED, Answer
from chalicelib.settings import settings
from chalicelib.storage import originals

# Seconds for which the function can get the original. Lambda may have to try an asynchronous call again.
ADDRESS_LIVES = 3600


def start(file: File, job: str) -> Answer | None:
    """One Invoke, which Lambda answers at once (`InvocationType=Event`): it calls the function some time later.

    Raises LookupError if the stage names no function.
    """
    name = settings().service_function
    if not name:
        raise LookupError("FILEMILL_SERVICE_FUNCTION is not set")
    source, kind = ANSWERED
    asked = {
        "job": job,
        "service": "function",
        "file": view.unsigned(file),
        "original": originals.sign(file, UNPROVEN, content_disposition(file.filename, inline=False), ADDRESS_LIVES),
        "answer_to": {"bus": settings().event_bus, "source": source, "detail_type": kind},
    }
    payload = json.dumps(asked, ensure_ascii=False).encode()
    aws.functions().invoke(FunctionName=name, InvocationType="Event", Payload=payload)
    return None
