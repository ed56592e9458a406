"""N = 6: the causal matrices of radices (2, 3) counted over small fields, through orbits of the tensors of L."""

from collections.abc import Callable
from fractions import Fraction
from functools import lru_cache
from itertools import product

import flint
import numpy as np

from monarch_theory.causality import MonarchOperator, decide
from monarch_theory.domains import PrimeField
from monarch_theory.monarch import Monarch
from monarch_theory.proving import Instance

SIZES = "the counts over F_2, F_3, F_4, F_5 again; the equations at 120 matrices over F_2 and F_3, decided one by one"

COUNTS = {
    2: 2625120,
    3: 27332671104,
    4: 11286979209216,
    5: 1024309297152000,
    7: 778738270412285568,
    8: 10444127526706470912,
    9: 101885432943693791232,
    11: 4839132424298238000000,
    13: 118647953388368893771776,
}
"""Of invertible blocks and n = 3. The last ones take `_count` some minutes."""

MUTATIONS: dict[str, dict] = {
    "a count that is one scaling too many": {"counts": {3: COUNTS[3] * 2}},
    "all are multiples of q³(q − 1)⁷": {"factor": lambda q: q**3 * (q - 1) ** 7},
    "the equations at i = 0 are enough": {"outputs": 1},
}

PLACES = [(0, 0, 1), (0, 0, 2), (0, 1, 1), (0, 1, 2), (0, 2, 2), (1, 0, 2), (1, 1, 2), (1, 2, 2)]
"""(i, j, j′) with i < max(j, j′), j ≤ j′: the entries of T that have to vanish."""

SCALED = np.array([[(j == c) + (k == c) - (i == c) for c in range(3)] for i, j, k in PLACES])
"""How often an entry is multiplied by the scalar of column c of L."""


def instances(
    counts: dict[int, int] | None = None,
    factor: Callable[[int], int] = lambda q: q**3 * (q - 1) ** 6,
    outputs: int = 2,
) -> list[Instance]:
    said = COUNTS | (counts or {})
    cases = [Instance(f"count over F_{q}", lambda q=q: _count(q) == said[q]) for q in (2, 3, 4, 5)]
    cases += [Instance(f"a multiple, q = {q}", lambda q=q: said[q] % factor(q) == 0) for q in said]
    cases.append(Instance("no polynomial with integer coefficients", lambda: _no_polynomial(said)))
    cases += [
        Instance(f"equations, matrix {seed} over F_{2 + seed % 2}", lambda s=seed: _equations_decide(s, outputs))
        for seed in range(120)
    ]
    return cases


def _no_polynomial(counts: dict[int, int]) -> bool:
    """Divided differences of the values of one would be integers."""
    points = sorted(counts)
    row = [Fraction(counts[q]) for q in points]
    for k in range(1, len(points)):
        row = [(row[i + 1] - row[i]) / (points[i + k] - points[i]) for i in range(len(row) - 1)]
        if any(x.denominator > 1 for x in row):
            return True
    return False


def _equations_decide(seed: int, outputs: int) -> bool:
    """Of a matrix with many zeros: the sum of both terms vanishes at all places exactly when it is causal."""
    q, rng = 2 + seed % 2, np.random.default_rng(seed)
    R, L = (_triangular_product(rng, q, 3, 2), _triangular_product(rng, q, 2, 3))
    field = PrimeField(q)
    A, w = field.inverse(L), field.inverse(R)[:, 0]
    sums = [
        sum(int(w[i, s] * R[j, s, 0] * R[k, s, 0] * (A[s, i] * L[s, :, j] * L[s, :, k]).sum()) for s in range(2)) % q
        for i, j, k in PLACES
        if i < outputs
    ]
    return (not any(sums)) == decide(MonarchOperator(Monarch((R, L), field)), route="every filter").causal


def _triangular_product(rng: np.random.Generator, q: int, count: int, size: int) -> np.ndarray:
    """Invertible blocks: lower times sparse upper triangular ones with ones on the diagonal, rows in any order."""
    blocks = []
    for _ in range(count):
        lower = np.tril(rng.integers(0, q, (size, size)), -1) + np.eye(size, dtype=int)
        upper = np.triu(rng.integers(0, q, (size, size)) * (rng.random((size, size)) < 0.3), 1) + np.eye(
            size, dtype=int
        )
        blocks.append((lower @ upper % q)[rng.permutation(size)])
    return np.array(blocks)


# Numbers of F_q are 0 for zero and 1 + k for the power k of a generator.


@lru_cache
def _sums(q: int) -> np.ndarray:
    """The table of x + y."""
    ((p, d),) = flint.fmpz(q).factor()
    field = flint.fq_default_ctx(p, d)
    for generator in [field.gen()] if d > 1 else map(field, range(1, q)):
        powers = [generator**k for k in range(q - 1)]
        if len(set(powers)) == q - 1:
            break
    place = {x: 1 + k for k, x in enumerate(powers)} | {field.zero(): 0}
    numbers = [field.zero(), *powers]
    assert len(place) == q
    return np.array([[place[x + y] for y in numbers] for x in numbers])


def _times(q: int, *factors: np.ndarray) -> np.ndarray:
    found, some = np.zeros((), int), np.array(True)
    for x in factors:
        found, some = found + x - 1, some & (x > 0)
    return np.where(some, 1 + found % (q - 1), 0)


def _minor(q: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """a × b of vectors, shape (3, …)."""
    minus = np.array(1 + (q - 1) // 2 * (q % 2))
    return np.stack([
        _sums(q)[_times(q, a[s - 2], b[s - 1]), _times(q, minus, a[s - 1], b[s - 2])] for s in range(3)
    ])  # fmt: skip


def _dot(q: int, a: np.ndarray, b: np.ndarray) -> np.ndarray:
    parts = _times(q, a, b)
    return _sums(q)[_sums(q)[parts[0], parts[1]], parts[2]]


Orbits = tuple[np.ndarray, np.ndarray]
"""One row of 8 logarithms, −1 for zero, for each orbit of tensors under scaling of columns, and how many L have it."""


def _orbits(q: int) -> Orbits:
    """Of every invertible L whose columns begin with 1."""
    points = [(1, a, b) for a in range(q) for b in range(q)] + [(0, 1, a) for a in range(q)] + [(0, 0, 1)]
    P = np.array(points).T
    c1, c2 = np.repeat(P, len(points), axis=1), np.tile(P, len(points))
    first = _minor(q, c1, c2)
    found: Orbits = np.zeros((0, 8), int), np.zeros(0, int)
    for point in points:
        c0 = np.broadcast_to(np.array(point)[:, None], c1.shape)
        determinant = _dot(q, first, c0)
        kept = determinant > 0
        C = [c[:, kept] for c in (c0, c1, c2)]
        inverse = 1 + (1 - determinant[kept]) % (q - 1)
        A = [first[:, kept], _minor(q, C[2], C[0])]  # rows 0 and 1 of the inverse, times the determinant
        T = np.stack([_times(q, inverse, _dot(q, A[i], _times(q, C[j], C[k]))) for i, j, k in PLACES], axis=1) - 1
        new = _merged(_reduced(T, q), np.ones(len(T), int))
        found = _merged(np.concatenate([found[0], new[0]]), np.concatenate([found[1], new[1]]))
    return found


def _merged(T: np.ndarray, number: np.ndarray) -> Orbits:
    code = _code(T)
    order = np.argsort(code, kind="stable")
    start = np.flatnonzero(np.diff(code[order], prepend=-1))
    return T[order][start], np.add.reduceat(number[order], start) if len(start) else number


def _code(T: np.ndarray) -> np.ndarray:
    return (T + 1) @ (32 ** np.arange(8))


def _supports(T: np.ndarray) -> list[tuple[np.ndarray, list[int]]]:
    """Rows with the same places that are not zero, and these."""
    pattern = (T >= 0) @ (1 << np.arange(8))
    return [(np.flatnonzero(pattern == p), [k for k in range(8) if p >> k & 1]) for p in np.unique(pattern)]


@lru_cache
def _lattice(support: tuple[int, ...], q: int) -> np.ndarray:
    """Rows that generate what scaling adds to the logarithms, and the multiples of q − 1; triangular."""
    k = len(support)
    rows = np.vstack([SCALED[list(support)].T, (q - 1) * np.eye(k, dtype=int)])
    H = flint.fmpz_mat(k + 3, k, [int(x) for x in rows.reshape(-1)]).hnf()
    return np.array([[int(H[i, j]) for j in range(k)] for i in range(k)])


def _reduced(T: np.ndarray, q: int) -> np.ndarray:
    """One of each orbit."""
    T = T.copy()
    for rows, support in _supports(T):
        if support:
            part = T[np.ix_(rows, support)]
            for k, step in enumerate(_lattice(tuple(support), q)):
                part = part - (part[:, k] // step[k])[:, None] * step
            T[np.ix_(rows, support)] = part
    return T


def _fixed(support: list[int], q: int) -> int:
    """How many scalings keep a tensor with this support."""
    return (q - 1) ** 3 * int(np.prod(np.diag(_lattice(tuple(support), q)), initial=1)) // (q - 1) ** len(support)


def _count(q: int) -> int:
    """Causal matrices: factor tuples, by kinds of the blocks R_a, over (q − 1)⁶."""
    orbits = _orbits(q)
    pairs: dict[tuple, list[int]] = {}
    total = 0
    for kind0, kind1, last in product(_kinds(q, True), _kinds(q, True), _kinds(q, False)):
        places = _places(kind0, kind1, last)
        if places not in pairs:
            pairs[places] = _pairs(orbits, *places, q)
        number = (q - 1) ** 2 * (q * q - q)  # determinants of R_0 and R_1, the second column of R_2
        number *= kind0[2] * kind1[2] * last[2]
        total += number * sum(pairs[places][(a - b) % (q - 1)] for a in kind0[3] for b in kind1[3])
    assert total % (q - 1) ** 6 == 0
    return total // (q - 1) ** 6


Kind = tuple[tuple[bool, bool], tuple[bool, bool], int, list[int]]
"""Which of y and of w are not zero, how many such (y, w) for each quotient of the two terms, and its logarithms."""


def _kinds(q: int, with_row: bool) -> list[Kind]:
    """y is column 0 of a block, w row 0 of its inverse, so that w·y = 1."""
    both, upper, lower = (True, True), (True, False), (False, True)
    if not with_row:
        return [(both, both, (q - 1) ** 2, [0]), (upper, both, q - 1, [0]), (lower, both, q - 1, [0])]
    found: list[Kind] = [(both, both, (q - 1) ** 2, list(range(1, q - 1)))]  # −x/(1 − x) for x ≠ 0, 1 is all but 1
    found += [(both, one, (q - 1) ** 2, [0]) for one in (upper, lower)]
    for one in (upper, lower):
        found += [(one, one, q - 1, [0]), (one, both, q - 1, list(range(q - 1)))]
    return found


def _places(kind0: Kind, kind1: Kind, last: Kind) -> tuple[tuple[int, ...], ...]:
    """Places where the first term has to vanish, the second one, and both together."""
    terms = []
    for s in range(2):
        w, y = (kind0[1][s], kind1[1][s]), (kind0[0][s], kind1[0][s], last[0][s])
        terms.append({k for k, (i, j, j2) in enumerate(PLACES) if w[i] and y[j] and y[j2]})
    return tuple(tuple(sorted(some)) for some in (terms[0] - terms[1], terms[1] - terms[0], terms[0] & terms[1]))


def _pairs(orbits: Orbits, only0: tuple, only1: tuple, both: tuple, q: int) -> list[int]:
    """Pairs (L_0, L_1), for each quotient of the factors at i = 0 and at i = 1, which alone counts."""

    def side(zero: tuple) -> Orbits:
        T, number = orbits
        kept = np.all(T[:, list(zero)] < 0, axis=1)
        seen = np.full((int(kept.sum()), 8), -1)
        seen[:, list(both)] = T[kept][:, list(both)]
        return _merged(_reduced(seen, q), number[kept])

    (T, number), (other, there) = side(only0), side(only1)
    codes = _code(other)
    weights = np.zeros(len(T), dtype=object)
    for rows, support in _supports(T):
        weights[rows] = _fixed(support, q) * (q - 1) ** 3
    found = []
    for quotient in range(q - 1):
        moved = np.where((T >= 0) & (np.array([i for i, _, _ in PLACES]) == 0), (T + quotient) % (q - 1), T)
        code = _code(_reduced(moved, q))
        at = np.minimum(np.searchsorted(codes, code), max(len(codes) - 1, 0))
        met = codes[at] == code if len(codes) else np.zeros(len(code), bool)
        found.append(int((weights[met] * number[met] * there[at[met]]).sum()))
    return found
