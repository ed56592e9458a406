"""Kernels that are wrong on purpose, one seeded fault each, and right ones: the proof that the checker works.

`kernels/` holds right kernels, one file per library, as text: they run in processes of their own, and nothing here
imports them. A `Mutant` is one of them with one piece of its source replaced.
"""

from monarch_theory.testing.mutants.corpus import MUTANTS, RIGHT
from monarch_theory.testing.mutants.mutant import Mutant, RightKernel

__all__ = ["MUTANTS", "RIGHT", "Mutant", "RightKernel"]
