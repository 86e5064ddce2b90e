"""For a test: whoever imports this can't fork any more."""

from __future__ import annotations

import errno
import os
from typing import NoReturn


def _refused() -> NoReturn:
    raise OSError(errno.EAGAIN, "no more processes")


os.fork = _refused
