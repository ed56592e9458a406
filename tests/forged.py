"""Certificates, and those that somebody changed."""

import copy
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator
from monarch_theory.causality.counterexamples import other_points
from monarch_theory.certificates import causality_certificate, kernel_certificate, membership_certificate
from monarch_theory.domains import INTEGERS, RATIONALS, Cyclotomic, PrimeField
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import random_monarch

__all__ = ["changed", "right_certificates"]


def changed(certificate: dict[str, Any], path: Sequence[Any], value: Callable[[Any], Any]) -> dict[str, Any]:
    """A copy with another value at the end of a path of keys, made of the one that is there."""
    found = copy.deepcopy(certificate)
    place: Any = found
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value(place[path[-1]])
    return found


def _operators() -> dict[str, tuple]:
    """(M0, M1, M2) of a causal operator over each kind of field, whose M0 alone leaks without padding."""
    rng = np.random.default_rng(0)
    field, roots = PrimeField(13), Cyclotomic(4)
    points = other_points().M0
    return {
        "a prime field": tuple(CausalMonarch((2, 2)).random(field, rng) for _ in range(3)),
        "the rationals": (points, points, points),
        "roots of unity": (fourier((2, 2), roots), *(CausalMonarch((2, 2)).random(roots, rng) for _ in range(2))),
    }


def _matrices() -> dict[str, tuple]:
    """A Monarch matrix of radices (2, 3) over each kind of field, and one that is not Monarch."""
    rng = np.random.default_rng(0)
    found: dict[str, tuple] = {}
    for where, domain in (("a prime field", PrimeField(13)), ("the rationals", RATIONALS), ("integers", INTEGERS)):
        member = random_monarch((2, 3), domain, rng).dense()
        found[where] = domain, member, domain.normal(member + domain.eye(6))
    roots = Cyclotomic(6)
    member = fourier((2, 3), roots).dense()
    found["roots of unity"] = roots, member, member + roots.eye(6) * roots.root_of_unity(6)
    return found


def _of_a_kernel() -> dict[str, Any]:
    """Of radices (2, 3): off by more than the seven roundings to 8 bits explain, and less than 30 would."""
    rng = np.random.default_rng(0)
    member = random_monarch((2, 3), INTEGERS, rng)
    factors = [factor.astype(float) for factor in member.factors]
    x = rng.integers(1, 9, 6) / 4
    dense = member.dense().astype(float)
    moduli = np.abs(dense) @ np.abs(x)
    return kernel_certificate(factors, x, 4, float((dense @ x + moduli / 16)[4]), [(8, 5), (8, 2)])


@cache
def right_certificates() -> dict[tuple[str, str], dict[str, Any]]:
    """By claim and kind of field."""
    made: dict[tuple[str, str], dict[str, Any]] = {}
    for where, (M0, M1, M2) in _operators().items():
        made["causal", where] = causality_certificate(MonarchOperator(M0, M1, M2))
        made["not causal", where] = causality_certificate(MonarchOperator(M0, n=4))
    for where, (domain, member, other) in _matrices().items():
        for claim, matrix in (("Monarch", member), ("not Monarch", other)):
            answer = membership_of(matrix, MonarchClass((2, 3)), domain=domain)
            made[claim, where] = membership_certificate(matrix, answer, domain)
    made["wrong", "integers"] = _of_a_kernel()
    return made
