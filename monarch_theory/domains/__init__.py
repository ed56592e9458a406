"""Scalar domains: the numbers a Monarch matrix is made of.

Every algorithm of this package is written once, over arrays, and takes its scalars from a `Domain`. A domain says how
an array of its scalars is stored, how products are brought back to normal form, how blocks are inverted, and which
roots of unity it has.

| domain          | stored as                     | exact |
|-----------------|-------------------------------|-------|
| `FLOAT64`, …    | NumPy floating or complex     | no    |
| `INTEGERS`      | object array of `int`         | yes   |
| `RATIONALS`     | object array of `flint.fmpq`  | yes   |
| `Cyclotomic(n)` | object array of `CyclotomicNumber` | yes   |
| `PrimeField(q)` | int64 array in [0, q), q < 2³¹ | yes   |
| `SYMBOLIC`      | object array of expanded `sympy.Expr` | yes |
"""

from typing import TYPE_CHECKING, Any

from monarch_theory.domains.cyclotomic import Cyclotomic, CyclotomicNumber
from monarch_theory.domains.domain import CannotTellError, Domain, NoRootOfUnityError, SingularBlockError
from monarch_theory.domains.floating import COMPLEX64, COMPLEX128, FLOAT32, FLOAT64, Floating
from monarch_theory.domains.prime import PrimeField, prime_with_root
from monarch_theory.domains.rational import INTEGERS, RATIONALS, Integers, Rationals

if TYPE_CHECKING:
    from monarch_theory.domains.symbolic import SYMBOLIC, Symbolic

__all__ = [
    "COMPLEX64", "COMPLEX128", "FLOAT32", "FLOAT64", "INTEGERS", "RATIONALS", "SYMBOLIC", "CannotTellError",
    "Cyclotomic", "CyclotomicNumber", "Domain", "Floating", "Integers", "NoRootOfUnityError", "PrimeField",
    "Rationals", "SingularBlockError", "Symbolic", "prime_with_root",
]  # fmt: skip


def __getattr__(name: str) -> Any:
    """`SYMBOLIC` and its class, which load SymPy, once they are used."""
    if name not in ("SYMBOLIC", "Symbolic"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from monarch_theory.domains import symbolic

    return getattr(symbolic, name)
