"""All causal Monarch matrices at N = 4: counted one by one, through invariants, and as the sum of the proof's cases."""

from collections import Counter
from collections.abc import Callable
from itertools import product

import numpy as np
import sympy

from monarch_theory.causality import MonarchOperator, decide
from monarch_theory.domains import PrimeField
from monarch_theory.monarch import Monarch
from monarch_theory.proving import Instance

SIZES = "every matrix over F_2; F_3, F_5, F_7 through invariants of the blocks; the cases of the proof, symbolic in q"
MUTATIONS: dict[str, dict] = {
    "14 components: 14q² + 2q − 1": {"count": lambda q: q**4 * (q - 1) ** 4 * (14 * q**2 + 2 * q - 1)},
    "15q² + 3q − 1": {"count": lambda q: q**4 * (q - 1) ** 4 * (15 * q**2 + 3 * q - 1)},
    "dimension 11": {"count": lambda q: q**5 * (q - 1) ** 4 * (15 * q**2 + 2 * q - 1)},
    "(q − 1)³ factorisations of each": {"factorisations": lambda q: (q - 1) ** 3},
    "q⁴(q − 1)⁴(q + 1)³ invertible ones": {"invertible": lambda q: q**4 * (q - 1) ** 4 * (q + 1) ** 3},
}


def instances(
    count: Callable = lambda q: q**4 * (q - 1) ** 4 * (15 * q**2 + 2 * q - 1),
    factorisations: Callable = lambda q: (q - 1) ** 4,
    invertible: Callable = lambda q: q**4 * (q - 1) ** 4 * (q + 1) ** 4,
) -> list[Instance]:
    q = sympy.Symbol("q")
    cases = [
        Instance("the cases of the proof add up", lambda: sympy.expand(_cases(q) - count(q) * factorisations(q)) == 0),
        Instance("q = 3: factorisations of one matrix, one by one", lambda: _factorisations(3) == factorisations(3)),
    ]
    for number in (2, 3, 5):
        about = f"q = {number}: invertible matrices"
        cases.append(Instance(about, lambda n=number: len(_invertible(n)) ** 4 == invertible(n) * factorisations(n)))
    for number in (2, 3, 5, 7):
        about = f"q = {number}: through the invariants α, β of the blocks"
        cases.append(Instance(about, lambda n=number: _through_invariants(n) == count(n) * factorisations(n)))
    cases.append(Instance("q = 2: every Monarch matrix, decided one by one", lambda: _one_by_one() == count(2)))
    return cases


def _one_by_one() -> int:
    """Over F_2 scaling does nothing: factorisations are matrices."""
    field = PrimeField(2)
    blocks = [np.array(b).reshape(2, 2) for b in product(range(2), repeat=4) if (b[0] * b[3] - b[1] * b[2]) % 2]
    causal = 0
    for R0, R1, L0, L1 in product(blocks, repeat=4):
        operator = MonarchOperator(Monarch((np.stack([R0, R1]), np.stack([L0, L1])), field))
        causal += decide(operator, route="every filter").causal
    return causal


def _factorisations(q: int) -> int:
    """Quadruples of invertible blocks that make one matrix, each of whose slices is an outer product."""
    rng = np.random.default_rng(0)
    field, blocks = PrimeField(q), np.array([block[:4] for block in _invertible(q)]).reshape(-1, 2, 2)
    L, R = rng.choice(blocks, 2), rng.choice(blocks, 2)
    given = Monarch((R, L), field).dense()
    columns = [(column, row) for column in product(range(q), repeat=2) for row in product(range(q), repeat=2)]
    ways = 1
    for s, a in product(range(2), repeat=2):  # a slice is a column of a block of L times a row of one of R
        part = given.reshape(2, 2, 2, 2)[:, s, :, a]
        ways *= sum(field.equal(part, field.normal(np.outer(column, row))) for column, row in columns)
    return ways


def _invertible(q: int) -> list[tuple[int, int, int, int, int]]:
    """Entries and inverse determinant of every invertible 2 × 2 matrix."""
    found = []
    for k, c, r, w in product(range(q), repeat=4):
        determinant = (k * w - c * r) % q
        if determinant:
            found.append((k, c, r, w, pow(determinant, -1, q)))
    return found


def _through_invariants(q: int) -> int:
    """Number of causal quadruples (R_0, R_1, L_0, L_1) of invertible blocks, from the two equations of the proof."""
    alpha_beta: Counter = Counter()
    first: Counter = Counter()
    for k, c, r, w, D in _invertible(q):
        alpha_beta[c * w * (k - r) * D % q, c * w * (c - w) * D % q] += 1
        a, b = w * D % q, -c * D % q  # the block read as R_0: row 0 of its inverse, times its column 0
        first[a, b, a * k % q, b * r % q] += 1
    solved: dict[tuple[int, ...], int] = {}
    total = 0
    for (a, b, x, rest), number in first.items():
        for y0, y1 in product(range(q), repeat=2):
            if (y0, y1) != (0, 0):
                equations = x * y0 % q, rest * y1 % q, a * y0 * y0 % q, b * y1 * y1 % q
                if equations not in solved:
                    solved[equations] = _pairs(alpha_beta, *equations, q)
                total += number * (q * q - q) * solved[equations]
    return total


def _pairs(alpha_beta: Counter, A: int, C: int, B: int, E: int, q: int) -> int:
    """Pairs of blocks with A α_0 + C α_1 = B β_0 + E β_1 = 0."""
    left: Counter = Counter()
    for (alpha, beta), number in alpha_beta.items():
        left[A * alpha % q, B * beta % q] += number
    return sum(number * left[-C * alpha % q, -E * beta % q] for (alpha, beta), number in alpha_beta.items())


def _cases(q: sympy.Symbol) -> sympy.Expr:
    """The table of the proof, row by row, times the choices for R_0's determinant and R_1's second column."""
    zero, alone, both = 2 * q * (q - 1) ** 2, q * (q - 1), (q - 1) * (q - 2)
    flat, every = zero + (q - 1) * alone, q * (q - 1) ** 2 * (q + 1)
    sloped = (q - 1) * q * both**2
    rows = [
        (2 * (q - 1) ** 4, flat * zero + sloped),
        ((q - 2) * (q - 1) ** 4, zero**2 + (q - 1) * alone**2 + sloped),
        (2 * (q - 1) ** 3, flat * every),
        (2 * (q - 1) ** 4, zero * every),
        (2 * q**2 * (q - 1) ** 2, zero * every),
        (2 * q * (q - 1) ** 2, every**2),
    ]
    return (q - 1) * (q**2 - q) * sum(choices * pairs for choices, pairs in rows)
