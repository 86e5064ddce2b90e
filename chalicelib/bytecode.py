"""Lets Python find the bytecode of Chalice's router, which every function imports. Import this before Chalice.

Chalice packs `chalice/app.py` as source only, and a function cannot write to its folder, so each start would compile
the 2,200 lines again. `ops/package.py` puts the bytecode into a folder that Chalice packs whole: `__pycache__` beside
this file. The bytecode is used only if it was compiled from exactly the source that is found; otherwise Python compiles
as always.
"""

from __future__ import annotations

import marshal
import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder, SourceFileLoader
from importlib.util import MAGIC_NUMBER, source_hash
from pathlib import Path
from types import CodeType, ModuleType

MODULE = "chalice.app"
COMPILED = Path(__file__).parent / "__pycache__" / f"{MODULE}.{sys.implementation.cache_tag}.pyc"


class _Loader(SourceFileLoader):
    def get_code(self, fullname: str) -> CodeType | None:
        compiled = COMPILED.read_bytes()
        # https://peps.python.org/pep-0552/: magic number, flags, hash of the source, code.
        if compiled[:4] == MAGIC_NUMBER and compiled[8:16] == source_hash(self.get_data(self.path)):
            code: CodeType = marshal.loads(compiled[16:])  # noqa: S302 - our own archive
            return code
        return super().get_code(fullname)


class _Finder:
    @staticmethod
    def find_spec(name: str, path: Sequence[str] | None = None, target: ModuleType | None = None) -> ModuleSpec | None:
        if name != MODULE:
            return None
        spec = PathFinder.find_spec(name, path, target)
        if spec and spec.origin:
            spec.loader = _Loader(name, spec.origin)
        return spec


if COMPILED.exists():
    sys.meta_path.insert(0, _Finder)
