"""Low displacement rank: random generators over prime fields, the four formulas, and what the package builds."""

from collections.abc import Callable

import numpy as np

from monarch_theory.domains import PrimeField
from monarch_theory.expressivity import constructions
from monarch_theory.proving import Instance

SIZES = "N = 1 to 8 over F_17 and F_97, 1 to 3 columns; what the package builds at N = 4 and 8"
MUTATIONS: dict[str, dict] = {
    "h as it is": {"right": lambda h: h},
    "A^N + f": {"sign": 1},
    "A^(N − 1) − f": {"power": lambda n: n - 1},
    "powers in the same order": {"later": lambda k, step: step},
}


def instances(
    right: Callable[[np.ndarray], np.ndarray] = lambda h: h[::-1],
    sign: int = -1,
    power: Callable[[int], int] = lambda n: n,
    later: Callable[[int, int], int] = lambda k, step: k - 1 - step,
) -> list[Instance]:
    cases = []
    for number, (q, n, r) in enumerate((q, n, r) for q in (17, 97) for n in (1, 2, 3, 5, 8) for r in (1, 2, 3)):
        rng = np.random.default_rng(number)
        A, M, B = (rng.integers(0, q, (n, n)) for _ in range(3))
        cases.append(Instance(f"telescope, {n} × {n} over F_{q}", lambda a=(A, M, B, q, r): _telescopes(*a, later)))
        G, H = rng.integers(0, q, (n, r)), rng.integers(0, q, (n, r))
        f, nodes = 3, rng.permutation(q)[:n]
        about = f"{r} columns, {n} × {n} over F_{q}"
        for name, left in (("Z_e", _shift(5, n, q)), ("diag x", np.diag(nodes))):
            cases.append(
                Instance(f"A = {name}, {about}", lambda a=(left, f, G, H, q): _displaced(*a, right, sign, power))
            )
    for radices in ((2, 2), (4, 2)):
        for kind in ("toeplitz", "hankel", "vandermonde", "cauchy"):
            cases.append(
                Instance(f"{kind}-like, {radices}: the package's has it", lambda r=radices, k=kind: _built(r, k))
            )
    return cases


def _power(A: np.ndarray, k: int, q: int) -> np.ndarray:
    result = np.eye(len(A), dtype=np.int64)
    for _ in range(k):
        result = result @ A % q
    return result


def _shift(f: int, n: int, q: int) -> np.ndarray:
    return np.array(constructions.shift(f, n, PrimeField(q)))


def _telescopes(A: np.ndarray, M: np.ndarray, B: np.ndarray, q: int, k: int, later: Callable[[int, int], int]) -> bool:
    difference = (A @ M - M @ B) % q
    k += 1
    terms = sum(_power(A, step, q) @ difference % q @ _power(B, later(k, step), q) for step in range(k))
    return bool(((_power(A, k, q) @ M - M @ _power(B, k, q) - terms) % q == 0).all())


def _displaced(
    A: np.ndarray,
    f: int,
    G: np.ndarray,
    H: np.ndarray,
    q: int,
    right: Callable[[np.ndarray], np.ndarray],
    sign: int,
    power: Callable[[int], int],
) -> bool:
    """The M that the displacement determines, by linear equations, against the sum, where it determines one."""
    n = len(A)
    Z = _shift(f, n, q)
    system = (np.kron(A, np.eye(n, dtype=np.int64)) - np.kron(np.eye(n, dtype=np.int64), Z.T)) % q
    field = PrimeField(q)
    try:
        inverse = np.array(field.inverse(field.array(system)[None])[0])
    except ValueError:
        return True
    M = (inverse @ (G @ H.T % q).reshape(-1) % q).reshape(n, n)
    total = np.zeros((n, n), dtype=np.int64)
    for g, h in zip(G.T, H.T, strict=True):
        krylov = np.stack([_power(A, k, q) @ g % q for k in range(n)], 1)
        circulant = sum(int(v) * _power(Z, k, q) for k, v in enumerate(right(h))) % q
        total = (total + krylov @ circulant) % q
    whole = (_power(A, power(n), q) + sign * f * np.eye(n, dtype=np.int64)) % q
    return bool(((whole @ M - total) % q == 0).all())


def _built(radices: tuple[int, ...], kind: str) -> bool:
    """What the package builds of two columns satisfies the equation, and has displacement rank two at most."""
    n = int(np.prod(radices))
    field = PrimeField(17 if n == 4 else 97)
    rng = np.random.default_rng(n)
    G, H = (field.array(rng.integers(0, field.q, (n, 2))) for _ in range(2))
    root = field.root_of_unity(2 * n)
    e, f = constructions.shift(1, n, field), constructions.shift(-1, n, field)
    if kind == "toeplitz":
        left, right, built = e, f, constructions.toeplitz_like(G, H, (1, root), radices, field)
    elif kind == "hankel":
        left, right, built = e, f.T, constructions.hankel_like(G, H, (1, root), radices, field)
    elif kind == "vandermonde":
        evaluation = constructions.root_vandermonde(1, radices, field)
        left, right = np.diag(field.roots_of_unity(n)), f
        built = constructions.vandermonde_like(G, H, evaluation, root, radices)
    else:
        kernel = constructions.cauchy_of_roots(1, root, radices, field)
        x = field.roots_of_unity(n)
        left, right = np.diag(x), np.diag(x * root % field.q)
        built = constructions.cauchy_like(G, H, kernel)
    M = built.dense()
    difference = field.normal(field.matmul(left, M) - field.matmul(M, right))
    return field.equal(difference, field.matmul(G, H.T)) and constructions.displacement_rank(M, left, right, field) <= 2
