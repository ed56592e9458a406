"""Larger causal families at radices (2, b): random members over prime fields, and the tangent spaces there."""

from collections.abc import Callable

import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator, decide
from monarch_theory.domains import PrimeField, SingularBlockError
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.monarch import Monarch
from monarch_theory.proving import Instance, find_proofs, load_check, proofs_folder

SIZES = "b = 2 to 6 over F_101 and two primes near 2³¹; tangent spaces for b ≤ 4"
MUTATIONS: dict[str, dict] = {
    "nothing is asked of L_0": {"first": lambda L, rng: L},
    "L_0 upper triangular, up to its columns": {"first": lambda L, rng: np.tril(L)[:, rng.permutation(len(L))]},
    "R_0 and R_1 are free": {"zero_from": 2},
    "one dimension more": {"fewer": lambda b: b * (b - 1) // 2 + b - 2},
}

First = Callable[[np.ndarray, np.random.Generator], np.ndarray]


def instances(
    first: First = lambda L, rng: np.tril(L)[rng.permutation(len(L))],
    zero_from: int = 1,
    fewer: Callable[[int], int] = lambda b: b * (b - 1) // 2 + b - 1,
) -> list[Instance]:
    cases = []
    for q in (101, 2147483647, 2147483629):
        for b in (2, 3, 4, 5, 6):
            about = f"radices (2, {b}) over F_{q}: causal"
            cases.append(Instance(about, lambda a=(b, q): _causal(*a, first, zero_from)))
        for b in (2, 3, 4):
            if q > 101:
                about = f"radices (2, {b}) over F_{q}: the tangent space is that of the family"
                cases.append(Instance(about, lambda a=(b, q): _component(*a, first, zero_from, fewer)))
    return cases


def _member(b: int, q: int, first: First, zero_from: int) -> Monarch:
    field, rng = PrimeField(q), np.random.default_rng(b)
    while True:
        R, L = field.random(rng, (b, 2, 2)), field.random(rng, (2, b, b))
        R[zero_from:, 1, 0] = 0
        L[0] = first(L[0], rng)
        try:
            field.inverse(R), field.inverse(L)
        except SingularBlockError:
            continue
        return Monarch((R, L), field)


def _causal(b: int, q: int, first: First, zero_from: int) -> bool:
    return decide(MonarchOperator(_member(b, q, first, zero_from)), route="every filter").causal


def _component(b: int, q: int, first: First, zero_from: int, fewer: Callable[[int], int]) -> bool:
    """Larger than the family of the sufficient condition, and no tangent vector leaves it."""
    (proof,) = find_proofs(proofs_folder(), ["free_parameters"])
    tangent = load_check(proof)._tangent_at(_member(b, q, first, zero_from), b)[0]
    return bool(tangent == MonarchClass((2, b)).dimension - fewer(b) > CausalMonarch((2, b)).dimension)
