"""CPU of each function's imports in a new process, as a ratio to importing plain boto3."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys

from tests.stage import MEDIA_STAGE, STAGE

ROUNDS = 7
BASE = "import boto3; boto3.client('s3'); boto3.client('dynamodb')"
CASES = {
    "bare interpreter": ("", ""),
    "boto3 with two clients": (BASE, ""),
    "API function": ("import app; from chalicelib import aws; aws.s3(); aws.dynamodb()", "filemill-test"),
    "process function": (
        "import app; from chalicelib import aws; from chalicelib.processing import pipeline; aws.s3(); aws.dynamodb()",
        "filemill-test-process",
    ),
    "process function, with an image": (
        "import app; from chalicelib import aws; from chalicelib.processing import pipeline; "
        "from chalicelib.processing.image import cascade; "
        "aws.s3(); aws.dynamodb()",
        "filemill-test-process",
    ),
    "media function, with a film": (
        "import app; from chalicelib import aws; from chalicelib.processing import pipeline; "
        "from chalicelib.processing.media import video; aws.s3(); aws.dynamodb()",
        "filemill-test-media",
    ),
    "stream function, with a segment": (
        "import app; from chalicelib import aws; from chalicelib.processing.media import on_demand; "
        "from chalicelib.processing.media.hls import stream; aws.s3(); aws.dynamodb()",
        "filemill-test-stream",
    ),
    "the child of both, with FFmpeg": ("import chalicelib.processing.media.hls.child", ""),
}


def cpu_seconds(code: str, function: str) -> float:
    """User and system time of one fresh process."""
    report = "import os; t = os.times(); print(t.user + t.system)"
    environment = {
        **os.environ,
        **STAGE,
        **MEDIA_STAGE,
        "AWS_LAMBDA_FUNCTION_NAME": function,
        "AWS_DEFAULT_REGION": "eu-west-1",
    }
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{report}"], env=environment, capture_output=True, text=True, check=True
    )
    return float(done.stdout.splitlines()[-1])


def run() -> None:
    samples: dict[str, list[float]] = {name: [] for name in CASES}
    for _ in range(ROUNDS):  # interleaved, so that a noisy minute hits all alike
        for name, (code, function) in CASES.items():
            samples[name].append(cpu_seconds(code, function))
    base = statistics.median(samples["boto3 with two clients"])
    print("| start | CPU, as a ratio to boto3 with two clients |\n|---|---|")
    for name, values in samples.items():
        print(f"| {name} | {statistics.median(values) / base:.2f} |")
