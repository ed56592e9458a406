"""Families of structured matrices, one short file each: put a new one here, and every table and command has it."""

from importlib import import_module
from pkgutil import iter_modules

from monarch_theory.expressivity.families.family import Family, Setting
from monarch_theory.expressivity.families.monarch_orders import butterfly, monarch
from monarch_theory.expressivity.paths import longest_order

__all__ = ["FAMILIES", "Family", "Setting", "families_for", "families_here"]


def families_here() -> tuple[Family, ...]:
    """Every `Family` that a file of this folder holds: the butterfly, which ends the Monarch orders, then by title."""
    files = [import_module(f"{__name__}.{module.name}") for module in iter_modules(__path__)]
    found = {value.name: value for file in files for value in vars(file).values() if isinstance(value, Family)}
    return tuple(sorted(found.values(), key=lambda family: (family is not butterfly, family.title.lower())))


FAMILIES = families_here()


def families_for(shape: tuple[int, int]) -> list[Family]:
    """Every family that has settings at this shape: Monarch orders from two up, then `FAMILIES`.

    >>> [family.name for family in families_for((16, 16))][:4]
    ['monarch-2', 'monarch-3', 'butterfly', 'block-diagonal']
    """
    orders = [monarch(order) for order in range(2, longest_order(shape) + 1)]
    # with every radix two, the Monarch of the highest order is the butterfly
    if shape == (2 ** len(orders) * 2,) * 2:
        orders = orders[:-1]
    return [family for family in (*orders, *FAMILIES) if any(True for _ in family.settings(shape))]
