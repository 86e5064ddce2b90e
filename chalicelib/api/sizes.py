"""How large an answer may be, and how much of it a JSON value needs."""

from __future__ import annotations

import json

# Bytes that the records of one answer may need. Lambda takes 6,291,456 bytes from a function, and API Gateway 10 MB.
# The rest is for the headers, and for what stands around the records.
# https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html
# https://docs.aws.amazon.com/apigateway/latest/developerguide/limits.html
MOST = 6_000_000
LAMBDA_MOST = 6_291_456


def size(text: str) -> int:
    r"""The bytes of a JSON text in a function's answer, at most.

    The body is a string in the JSON that the function returns, so its quotes are escaped once more. What is not ASCII
    is counted as `\uXXXX`. Lambda's runtimes from Python 3.12 on leave it as it is, which is shorter.
    """
    if text.isascii():  # JSON has control characters as escapes only
        return len(text) + text.count('"') + text.count("\\") + 2
    return len(json.dumps(text))
