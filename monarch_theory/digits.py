"""Mixed radix: where every index lives.

An index below N = b_1 ⋯ b_p is a tuple of digits, most significant first, exactly as NumPy reads a C-ordered shape.
Stride permutations and digit reversal are transposes of that shape.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np

__all__ = ["balanced_radices", "check_radices", "digits_of", "index_of", "is_integer", "reversal", "stride_permutation"]


def is_integer(value: Any) -> bool:
    """Whether it is an integer, one of NumPy's among them; truth values are none.

    >>> is_integer(3), is_integer(True), is_integer(3.0)
    (True, False, False)
    """
    return isinstance(value, int | np.integer) and not isinstance(value, bool)


def balanced_radices(n: int, order: int = 2) -> tuple[int, ...]:
    """`order` radices with product n, as equal as they can be: those of the smallest sum, larger ones last.

    Raises:
        ValueError: n or order is not positive.

    >>> balanced_radices(4096), balanced_radices(200), balanced_radices(7), balanced_radices(64, 3)
    ((64, 64), (10, 20), (1, 7), (4, 4, 4))
    """
    if n < 1 or order < 1:
        raise ValueError(f"radices: expected a positive number of positive radices, got {order} with product {n}")
    # the least, by a sort: graphs that torch compiles do not always take a minimum with a key
    return sorted(_ascending_factors(n, order, 1), key=lambda radices: (sum(radices), radices))[0]


def _ascending_factors(n: int, order: int, smallest: int) -> list[tuple[int, ...]]:
    """Every product of `order` ascending factors, none below `smallest`, that gives n."""
    if order == 1:
        return [(n,)] if n >= smallest else []
    divisors = (d for d in range(smallest, int(n ** (1 / order)) + 2) if n % d == 0)
    return [(d, *rest) for d in divisors for rest in _ascending_factors(n // d, order - 1, d)]


def check_radices(radices: Sequence[int], size: int | None = None, *, name: str = "radices") -> tuple[int, ...]:
    """Return `radices` as a tuple of positive integers, or say which one is not.

    Raises:
        ValueError: `radices` is empty, holds something other than a positive integer, or its product is not `size`.

    >>> check_radices([4, 2, 3], size=24)
    (4, 2, 3)
    >>> check_radices([4, 4], size=24)
    Traceback (most recent call last):
    ValueError: radices: expected a product of 24, got (4, 4) whose product is 16
    """
    if isinstance(radices, int | str) or not isinstance(radices, Sequence | np.ndarray):
        raise ValueError(f"{name}: expected a sequence of positive integers, got {radices!r}")
    for radix in radices:
        if not is_integer(radix) or radix < 1:
            raise ValueError(f"{name}: expected positive integers, got {radix!r} in {tuple(radices)!r}")
    if len(radices) == 0:
        raise ValueError(f"{name}: expected at least one radix, got none")
    checked = tuple(int(radix) for radix in radices)
    if size is not None and prod(checked) != size:
        raise ValueError(f"{name}: expected a product of {size}, got {checked} whose product is {prod(checked)}")
    return checked


def digits_of(index: int, radices: Sequence[int]) -> tuple[int, ...]:
    """Digits of `index` in mixed radix, most significant first.

    >>> digits_of(23, (4, 2, 3))
    (3, 1, 2)
    """
    return tuple(int(digit) for digit in np.unravel_index(index, tuple(radices)))


def index_of(digits: Sequence[int], radices: Sequence[int]) -> int:
    """Index with the given `digits`, the inverse of `digits_of`.

    >>> index_of((3, 1, 2), (4, 2, 3))
    23
    """
    return int(np.ravel_multi_index(tuple(digits), tuple(radices)))


def stride_permutation(radices: Sequence[int], axes: Sequence[int]) -> np.ndarray:
    """Permutation π, shape (N,), that reorders digits: y = x[π] is x read as `radices` and transposed by `axes`.

    >>> stride_permutation((2, 3), (1, 0))
    array([0, 3, 1, 4, 2, 5])
    """
    return np.arange(prod(radices)).reshape(tuple(radices)).transpose(tuple(axes)).reshape(-1)


def reversal(radices: Sequence[int]) -> np.ndarray:
    """Digit reversal as a permutation, shape (N,): for two equal radices, the stride permutation P of THEORY §1.

    >>> reversal((2, 2, 2))
    array([0, 4, 2, 6, 1, 5, 3, 7])
    """
    return stride_permutation(radices, range(len(radices))[::-1])
