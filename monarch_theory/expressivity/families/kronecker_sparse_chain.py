"""Products of three and more Kronecker-sparse factors of any rank (Zheng et al. 2023, Le et al. 2024).

A chain of patterns I_a ⊗ 1_{b×c} ⊗ I_d that fit each other and whose product may be nonzero anywhere is a Monarch class
in the DAO convention, a block tensor train, of which a stage may also only take in or only give out: its other radix is
one. Chains of two are `kronecker_sparse`. As in the papers no permutation stands at the ends.
"""

from collections.abc import Iterator
from math import prod

from monarch_theory.expressivity.classes import MonarchClass, balanced_radices, divisors
from monarch_theory.expressivity.families.block_tensor_train import fit, nearest_by_rank, parts
from monarch_theory.expressivity.families.family import Cost, Family, Floor, Setting
from monarch_theory.expressivity.paths import least_cost, longest_chain, longest_order
from monarch_theory.expressivity.spectra import Spectra
from monarch_theory.monarch import Convention

__all__ = ["kronecker_sparse_chain"]


def orders_of(shape: tuple[int, int]) -> range:
    return range(3, longest_chain(shape) + 1)


def setting(kind: MonarchClass) -> Setting:
    operations = 2 * kind.rank * (kind.order - 1)
    label = f"{' (·) '.join(patterns(kind))}, rank {kind.rank}"
    return Setting(label, kind.parameters, kind.parameters, "quasi-optimal", {"kind": kind}, operations)


def patterns(kind: MonarchClass) -> list[str]:
    """(a, b, c, d) of every factor, the last stage first; the bonds are in b and c."""
    rows, columns, ranks = kind.output_radices, kind.input_radices, kind.ranks
    return [
        f"({prod(columns[k + 1 :])}, {rows[k] * ranks[k + 1]}, {columns[k] * ranks[k]}, {prod(rows[:k])})"
        for k in reversed(range(kind.order))
    ]


def settings(shape: tuple[int, int]) -> Iterator[Setting]:
    for order in orders_of(shape):
        for rows in products(shape[0], order):
            for columns in products(shape[1], order):
                if all(m * n > 1 for m, n in zip(rows, columns, strict=True)):
                    whole = MonarchClass(columns, rows, Convention.DAO, rank=max(shape))
                    for rank in range(1, max(whole.ranks) + 1):
                        yield setting(MonarchClass(columns, rows, Convention.DAO, rank))


def products(n: int, order: int) -> Iterator[tuple[int, ...]]:
    """All ways to write n as an ordered product of factors, ones among them."""
    if order == 1:
        yield (n,)
        return
    for first in divisors(n):
        yield from ((first, *rest) for rest in products(n // first, order - 1))


def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
    """For every rank and order the nearest path within the budget."""
    return nearest_by_rank(spectra, budget, orders_of(spectra.shape), setting, ones=True, conventions=(Convention.DAO,))


def least(shape: tuple[int, int]) -> int:
    return least_cost(shape, orders_of(shape), ones=True) or 0


def largest(shape: tuple[int, int], budget: int) -> Setting | None:
    """Three stages of radices as equal as can be, and the widest bond that the budget buys."""
    if longest_order(shape) < 3:
        return next((one for one in settings(shape) if one.parameters <= budget), None)
    kinds = (
        MonarchClass(balanced_radices(shape[1], 3), balanced_radices(shape[0], 3), Convention.DAO, rank)
        for rank in range(1, max(shape) + 1)
    )
    within = [kind for kind in kinds if kind.parameters <= budget and kind.rank <= max(kind.ranks)]
    return setting(within[-1]) if within else None


kronecker_sparse_chain = Family(
    "kronecker-sparse-chain",
    "Kronecker-sparse chain",
    "Zheng, Riccietti and Gribonval 2023; Le et al. 2024",
    settings,
    fit,
    scope="chain of three patterns or more, and rank",
    floors=floors,
    least=least,
    one_cost=True,
    parts=parts,
    scales_columns=True,
    by_ranks=True,
    largest=largest,
)
