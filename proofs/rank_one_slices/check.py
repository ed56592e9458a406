"""Membership: vanishing minors against all products P L P R P over F_2, generic products, and larger."""

from collections.abc import Callable, Iterator
from math import prod

import flint
import numpy as np
import sympy

from monarch_theory.domains import INTEGERS, SYMBOLIC, PrimeField
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.monarch import Monarch, block_counts, random_monarch
from monarch_theory.proving import Instance

SIZES = "all 65,536 matrices over F_2 at N = 4; symbolic N ≤ 6; to N = 64, p ≤ 5; ranks of every split to p = 4"
MUTATIONS: dict[str, dict] = {
    "the slices of split 0 are enough": {"splits": lambda p: range(min(p - 1, 1))},
    "the slices of the last split are enough": {"splits": lambda p: range(p - 1)[-1:]},
    "rank at most two": {"rank": 2},
}


def instances(splits: Callable[[int], range] = lambda p: range(p - 1), rank: int = 1) -> list[Instance]:
    cases = [
        Instance("every 4×4 matrix over F_2: minors vanish iff it is some P L P R P", _every_matrix),
        Instance("generic blocks (2, 2), symbolic: every minor is identically zero", lambda: _generic((2, 2), (2, 2))),
        Instance("generic blocks (2, 3) ← (3, 2), symbolic", lambda: _generic((2, 3), (3, 2))),
    ]
    for radices in [(4, 4), (3, 5), (8, 8), (2, 3, 4), (2,) * 5]:
        for field in (PrimeField(2147483629), INTEGERS):
            cases.append(
                Instance(f"member and neighbour {radices} over {field}", lambda r=radices, f=field: _decided(r, f))
            )
    field = PrimeField(10007)
    for radices in [(2, 2), (3, 4), (2, 2, 2), (2, 3, 2), (3, 2, 4), (2, 2, 2, 2)]:
        for about, dense in _members_and_others(radices, field):
            cases.append(
                Instance(
                    f"{about} over {field}: ranks of the slices decide, {radices}",
                    lambda r=radices, A=dense: (
                        _low_ranks(A, r, splits(len(r)), rank, field)
                        == membership_of(A, MonarchClass(r), domain=field).member
                    ),
                )
            )
    return cases


def _members_and_others(radices: tuple[int, ...], field: PrimeField) -> Iterator[tuple[str, np.ndarray]]:
    """A product; one more for every split, which merges the stages on each side of it; and a matrix with none."""
    rng, size, p = np.random.default_rng(0), prod(radices), len(radices)
    yield "a product", random_monarch(radices, field, rng).dense()
    for split in range(p - 1) if p > 2 else ():
        merged = (prod(radices[: split + 1]), prod(radices[split + 1 :]))
        yield f"rank one at split {split} alone", random_monarch(merged, field, rng).dense()
    yield "a generic matrix", field.random(rng, (size, size))


def _low_ranks(dense: np.ndarray, radices: tuple[int, ...], splits: range, rank: int, field: PrimeField) -> bool:
    """Rank of every slice of the splits, by index arithmetic and FLINT: rows share i_0 … i_k, columns a_(k+1) …."""
    size = len(dense)
    for split in splits:
        rows, columns = prod(radices[: split + 1]), prod(radices[split + 1 :])
        for s in range(rows):
            for c in range(columns):
                block = dense[s::rows, c::columns]  # (i_{k+1} …, i_0 … i_k fixed), (a_0 … a_k, later digits fixed)
                entries = [int(x) for x in block.reshape(-1)]
                if flint.nmod_mat(size // rows, size // columns, entries, field.q).rank() > rank:
                    return False
    return True


def _every_matrix() -> bool:
    """Both sides as sets of 16-bit numbers."""
    bits = (np.arange(2**16)[:, None] >> np.arange(16) & 1).astype(np.uint8)
    matrices = bits.reshape(-1, 4, 4)
    # slices A[(·, s), (·, a1)]: rows s and s + 2, columns a1 and a1 + 2
    vanish = np.ones(2**16, dtype=bool)
    for s in (0, 1):
        for a1 in (0, 1):
            block = matrices[:, s::2, a1::2]
            vanish &= (block[:, 0, 0] & block[:, 1, 1]) == (block[:, 0, 1] & block[:, 1, 0])
    weights = 1 << np.arange(16)
    products = np.zeros(2**16, dtype=bool)
    R = (np.arange(2**8)[:, None] >> np.arange(8) & 1).reshape(-1, 2, 2, 2)  # R[a1, s, a0]
    for L in R:  # the same 256 choices, as L[s, t, a1]
        entries = np.einsum("stc,xcsa->xtsac", L, R).reshape(len(R), 16)
        products[entries @ weights] = True
    return bool((vanish == products).all())


def _generic(outputs: tuple[int, ...], inputs: tuple[int, ...]) -> bool:
    counts = block_counts(outputs, inputs)
    stages = enumerate(zip(counts, outputs, inputs, strict=True))
    blocks = (np.array(sympy.symbols(f"b{k}_:{c * m * n}")).reshape(c, m, n) for k, (c, m, n) in stages)
    dense = Monarch(tuple(blocks), SYMBOLIC).dense()
    slices = MonarchClass(inputs, outputs).slices(dense)
    for matrix in slices:
        for i, j in np.ndindex(matrix.shape):
            if sympy.expand(matrix[0, 0] * matrix[i, j] - matrix[0, j] * matrix[i, 0]) != 0:
                return False
    return True


def _decided(radices: tuple[int, ...], domain) -> bool:
    """A product is a member, its factors give it back, and one changed entry makes it no member."""
    rng = np.random.default_rng(0)
    dense, kind = random_monarch(radices, domain, rng).dense(), MonarchClass(radices)
    dense = domain.normal(dense + 0)
    member = membership_of(dense, kind, domain=domain)
    neighbour = dense.copy()
    # a row and column whose slice has another non-zero row and column: the minor moves
    row, column = (int(x[0]) for x in np.nonzero(_in_full_slices(dense, kind)))
    neighbour[row, column] = domain.normal(neighbour[row : row + 1, column] + 1)[0]
    other = membership_of(neighbour, kind, domain=domain)
    factored = member.train is not None and domain.equal(member.train.terms()[0].dense(), dense)
    return bool(member.member) and factored and other.member is False and other.refutation is not None


def _in_full_slices(dense: np.ndarray, kind: MonarchClass) -> np.ndarray:
    """Entries whose slice of split 0 has no zero: changing one of them alone changes a minor."""
    positions = kind.slices(np.arange(prod(kind.shape)).reshape(kind.shape))
    full = np.array([(dense.reshape(-1)[p] != 0).all() for p in positions])
    mask = np.zeros(prod(kind.shape), dtype=bool)
    mask[positions[full].reshape(-1)] = True
    return mask.reshape(kind.shape)
