"""Coarser radices: members of fine radices decided at coarser ones, exactly, over F_q."""

from collections.abc import Callable
from math import prod

import numpy as np

from monarch_theory.domains import PrimeField
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.monarch import random_monarch
from monarch_theory.proving import Instance

Radices = tuple[int, ...]
Coarser = Callable[[Radices], list[Radices]]

FIELD = PrimeField(10007)
SIZES = "every grouping of six radices to N = 32, p ≤ 5; B Bᵀ at N = 16; other groupings are refused"


def groupings(radices: Radices) -> list[Radices]:
    """Products of neighbours, in every way."""
    cuts = range(1, 2 ** (len(radices) - 1))
    found = []
    for cut in cuts:
        groups = [[radices[0]]]
        for place, radix in enumerate(radices[1:]):
            if cut >> place & 1:
                groups.append([])
            groups[-1].append(radix)
        found.append(tuple(map(prod, groups)))
    return found


MUTATIONS: dict[str, dict] = {
    "in any order": {"coarser": lambda r: [g[::-1] for g in groupings(r)]},
    "the first with the last": {"coarser": lambda r: [(r[0] * r[-1], prod(r[1:-1]))]},
    "finer too": {"coarser": lambda r: [tuple(f for x in r for f in ((2, x // 2) if x % 2 == 0 and x > 2 else (x,)))]},
}


def instances(coarser: Coarser = groupings) -> list[Instance]:
    cases = []
    for radices in ((2, 3), (2, 3, 2), (3, 2, 4), (2, 2, 2, 2), (2, 2, 2, 2, 2), (4, 2)):
        for coarse in coarser(radices):
            cases.append(Instance(f"{radices} in {coarse}", lambda r=radices, c=coarse: _member(r, c)))
    cases.append(Instance("(2, 3, 2) is not in (4, 3)", lambda: not _member((2, 3, 2), (4, 3))))
    cases.append(Instance("(2, 3) is not in (3, 2)", lambda: not _member((2, 3), (3, 2))))
    cases.append(Instance("B Bᵀ at N = 16 is a product of order 2", _product))
    return cases


def _member(fine: Radices, coarse: Radices) -> bool:
    matrix = random_monarch(fine, FIELD, np.random.default_rng(0)).dense()
    return membership_of(matrix, MonarchClass(coarse), domain=FIELD).member is True


def _product() -> bool:
    """Both factors of B Bᵀ are members at radices (4, 4), the second as a transpose."""
    B = random_monarch((2, 2, 2, 2), FIELD, np.random.default_rng(1))
    kind = MonarchClass((4, 4))
    both = (membership_of(m, kind, domain=FIELD) for m in (B.dense(), B.T.dense()))
    return all(found.member for found in both)
