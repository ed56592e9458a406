"""Families of structured matrices, one short file each; a new one is a file here and a name in this list."""

from monarch_theory.expressivity.families.block_diagonal import block_diagonal
from monarch_theory.expressivity.families.block_tensor_train import block_tensor_train
from monarch_theory.expressivity.families.family import Family, Setting
from monarch_theory.expressivity.families.group_and_shuffle import group_and_shuffle
from monarch_theory.expressivity.families.kronecker import kronecker
from monarch_theory.expressivity.families.kronecker_sparse import kronecker_sparse
from monarch_theory.expressivity.families.low_rank import low_rank
from monarch_theory.expressivity.families.monarch import butterfly, monarch
from monarch_theory.expressivity.families.monarch_attention import monarch_attention
from monarch_theory.expressivity.families.monarch_plus_low_rank import monarch_plus_low_rank

__all__ = ["FAMILIES", "Family", "Setting", "families_for"]

FAMILIES: tuple[Family, ...] = (
    butterfly,
    kronecker_sparse,
    group_and_shuffle,
    block_tensor_train,
    monarch_plus_low_rank,
    monarch_attention,
    kronecker,
    low_rank,
    block_diagonal,
)


def families_for(shape: tuple[int, int]) -> list[Family]:
    """Every family that has settings at this shape: Monarch orders from two up, then `FAMILIES`.

    >>> [family.name for family in families_for((16, 16))][:4]
    ['monarch-2', 'monarch-3', 'butterfly', 'kronecker-sparse']
    """
    orders = [monarch(order) for order in range(2, min(shape).bit_length())]
    # with every radix two, the Monarch of the highest order is the butterfly
    if shape == (2 ** len(orders) * 2,) * 2:
        orders = orders[:-1]
    return [family for family in (*orders, *FAMILIES) if family.settings(shape)]
