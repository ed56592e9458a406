"""Dependence: what each output may depend on, for all inputs and all weights, by rules that are sound one by one.

Abstract interpretation: a tensor's elements carry a known constant or a superset of the input positions they depend on
(`value`), as an element of a lattice (`lattice`); every kind of operation has a rule (`pointwise`, `movement`,
`mixing`, `spectrum`). What no rule knows depends on everything.
"""

from monarch_theory.leaks.dependence.lattice import Lattice, interval, latest, sets
from monarch_theory.leaks.dependence.value import Dependence, constant, source, unknown

__all__ = ["Dependence", "Lattice", "constant", "interval", "latest", "sets", "source", "unknown"]
