"""Circulant, Toeplitz and Hankel matrices by two factors, over prime fields; by definition, and the package's."""

from collections.abc import Callable

import numpy as np

from monarch_theory.domains import PrimeField
from monarch_theory.expressivity import constructions
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.proving import Instance

SIZES = "N = 1 to 12 over fields with the roots, f = 1, −1 and others; corners of every m with 2m − 1 ≤ N; Hankel"
MUTATIONS: dict[str, dict] = {
    "nodes are roots of one for every f": {"node": lambda root, turn, q: turn},
    "the part above the diagonal is not scaled": {"above": lambda f: 1},
    "corners of 2m ≤ N + 2": {"fits": lambda m, size: 2 * m - 2 <= size},
    "Hankel matrices of h_(i − j)": {"lag": lambda i, j: i - j},
}


def instances(
    node: Callable[[int, int, int], int] = lambda root, turn, q: root * turn % q,
    above: Callable[[int], int] = lambda f: f,
    fits: Callable[[int, int], bool] = lambda m, size: 2 * m - 1 <= size,
    lag: Callable[[np.ndarray, np.ndarray], np.ndarray] = lambda i, j: i + j,
) -> list[Instance]:
    cases = []
    prime = {(1,): 5, (2,): 5, (3,): 7, (2, 2): 17, (5,): 11, (2, 3): 13, (2, 2, 2): 17, (4, 3): 73}
    for radices, q in prime.items():
        for root in (1, 3):
            about = f"radices {radices} over F_{q}, φ = {root}"
            cases.append(Instance(f"two factors, {about}", lambda a=(radices, q, root): _diagonal(*a, node)))
            cases.append(Instance(f"entries, {about}", lambda a=(radices, q, root): _entries(*a, above)))
        size = int(np.prod(radices))
        cases.append(Instance(f"Hankel, radices {radices} over F_{q}", lambda r=radices, q=q: _hankel(r, q, lag)))
        for m in range(1, size + 1):
            if fits(m, size):
                about = f"corner, m = {m}, radices {radices} over F_{q}"
                cases.append(Instance(about, lambda r=radices, q=q, m=m: _corner(r, q, m)))
    return cases


def _circulant(v: np.ndarray, f: int, q: int) -> np.ndarray:
    """Column j is X^j v(X) modulo X^N − f, by one shift after the other."""
    columns = [v % q]
    for _ in v[1:]:
        last = columns[-1]
        columns.append(np.concatenate([[f * last[-1] % q], last[:-1]]))
    return np.stack(columns, 1)


def _diagonal(radices: tuple[int, ...], q: int, root: int, node: Callable[[int, int, int], int]) -> bool:
    size, field = int(np.prod(radices)), PrimeField(q)
    v = np.random.default_rng(size).integers(0, q, size)
    nodes = [node(root, int(turn), q) for turn in field.roots_of_unity(size)]
    V = np.array([[pow(x, k, q) for k in range(size)] for x in nodes])
    Z = _circulant(v, pow(root, size, q), q)
    package = constructions.f_circulant(v, root, radices, field)
    same = (V @ Z % q == (V @ v % q)[:, None] * V % q).all()
    return bool(same and len(package.factors) == 2 and field.equal(package.dense(), Z))


def _entries(radices: tuple[int, ...], q: int, root: int, above: Callable[[int], int]) -> bool:
    size = int(np.prod(radices))
    v, f = np.random.default_rng(size).integers(1, q, size), pow(root, size, q)
    i, j = np.indices((size, size))
    wanted = np.where(j <= i, v[(i - j) % size], above(f) * v[(size + i - j) % size]) % q
    return bool((_circulant(v, f, q) == wanted).all())


def _hankel(radices: tuple[int, ...], q: int, lag: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> bool:
    """N⁻¹ W diag(d) W, W[i, k] = ω^−ik, d_k = Σ_m h_m ω^km, and its factors are Monarch; the package's, too."""
    size, field = int(np.prod(radices)), PrimeField(q)
    h = np.random.default_rng(size).integers(0, q, size)
    w = int(field.root_of_unity(size))
    W = np.array([[pow(w, -i * k, q) for k in range(size)] for i in range(size)])
    spectrum = np.array([sum(int(h[m]) * pow(w, k * m, q) for m in range(size)) % q for k in range(size)])
    scaled = spectrum[:, None] * pow(size, -1, q) * W % q
    i, j = np.indices((size, size))
    wanted = h[lag(i, j) % size]
    kind = MonarchClass(radices)
    monarch = all(membership_of(part, kind, domain=field).member for part in (W, scaled))
    return monarch and bool((W @ scaled % q == wanted).all()) and _rectangular(radices, q, lag)


def _rectangular(radices: tuple[int, ...], q: int, lag: Callable[[np.ndarray, np.ndarray], np.ndarray]) -> bool:
    """The package's Hankel matrix, N × N, of its antidiagonals."""
    size, field = int(np.prod(radices)), PrimeField(q)
    if (q - 1) % (2 * size):
        return True
    h = np.random.default_rng(q).integers(0, q, 2 * size)
    i, j = np.indices((size, size))
    return field.equal(constructions.hankel(h, radices, field).dense(), field.array(h[lag(i, j) % (2 * size)]))


def _corner(radices: tuple[int, ...], q: int, m: int) -> bool:
    """By hand, as the embedding says; and the package's, where it takes the size."""
    size, field = int(np.prod(radices)), PrimeField(q)
    column, row = np.random.default_rng(m).integers(1, q, (2, m))
    row[0] = column[0]
    v = np.zeros(size, dtype=np.int64)
    v[size - m + 1 :] = row[:0:-1]
    v[:m] = column
    i, j = np.indices((m, m))
    wanted = np.where(j <= i, column[(i - j) % m], row[(j - i) % m])
    built = constructions.toeplitz(column, row, radices, field).dense() if 2 * m - 1 <= size else wanted
    return bool((_circulant(v, 1, q)[:m, :m] == wanted).all()) and field.equal(built, field.array(wanted))
