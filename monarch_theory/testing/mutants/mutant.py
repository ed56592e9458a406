"""What the corpus is made of: a right kernel, and one with a fault, as data."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from monarch_theory.formats import FORMATS

__all__ = ["COMPLEX", "REAL", "WIDE", "Mutant", "RightKernel"]

FOLDER = Path(__file__).parent / "kernels"

REAL = tuple(f.name for f in FORMATS)
WIDE = ("float64", "float32")
COMPLEX = ("complex64", "complex128")

MOST_ENTRIES = 1 << 13
"""Entries of all arguments of a case, at most: many kernels are run."""


@dataclass(frozen=True)
class RightKernel:
    """A right kernel of the corpus: `function` of `kernels/with_LIBRARY.py.txt`, for an op in some dtypes.

    Attributes:
        fails_fixed_rtol: it is right in bfloat16, and fails `torch.testing.assert_close`'s default tolerance there.
        max_size, most_runs: largest input row and number of runs worth the time, for slow ones.
        algorithm: what it has to claim (one of `rounding.ALGORITHMS`).
    """

    library: str
    function: str
    op: str
    dtypes: tuple[str, ...]
    fails_fixed_rtol: bool = False
    max_size: int = 256
    most_runs: int | None = None
    algorithm: str = "conventional"

    @property
    def source(self) -> str:
        """The file it is in."""
        return (FOLDER / f"with_{self.library}.py.txt").read_text()


@dataclass(frozen=True)
class Mutant:
    """A right kernel with a fault.

    Attributes:
        name: what is wrong, as a slug.
        library, function, op, dtype: the kernel and how it is checked.
        before, after: the source text replaced, which occurs once in the file, and what replaces it.
        cause: what is wrong, in the words of causes, which the checker is to name; or what it says instead, where it
            has no name for it (`diagnose.UNNAMED`).
        missed_by_fixed_rtol: passes `allclose` with rtol = atol = 1e−2 on normal values, as many tests have it.
        max_size, cases, most_entries: largest input row, number of cases it is given to show itself in, and entries of
            all arguments of one.
    """

    name: str
    library: str
    function: str
    op: str
    dtype: str
    before: str
    after: str
    cause: str
    missed_by_fixed_rtol: bool = False
    max_size: int = 256
    cases: int = 150
    most_entries: int = MOST_ENTRIES

    @property
    def source(self) -> str:
        """The faulty source.

        Raises:
            ValueError: the text to replace does not occur exactly once, so that the fault is not the one described.
        """
        right = (FOLDER / f"with_{self.library}.py.txt").read_text()
        if right.count(self.before) != 1:
            count = right.count(self.before)
            raise ValueError(
                f"before: expected {self.before!r} once in with_{self.library}.py.txt, got it {count} times"
            )
        return right.replace(self.before, self.after)
