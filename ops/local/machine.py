"""Checks that this machine can run what is built for Lambda."""

from __future__ import annotations

import platform
import sys

from ops.errors import OpsError
from ops.stack.emulator_gaps import machine_architecture


def check_machine() -> str:
    """The functions' architecture on this machine: `x86_64` or `arm64`.

    Raises
    ------
    OpsError
        Packages that are built for Lambda can't run here.
    """
    libc = platform.libc_ver()[0]
    if sys.platform != "linux" or libc != "glibc":
        what = f"Linux with {libc or 'another C library'}" if sys.platform == "linux" else platform.system()
        raise OpsError(
            f"Filemill's functions are built for Lambda's Linux (glibc) and can't run on {what}. "
            "Run this inside WSL 2, or in a Debian or Ubuntu container."
        )
    architecture = machine_architecture()
    if architecture is None:
        raise OpsError(
            f"Lambda supports x86_64 and arm64, but this machine is {platform.machine()}. Use one of those two."
        )
    return architecture
