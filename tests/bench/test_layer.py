"""The layer's size for x86_64 functions. tests/ops/test_package.py looks at that for arm64."""

from __future__ import annotations

import platform
import sys
from pathlib import Path

import pytest

from bench import layer

pytestmark = pytest.mark.e2e  # pip fetches the wheels for Lambda's platform


def test_the_layer_of_x86_64_functions_is_small_enough_for_one_request(tmp_path: Path) -> None:
    """With the SIMD resizer, where this computer can bring it."""
    sizes = layer.layer_of(layer.packaged(tmp_path, "x86_64"))
    whole, _ = sizes[""]
    assert whole < layer.GOAL * 1000**2
    assert sum(zipped for name, (zipped, _) in sizes.items() if name) < whole
    assert {"pypdfium2_raw", "python_calamine", "resvg_py", "pillow"} <= {*sizes}
    if (sys.platform, platform.machine()) == ("linux", "x86_64"):
        assert "cykooz_resizer" in sizes
