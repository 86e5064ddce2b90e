"""The engine is the code and the libraries that make a rendition's bytes. Here it gets its name."""

from __future__ import annotations

import platform
from importlib.util import find_spec

_resizer = find_spec("cykooz_resizer")
HAS_RESIZER = platform.machine() == "x86_64" and _resizer is not None and _resizer.origin is not None
"""True if the SIMD resizer is installed for this processor. It is looked for, not imported; bytecode does not count.

All functions of a stage share one layer, so all of them see the same.
"""

_PLAIN = "4+heif1.4.0+pillow13.0.0"
_SIMD = f"{_PLAIN}+resizer4.0.1"
ENGINE_VERSION = _SIMD if HAS_RESIZER else _PLAIN
"""Names the code that makes the bytes. Raise the number with any change to decoding, resizing, colour or encoding.

It has the version of Pillow, which brings the encoders, of the HEIF decoder, and of the resizer, which is not installed
everywhere (resize.py). A test compares them with the installed versions.
"""


def engines_of(architecture: str) -> tuple[str, ...]:
    """The engines that this code may have in functions of an architecture (`arm64`, `x86_64`).

    There are two for x86_64: the computer that deploys decides whether the resizer is packed (ops/package.py).
    """
    return (_SIMD, _PLAIN) if architecture == "x86_64" else (_PLAIN,)
