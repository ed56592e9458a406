"""Run inside the sandbox: turn NAME of a user's FILE.py into the exact factors of a Monarch operator.

NAME may be a `MonarchOperator`, a `Monarch`, or a function of no arguments that returns one of them. Floats are
read as the dyadic rationals they are, complex ones as those of Q(i).
"""

import json
import runpy
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from monarch_theory.causality import MonarchOperator
from monarch_theory.domains import INTEGERS, RATIONALS, Cyclotomic, Domain, Floating, PrimeField
from monarch_theory.domains.cyclotomic import CyclotomicNumber
from monarch_theory.expressivity.matrices import dyadic
from monarch_theory.monarch import Convention, Monarch

__all__ = ["operator", "spelled", "unspelled"]


def operator(address: np.ndarray, n: np.ndarray) -> np.ndarray:
    """The operator at FILE.py:NAME, spelled in UTF-8 bytes, as UTF-8 bytes of JSON; `n` is 0 where it was not given."""
    path, _, name = bytes(address.astype(np.uint8)).decode().rpartition(":")
    sys.path.insert(0, str(Path(path).parent))
    names: Any = runpy.run_path(path)
    if name not in names:
        offered = sorted(key for key in names if not key.startswith("_"))
        raise NameError(f"{path} has no {name!r}; it defines {', '.join(offered) or 'nothing'}")
    value, length = names[name], int(n[0]) or None
    if callable(value):
        value = value()
    if isinstance(value, Monarch):
        value = MonarchOperator(_exact(value, name), n=length)  # type: ignore[arg-type]
    if not isinstance(value, MonarchOperator):
        raise TypeError(f"{name}: expected a Monarch or a MonarchOperator, got {type(value).__name__}")
    M0, M1, M2 = (_exact(matrix, name) for matrix in (value.M0, value.M1, value.M2))
    text = json.dumps(spelled(MonarchOperator(M0, M1, M2, length or value.n)))
    return np.frombuffer(text.encode(), np.uint8)


def _exact(matrix: Monarch, name: str) -> Monarch:
    """The same numbers in an exact domain that is a field."""
    domain = matrix.domain
    if isinstance(domain, Floating):
        finite = all(np.isfinite(factor).all() for factor in matrix.factors)
        if not finite:
            raise ValueError(f"{name}: expected finite factors, got NaN or infinity")
        if domain.is_complex:
            gaussian = tuple(dyadic(factor, domain)[0] for factor in matrix.factors)
            return Monarch(gaussian, Cyclotomic(4), matrix.convention)
        return matrix.over(RATIONALS)
    if domain is INTEGERS:
        return matrix.over(RATIONALS)
    if domain is RATIONALS or isinstance(domain, PrimeField | Cyclotomic):
        return matrix
    raise TypeError(f"{name}: expected floats, rationals, a prime field or a cyclotomic one, got {domain}")


def spelled(operator: MonarchOperator) -> dict[str, Any]:
    """The operator in plain values of JSON.

    >>> from monarch_theory.fourier_matrix import fourier
    >>> plain = spelled(MonarchOperator(fourier((2, 2), PrimeField(5))))
    >>> plain["n"], plain["domain"], plain["M0"]["factors"][0]
    (2, ['prime', 5], {'shape': [2, 2, 2], 'entries': ['1', '1', '1', '4', '1', '1', '1', '4']})
    >>> unspelled(plain).domain
    PrimeField(q=5)
    """
    domain = operator.domain
    kind: list[Any] = ["rational", 0]
    if isinstance(domain, PrimeField):
        kind = ["prime", domain.q]
    elif isinstance(domain, Cyclotomic):
        kind = ["cyclotomic", domain.n]
    return {"n": int(operator.n), "domain": kind} | {
        name: {
            "convention": matrix.convention.name,
            "factors": [
                {"shape": list(f.shape), "entries": [_entry(x, domain) for x in f.flat]} for f in matrix.factors
            ],
        }
        for name, matrix in (("M0", operator.M0), ("M1", operator.M1), ("M2", operator.M2))
    }


def unspelled(plain: dict[str, Any]) -> MonarchOperator:
    """The operator again."""
    kind, number = plain["domain"]
    domain: Domain = {"prime": PrimeField, "cyclotomic": Cyclotomic}[kind](number) if number else RATIONALS

    def matrix(name: str) -> Monarch:
        factors = (_array(f["entries"], domain).reshape(f["shape"]) for f in plain[name]["factors"])
        return Monarch(tuple(factors), domain, Convention[plain[name]["convention"]])

    return MonarchOperator(matrix("M0"), matrix("M1"), matrix("M2"), plain["n"])


def _entry(value: Any, domain: Domain) -> Any:
    return [str(c) for c in value.polynomial.coeffs()] if isinstance(domain, Cyclotomic) else str(value)


def _array(entries: list[Any], domain: Domain) -> np.ndarray:
    found = np.empty(len(entries), dtype=object)
    for place, entry in enumerate(entries):
        if isinstance(domain, Cyclotomic):
            found[place] = CyclotomicNumber.of(domain.n, [RATIONALS.scalar(Fraction(c)) for c in entry])
        else:
            found[place] = RATIONALS.scalar(Fraction(entry))
    return domain.array(found)
