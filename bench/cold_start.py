"""CPU of a process function's start: its libraries and two AWS clients, with and without compiled modules (.pyc).

Goal: Pillow, S3 and DynamoDB ready in 0.6 of what plain boto3 takes. Bytecode of the standard library is always there,
as in Lambda; the question is whether the deployed package brings its own.
"""

from __future__ import annotations

import statistics

from bench.imports import BASE, cpu_seconds

ROUNDS = 7
WITHOUT_PYC = """
import importlib._bootstrap_external as external
real = external.cache_from_source
def cache_from_source(path, *rest, **more):
    return "/nowhere" if "site-packages" in path or "chalicelib" in path else real(path, *rest, **more)
external.cache_from_source = cache_from_source
import sys
sys.dont_write_bytecode = True
"""
PILLOW = "from PIL import Image, ImageCms, AvifImagePlugin, JpegImagePlugin, PngImagePlugin, WebPImagePlugin"
OURS = "from chalicelib import aws; from chalicelib.processing import image; aws.s3(); aws.dynamodb()"
CASES = {"plain boto3, two clients": BASE, "Pillow alone": PILLOW, "Filemill's clients and image code": OURS}


def run() -> None:
    samples: dict[tuple[str, bool], list[float]] = {}
    for _ in range(ROUNDS):
        for name, code in CASES.items():
            for compiled in (True, False):
                seconds = cpu_seconds(code if compiled else WITHOUT_PYC + code, "filemill-test-process")
                samples.setdefault((name, compiled), []).append(seconds)
    base = samples["plain boto3, two clients", True]
    print("| CPU of the start, to plain boto3's with .pyc | with .pyc | without |\n|---|--:|--:|")
    for name in CASES:
        cells = [
            f"{statistics.median(one / of for one, of in zip(samples[name, compiled], base, strict=True)):.2f}"
            for compiled in (True, False)
        ]
        print(f"| {name} | {' | '.join(cells)} |")
