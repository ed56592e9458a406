"""Depth: how many parameters the leading blocks have, by ranks and by trying all; what the count then asks for."""

from collections.abc import Callable
from itertools import product
from math import comb

import flint
import numpy as np

from monarch_theory.causality import CausalMonarch
from monarch_theory.domains import PrimeField, prime_with_root
from monarch_theory.polynomials import View, basis_polynomials
from monarch_theory.proving import Instance

SIZES = (
    "leading blocks of eight radices to N = 24 by ranks over F_q, all of three over F_2 and F_3; the count to h = 300"
)
MUTATIONS: dict[str, dict] = {
    "the coefficients of all columns count": {"coefficients": lambda h, b: comb(b + 1, 2) + b * h * (h + 1)},
    "those of r_j start at a_0 + 1": {"coefficients": lambda h, b: comb(b + 1, 2) + b * comb(h, 2)},
    "at least √N − 8": {"less": 8},
    "three operators suffice for the count at (8, 8)": {"at_eight": 3},
    "one scalar of every row of a block is no scalar": {"scalars": lambda b0, b1: b0 * b1 * (b0 + b1 - 2)},
    "diagonals of several numbers": {"dimension": lambda n: comb(n, 2) + n},
}

Q = 2**31 - 1


def instances(
    coefficients: Callable[[int, int], int] = lambda h, b: comb(b + 1, 2) + b * comb(h + 1, 2),
    less: int = 9,
    at_eight: int = 4,
    dimension: Callable[[int], int] = lambda n: comb(n, 2) + 1,
    scalars: Callable[[int, int], int] = lambda b0, b1: b0 * b1 * (b0 + b1),
) -> list[Instance]:
    cases = []
    for h, b in ((1, 2), (1, 3), (2, 2), (1, 5), (2, 3), (3, 2), (2, 4), (4, 3)):
        about = f"coefficients of leading blocks, radices ({2 * h}, {b})"
        cases.append(Instance(about, lambda h=h, b=b: _rank(h, b) == coefficients(h, b) - b))
        about = f"leading blocks of members are products of coefficients, radices ({2 * h}, {b})"
        cases.append(Instance(about, lambda h=h, b=b: _is_block(h, b)))
    for h, b, q in ((1, 2, 2), (1, 2, 3), (2, 2, 2), (2, 2, 3), (1, 3, 2)):
        about = f"all leading blocks over F_{q}, radices ({2 * h}, {b})"
        cases.append(Instance(about, lambda h=h, b=b, q=q: _count(h, b, q) <= q ** coefficients(h, b)))
    for n, q in ((1, 2), (2, 2), (2, 3), (3, 2)):
        about = f"lower triangular with a constant diagonal, n = {n} over F_{q}"
        cases.append(Instance(about, lambda n=n, q=q: _constant(n, q) == q ** dimension(n)))

    for b0, b1, q in ((2, 2, 2), (1, 2, 3), (2, 1, 3), (1, 3, 2)):
        about = f"all Monarch matrices over F_{q}, radices ({b0}, {b1})"
        cases.append(Instance(about, lambda b0=b0, b1=b1, q=q: _matrices(b0, b1, q) <= q ** scalars(b0, b1)))

    def least(h: int) -> int:
        n = 2 * h * h
        return -(-dimension(n) // (coefficients(h, 2 * h) + n))

    for h in (1, 2, 3, 4, 5, 8, 16, 50, 100, 300):
        about = f"the count asks for √N − 9 at least, and for that alone from h = 50 on, h = {h}"
        cases.append(Instance(about, lambda h=h: least(h) >= 2 * h - less and (h < 50 or least(h) == 2 * h - less)))
    cases.append(Instance("four operators at (8, 8)", lambda: least(4) == at_eight))
    return cases


def _rank(h: int, b: int) -> int:
    """Of the derivative of C[(y, x), (a_0, a_1)] = ℓ_{a_1}[x] r_{a_0, a_1}[y] along every free coefficient."""
    rng = np.random.default_rng(0)
    ell = np.tril(rng.integers(1, Q, (b, b))).astype(object)  # x, a_1
    r = np.tril(rng.integers(1, Q, (b, h, h))).astype(object)  # a_1, y, a_0
    rows = []
    for x, a1 in zip(*np.tril_indices(b), strict=True):
        C = np.zeros((h, b, h, b), dtype=object)  # y, x, a_0, a_1
        C[:, x, :, a1] = r[a1]
        rows.append(C)
    for a1 in range(b):
        for y, a0 in zip(*np.tril_indices(h), strict=True):
            C = np.zeros((h, b, h, b), dtype=object)
            C[y, :, a0, a1] = ell[:, a1]
            rows.append(C)
    entries = [int(z) for C in rows for z in C.reshape(-1)]
    return int(flint.nmod_mat(len(rows), (h * b) ** 2, entries, Q).rank())


def _is_block(h: int, b: int) -> bool:
    """Of a random member: for every a_1 the block has rank one between x and (y, a_0), and is zero off the supports."""
    field = PrimeField(prime_with_root(2 * h * b))
    member = CausalMonarch((2 * h, b)).random(field, np.random.default_rng(0))
    C = basis_polynomials(member, View.UNIVARIATE).coefficient_matrix()[: h * b, : h * b].reshape(h, b, h, b)
    for a1 in range(b):
        part = C[:, :, :, a1].transpose(1, 0, 2).reshape(b, h * h)  # x, (y, a_0)
        ranked = flint.nmod_mat(b, h * h, [int(z) for z in part.reshape(-1)], field.q).rank()
        above = C[:, :a1, :, a1].any() or any(C[y, :, a0, a1].any() for y in range(h) for a0 in range(y + 1, h))
        if ranked != 1 or above:
            return False
    return True


def _count(h: int, b: int, q: int) -> int:
    """Leading blocks with leading coefficients other than zero, all of them tried."""
    places = [(x, a1) for x in range(b) for a1 in range(x + 1)]
    others = [(a1, y, a0) for a1 in range(b) for y in range(h) for a0 in range(y + 1)]
    ranges = [range(x == a1, q) for x, a1 in places] + [range(y == a0, q) for _, y, a0 in others]
    found = set()
    for values in product(*ranges):
        ell = dict(zip(places, values, strict=False))
        r = dict(zip(others, values[len(places) :], strict=True))
        found.add(tuple(ell[x, a1] * z % q for (a1, _, _), z in r.items() for x in range(a1, b)))
    return len(found)


def _matrices(b0: int, b1: int, q: int) -> int:
    """How many they are: slices L[i_0][i_1, a_1] R[a_1][i_0, a_0], one for every i_0 and a_1, each of all it may be."""
    columns = [np.array(values) for values in product(range(q), repeat=b1)]  # over i_1
    rows = [np.array(values) for values in product(range(q), repeat=b0)]  # over a_0
    slices = {tuple((np.outer(column, row) % q).reshape(-1)) for column in columns for row in rows}
    return int(len(slices) ** (b0 * b1))  # a slice for every i_0 and a_1


def _constant(n: int, q: int) -> int:
    matrices = (np.array(entries).reshape(n, n) for entries in product(range(q), repeat=n * n))
    return sum(not np.triu(A, 1).any() and len(set(A.diagonal().tolist())) == 1 for A in matrices)
