"""Free parameters: rank over F_q of the derivative of the parameterisation, and of the causality equations."""

from collections.abc import Callable
from math import prod

import flint
import numpy as np

from monarch_theory.causality import CausalMonarch, degree_caps
from monarch_theory.domains import PrimeField, prime_with_root
from monarch_theory.expressivity.classes import MonarchClass, factorisations
from monarch_theory.monarch import Monarch
from monarch_theory.proving import Instance

SIZES = "every factorisation of N ≤ 16, p ≤ 4; tangent spaces and cones to N = 9"
MUTATIONS: dict[str, dict] = {
    "no scalings to subtract": {"scalings": lambda radices: 0},
    "a scaling for the first stage too": {"scalings": lambda r: sum(prod(r[k:]) for k in range(len(r)))},
    "the causal set is smooth at the family": {"singular": ()},
    "one free coefficient fewer for each polynomial": {"free": lambda cap, digit: cap - digit},
}


def instances(
    free: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda cap, digit: cap - digit + 1,
    scalings: Callable[[tuple[int, ...]], int] = lambda r: sum(prod(r[k:]) for k in range(1, len(r))),
    singular: tuple[tuple[int, ...], ...] = ((3, 2), (4, 2), (3, 3)),
) -> list[Instance]:
    def formula(radices: tuple[int, ...], n: int) -> int:
        caps = degree_caps(radices, n)
        return sum(int(free(cap, np.indices(cap.shape)[0]).sum()) for cap in caps) - scalings(radices)

    cases = []
    for size in range(4, 17):
        for radices in [r for order in (2, 3, 4) for r in factorisations(size, order)]:
            for n in sorted({2, size // 2, (size + 1) // 2}):
                about = f"dimension of the family {radices}, n = {n}"
                cases.append(Instance(about, lambda r=radices, n=n: _dimension(r, n) == formula(r, n)))
    cases.append(Instance("N = b², b even: closed form", _closed_form))
    cases.append(
        Instance("N = 4: the causal set has dimension 10 at the family", lambda: _tangent((2, 2)) == (10, 2, 2))
    )
    for radices, expected in TANGENT.items():
        about = f"tangent dimension of the causal set at the family, {radices}"
        cases.append(Instance(about, lambda r=radices, e=expected: _tangent(r)[0] == e))
    for radices in ((2, 2), *TANGENT):
        about = f"a curve leaves the family in a random tangent direction, to second order, {radices}"
        cases.append(Instance(about, lambda r=radices: _curves(r) == (r not in singular)))
    return cases


TANGENT = {(2, 3): 17, (3, 2): 18, (2, 4): 23, (4, 2): 25, (2, 2, 2): 17, (3, 3): 32}
"""Upper bounds on the dimension of the set of *all* causal Monarch matrices near the family: evidence, no theorem."""


def _dimension(radices: tuple[int, ...], n: int) -> int | None:
    """Rank of the derivative; None when the family says otherwise."""
    family = CausalMonarch(radices, n)
    rank = family.tangent_dimension(PrimeField(prime_with_root(prod(radices))), np.random.default_rng(0))
    return rank if rank == family.dimension else None


def _closed_form() -> bool:
    """b(b + 1)/2 for the ℓ, (b/2)(b/2 + 1)/2 twice for each of b columns of r, less b scalings."""
    return all(
        CausalMonarch((b, b)).dimension == b * (b + 1) // 2 + b * (b // 2) * (b // 2 + 1) - b for b in range(2, 41, 2)
    )


def _tangent(radices: tuple[int, ...]) -> tuple[int, int, int]:
    """(dimension of the tangent space, rank of the equations, number of equations) at a random member of the family.

    The equations are T[i, j, j'] = 0, j > i, j ≥ j', on the set of all Monarch matrices.
    """
    return _tangent_at(*_member(radices))


def _tangent_at(matrix: Monarch, n: int) -> tuple[int, int, int]:
    """The same at any causal Monarch matrix."""
    entries = _derivative(matrix, n)
    rank = _rank(entries, matrix.domain.q)
    return MonarchClass(matrix.input_radices).dimension - rank, rank, entries.shape[1]


def _curves(radices: tuple[int, ...]) -> bool:
    """Whether a curve in the causal set leaves a random member in a random tangent direction, to second order.

    The set is singular where none does, and its dimension there is less than that of the tangent space.
    """
    matrix, n = _member(radices)
    entries = _derivative(matrix, n)
    field, size = matrix.domain, prod(radices)
    kernel, nullity = flint.nmod_mat(*entries.T.shape, [int(x) for x in entries.T.reshape(-1)], field.q).nullspace()
    columns = np.array([[int(kernel[i, j]) for j in range(nullity)] for i in range(len(entries))], dtype=object)
    direction = columns @ np.random.default_rng(1).integers(0, field.q, nullity).astype(object) % field.q
    ends = np.cumsum([factor.size for factor in matrix.factors])[:-1]
    changes = [part.reshape(f.shape) for part, f in zip(np.split(direction, ends), matrix.factors, strict=True)]

    def at(t: int) -> np.ndarray:
        factors = (
            field.array((f.astype(object) + t * c) % field.q) for f, c in zip(matrix.factors, changes, strict=True)
        )
        return Monarch(tuple(factors), field).dense()

    steps = np.arange(matrix.order + 1)
    (weights,) = field.inverse(field.array(steps[:, None] ** steps)[None])  # M is a polynomial in t of degree p
    values = np.stack([at(t).reshape(-1) for t in steps])
    M0, M1, M2 = field.matmul(weights, values)[:3].reshape(3, size, size)
    inverse = matrix.inverse().dense()

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return field.normal(a[:, :n, None] * b[:, None, :n]).reshape(size, n * n)

    cross = field.normal(product(M0, M1) + product(M1, M0))
    second = field.normal(field.normal(product(M0, M2) + product(M2, M0)) + product(M1, M1))
    T0 = field.matmul(inverse, product(M0, M0))
    T1 = field.matmul(inverse, field.normal(cross - field.matmul(M1, T0)))
    T2 = field.matmul(inverse, field.normal(second - field.matmul(M1, T1) - field.matmul(M2, T0)))
    i, j, k = _places(n)
    assert not T1.reshape(size, n, n)[i, j, k].any()
    obstruction = T2.reshape(size, n, n)[i, j, k]
    return _rank(np.vstack([entries, obstruction]), field.q) == _rank(entries, field.q)


def _places(n: int) -> np.ndarray:
    return np.array([(i, j, k) for i in range(n) for j in range(i + 1, n) for k in range(j + 1)]).T


def _rank(entries: np.ndarray, q: int) -> int:
    return int(flint.nmod_mat(*entries.shape, [int(x) for x in entries.reshape(-1)], q).rank())


def _member(radices: tuple[int, ...]) -> tuple[Monarch, int]:
    """A random member of the family, and n."""
    family = CausalMonarch(radices)
    return family.random(PrimeField(prime_with_root(prod(radices))), np.random.default_rng(0)), family.n


def _derivative(matrix: Monarch, n: int) -> np.ndarray:
    """The derivative of the equations along every entry of the factors, (entries, equations)."""
    field, size = matrix.domain, matrix.shape[0]
    dense, inverse = matrix.dense(), matrix.inverse().dense()
    i, j, k = _places(n)

    def tensor_of(products: np.ndarray) -> np.ndarray:
        return field.matmul(products.reshape(-1, size), inverse.T).reshape(n, n, size)

    def product(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        return field.normal(a[:, :n].T[:, None] * b[:, :n].T[None])

    coordinates = tensor_of(product(dense, dense))
    rows = []
    for stage, factor in enumerate(matrix.factors):
        for position in np.ndindex(factor.shape):
            unit = np.zeros_like(factor)
            unit[position] = 1
            factors = (*matrix.factors[:stage], unit, *matrix.factors[stage + 1 :])
            change = Monarch(factors, field).dense()
            moved = product(change, dense) + product(dense, change)
            moved = moved - field.matmul(coordinates.reshape(-1, size), change.T).reshape(n, n, size)
            derivative = tensor_of(field.normal(moved))
            rows.append(derivative[j, k, i])
    return np.array(rows)
