"""The engine: the code and the libraries that make a rendition's bytes, as one text that names them."""

from __future__ import annotations

import platform
from importlib.util import find_spec

_resizer = find_spec("cykooz_resizer")
HAS_RESIZER = platform.machine() == "x86_64" and _resizer is not None and _resizer.origin is not None
"""Whether the SIMD resizer is there, for this processor: found, not imported. Its bytecode alone does not count.

All functions of a stage share one layer, so all see the same.
"""

_PLAIN = "3+heif1.4.0+pillow13.0.0"
_SIMD = f"{_PLAIN}+resizer4.0.1"
ENGINE_VERSION = _SIMD if HAS_RESIZER else _PLAIN
"""Names the code that makes the bytes: raise the number with any change to decoding, resizing, colour or encoding.

Pillow brings the encoders, so its version belongs to it, the HEIF decoder's and the resizer's, which is not everywhere
(resize.py); a test compares them with those installed.
"""


def engines_of(architecture: str) -> tuple[str, ...]:
    """The engines that functions of an architecture (`arm64`, `x86_64`) may have, when this code is deployed there.

    For x86_64 two: whether the resizer is packed depends on the computer that deploys (ops/package.py).
    """
    return (_SIMD, _PLAIN) if architecture == "x86_64" else (_PLAIN,)
