"""Makes `chalice deploy` and `chalice package` accept only wheels whose hashes are in requirements.txt.

Chalice has pip fetch the packages for this computer first. Then it has pip fetch each package again that the functions
cannot load, by its name and version alone, so that no hash is compared; and it goes on without one that is missing.

Chalice runs pip with its own environment, so pip's settings can come from there: the functions' platform and
`--require-hashes`. The first step then fetches the functions' wheels, all of them compared, and the second has nothing
to do. If a file differs, or a package has no hash, pip says so and Chalice stops.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

# The processor's name in a wheel's file name, by Lambda's name of the architecture.
PROCESSORS = {"arm64": "aarch64", "x86_64": "x86_64"}

# The C library of Lambda's Python 3.12 and newer is glibc 2.34 (Amazon Linux 2023):
# https://docs.aws.amazon.com/linux/al2023/ug/compare-with-al2.html
# Wheels name the oldest glibc that they run on. Nothing older than 2.17 is built any more: https://peps.python.org/pep-0599/
_GLIBC_MINORS = range(17, 35)


def pip_settings(architecture: str) -> dict[str, str]:
    """Environment variables that make `pip download` fetch wheels for Lambda, and refuse those without a known hash.

    `architecture` is the functions', `arm64` or `x86_64`. Raises KeyError for another one.
    """
    processor = PROCESSORS[architecture]
    platforms = [*(f"manylinux_2_{minor}_{processor}" for minor in _GLIBC_MINORS), f"manylinux2014_{processor}"]
    return {"PIP_PLATFORM": " ".join(platforms), "PIP_ONLY_BINARY": ":all:", "PIP_REQUIRE_HASHES": "1"}


def architecture_of(config: Mapping[str, Any], stage: str) -> str:
    """The architecture of a stage's functions in .chalice/config.json, `arm64` or `x86_64` (Chalice's default)."""
    entry = config.get("stages", {}).get(stage, {})
    chosen: str = entry.get("lambda_architecture") or config.get("lambda_architecture") or "x86_64"
    return chosen


def settings_of(project_dir: Path, stage: str) -> dict[str, str]:
    """`pip_settings` for the functions of a stage.

    Raises
    ------
    SystemExit
        The recorded architecture is none that Lambda has. The message says so.
    """
    config = json.loads((project_dir / ".chalice" / "config.json").read_text(encoding="utf-8"))
    architecture = architecture_of(config, stage)
    if architecture not in PROCESSORS:
        raise SystemExit(
            f"filemill: lambda_architecture in .chalice/config.json is {architecture!r}, which Lambda does not have; "
            "use arm64 or x86_64"
        )
    return pip_settings(architecture)
