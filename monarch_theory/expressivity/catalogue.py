"""Which well-known matrices are Monarch, in which convention: decided exactly, with factors or a certificate.

THEORY §5 lists transforms "exactly in the class". In which class depends on the convention: the DFT is in M2 and in
neither Dao class; Walsh–Hadamard, Kronecker products, block-diagonal matrices, the identity and butterflies are in Dao
classes and not in M2, where they belong after a digit reversal P. `catalogue()` decides all of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from monarch_theory.digits import reversal
from monarch_theory.domains import INTEGERS, Cyclotomic, Domain
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.constructions.butterflies import butterfly
from monarch_theory.expressivity.constructions.kronecker_products import block_diagonal, kronecker, walsh_hadamard
from monarch_theory.expressivity.constructions.permutations import bit_reversal, stride
from monarch_theory.expressivity.constructions.transforms import dft, inverse_dft
from monarch_theory.expressivity.constructions.trigonometric import dct2
from monarch_theory.expressivity.membership import Membership, membership_of
from monarch_theory.monarch import Convention

__all__ = ["Entry", "catalogue", "named_matrices"]

SIZE, RADICES, SEED = 16, (4, 4), 0


@dataclass(frozen=True, eq=False)
class Entry:
    """One matrix and what was decided about it, in each convention, all of it exact."""

    name: str
    answers: dict[Convention, Membership]

    def __str__(self) -> str:
        marks = (f"{c.name}: {'in' if answer.member else 'not in'}" for c, answer in self.answers.items())
        return f"{self.name} — {', '.join(marks)}"


def named_matrices() -> dict[str, tuple[np.ndarray, Domain]]:
    """Matrices of size 16 over the integers or ℚ(ζ₁₆), ℚ(ζ₆₄)."""
    rng = np.random.default_rng(SEED)

    def random(*shape: int) -> np.ndarray:
        return INTEGERS.random(rng, shape)

    swap = reversal(RADICES)
    twiddles = [random(2 ** (3 - k), 2**k, 2, 2) for k in range(4)]
    field = Cyclotomic(SIZE)
    product = kronecker([random(4, 4), random(4, 4)], INTEGERS).dense()
    shift = (np.arange(SIZE)[:, None] - np.arange(SIZE)) % SIZE
    hadamard = walsh_hadamard(4).dense()
    integer = {
        "identity": INTEGERS.eye(SIZE),
        "stride permutation P": stride(RADICES).dense(),
        "bit reversal": bit_reversal(RADICES).dense(),
        "Walsh–Hadamard": hadamard,
        "Walsh–Hadamard times P": hadamard[:, swap],
        "Kronecker product A ⊗ B": product,
        "(A ⊗ B) P": product[:, swap],
        "block diagonal": block_diagonal(random(4, 4, 4), INTEGERS).dense(),
        "butterfly, stride 1 first": butterfly(twiddles, INTEGERS).dense(),
        "butterfly, stride N/2 first": butterfly(twiddles, INTEGERS, increasing=False).dense(),
        "rank one": random(SIZE, 1) @ random(1, SIZE),
        "rank two": random(SIZE, 2) @ random(2, SIZE),
        "circulant": random(SIZE)[shift],
        "cyclic shift": INTEGERS.eye(SIZE)[:, np.roll(np.arange(SIZE), 1)],
        "lower triangular ones": np.tril(INTEGERS.ones((SIZE, SIZE))),
    }
    cyclotomic = {
        "DFT": (dft(RADICES, field).dense(), field),
        "inverse DFT": (inverse_dft(RADICES, field).dense(), field),
        "DFT times P": (dft(RADICES, field).dense()[:, swap], field),
        "DCT-II": (dct2((4, 8), Cyclotomic(4 * SIZE)).dense(), Cyclotomic(4 * SIZE)),
    }
    return {**{name: (matrix, INTEGERS) for name, matrix in integer.items()}, **cyclotomic}


def catalogue() -> list[Entry]:
    """Decide every named matrix in every convention, order 2, radices (4, 4).

    >>> found = {entry.name: entry for entry in catalogue()}
    >>> print(found["DFT"])
    DFT — M2: in, DAO: not in, DAO_TRANSPOSED: not in
    >>> print(found["Walsh–Hadamard"])
    Walsh–Hadamard — M2: not in, DAO: in, DAO_TRANSPOSED: in
    """
    return [
        Entry(name, {c: membership_of(matrix, MonarchClass(RADICES, convention=c), domain=domain) for c in Convention})
        for name, (matrix, domain) in named_matrices().items()
    ]
