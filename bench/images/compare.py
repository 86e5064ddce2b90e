"""`python -m bench.images.compare`, in the bench's venv: compares a picture with the one that it was encoded from.

SSIM is measured on luma, with the original paper's Gaussian window. SSIMULACRA2 needs sides of 256 pixels or more, and
takes 3 s and 800 MB a megapixel.

A line on stdin: {"reference", "made": two PNGs of one size, RGB; "metric": "ssim" or "ssimulacra2"}
A line on stdout: the score
"""

from __future__ import annotations

import json
import sys

import numpy
from PIL import Image
from skimage.metrics import structural_similarity
from ssimulacra2 import compute_ssimulacra2


def score(reference: str, made: str, metric: str) -> float:
    if metric == "ssimulacra2":
        return float(compute_ssimulacra2(reference, made))
    with Image.open(reference) as one, Image.open(made) as other:
        lumas = [numpy.asarray(image.convert("L")) for image in (one, other)]
    return float(
        structural_similarity(*lumas, gaussian_weights=True, sigma=1.5, use_sample_covariance=False, data_range=255)
    )


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(score(**json.loads(line))), flush=True)
