"""Torch, Triton and CuPy implementations, and the M2-BERT, M2-ViT and M2-GPT models.

A module of this package that needs another package, which is not there, says what installs it: torch above all, which
an extra brings and most modules import first.
"""

import sys
from collections.abc import Sequence
from importlib.machinery import ModuleSpec, PathFinder
from types import ModuleType

from monarch_theory.extras import needed


class _Advised(PathFinder):
    """Finds the modules of this package as Python does, and has each imported as what it needs is said to be."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = super().find_spec(fullname, path, target) if fullname.startswith(f"{__name__}.") else None
        if found is not None and found.loader is not None:
            found.loader.exec_module = needed()(found.loader.exec_module)  # type: ignore[method-assign]
        return found


sys.meta_path.insert(0, _Advised)
