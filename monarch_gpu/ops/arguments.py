"""What every backend asks of its arguments, told from their shapes alone."""

from collections.abc import Mapping, Sequence
from functools import lru_cache
from math import prod
from typing import Any

from monarch_theory.digits import balanced_radices, check_radices
from monarch_theory.monarch import Convention, block_counts

__all__ = [
    "check_axis",
    "check_blocks",
    "check_convention",
    "check_factors",
    "check_same",
    "check_signal",
    "check_transform",
    "convolution_radices",
    "monarch_radices",
]


@lru_cache(maxsize=4096)
def monarch_radices(shapes: tuple[tuple[int, ...], ...], name: str = "factors") -> tuple[tuple[int, ...], ...]:
    """(output radices, input radices) of Monarch factors with the given shapes (blocks, m_k, n_k).

    Raises:
        ValueError: no factors, or a shape that does not fit the others.

    >>> monarch_radices(((3, 4, 2), (4, 5, 3)))
    ((4, 5), (2, 3))
    >>> monarch_radices(((3, 4, 2), (3, 5, 3)))
    Traceback (most recent call last):
    ValueError: factors[1]: expected 4 blocks for rows (4, 5) and columns (2, 3), got 3
    """
    if not shapes:
        raise ValueError(f"{name}: expected at least one factor, got none")
    for k, shape in enumerate(shapes):
        if len(shape) != 3 or 0 in shape:
            raise ValueError(f"{name}[{k}]: expected shape (blocks, rows, columns), none zero, got {tuple(shape)}")
    rows, columns = tuple(shape[1] for shape in shapes), tuple(shape[2] for shape in shapes)
    for k, blocks in enumerate(block_counts(rows, columns)):
        if shapes[k][0] != blocks:
            raise ValueError(
                f"{name}[{k}]: expected {blocks} blocks for rows {rows} and columns {columns}, got {shapes[k][0]}"
            )
    return rows, columns


def check_axis(x: Any, axis: int, length: int, name: str = "x") -> int:
    """`axis` counted from the front, once `x` is known to have `length` entries along it."""
    if not -x.ndim <= axis < x.ndim:
        raise ValueError(f"axis: expected an axis of an array with shape {tuple(x.shape)}, got {axis}")
    if x.shape[axis] != length:
        raise ValueError(f"{name}: expected length {length} along axis {axis}, got shape {tuple(x.shape)}")
    return axis % x.ndim


def check_convention(convention: Convention) -> Convention:
    """Refuse anything but a `Convention`."""
    if not isinstance(convention, Convention):
        raise TypeError(f"convention: expected a Convention such as Convention.M2, got {convention!r}")
    return convention


def check_same(x: Any, others: Mapping[str, Any], name: str = "x") -> None:
    """Refuse operands whose dtype or device differs from that of `x`; absent ones are None."""
    for other_name, other in others.items():
        if other is None:
            continue
        if other.dtype != x.dtype:
            raise TypeError(f"{other_name}: expected dtype {x.dtype}, that of {name}, got {other.dtype}")
        if getattr(other, "device", None) != getattr(x, "device", None):
            raise TypeError(f"{other_name}: expected device {x.device}, that of {name}, got {other.device}")


def check_factors(x: Any, factors: Sequence[Any]) -> None:
    """Refuse Monarch factors whose dtype or device differs from that of `x`; only the one refused is given a name."""
    for k, factor in enumerate(factors):
        if factor.dtype != x.dtype or getattr(factor, "device", None) != getattr(x, "device", None):
            check_same(x, {f"factors[{k}]": factor})


def check_blocks(shape: tuple[int, ...]) -> None:
    """Refuse what is no stack of blocks."""
    if len(shape) != 3 or 0 in shape:
        raise ValueError(f"blocks: expected shape (blocks, rows, columns), none zero, got {shape}")


def check_signal(u: Any, others: Mapping[str, Any]) -> tuple[int, ...]:
    """The channel axes of a signal u (…, *channels, n), read off its filter k (*channels, n).

    Raises:
        ValueError: k, gate, pre_gate or skip has another shape than u and k call for.
    """
    shape, filters = tuple(u.shape), tuple(others["k"].shape)
    if len(shape) == 0 or shape[-1] == 0:
        raise ValueError(f"u: expected shape (…, n) with n at least 1, got {shape}")
    if len(filters) == 0 or len(filters) > len(shape) or shape[len(shape) - len(filters) :] != filters:
        raise ValueError(f"k: expected shape (*channels, n), the last axes of u with shape {shape}, got {filters}")
    expected = {"gate": shape, "pre_gate": shape, "skip": filters[:-1]}
    for name, other in others.items():
        if name in expected and other is not None and tuple(other.shape) != expected[name]:
            raise ValueError(f"{name}: expected shape {expected[name]}, got {tuple(other.shape)}")
    return filters[:-1]


def check_transform(factors: Sequence[Any], length: int) -> tuple[Sequence[Any], Sequence[Any]]:
    """The factors of M and those of M⁻¹ for signals of `length`.

    Raises:
        ValueError: an odd number of factors, factors that do not fit, or length > N.
    """
    if len(factors) % 2:
        raise ValueError(f"factors: expected those of M, then as many of its inverse, got {len(factors)}")
    half = len(factors) // 2
    forward, inverse = factors[:half], factors[half:]
    rows, columns = monarch_radices(tuple(tuple(f.shape) for f in forward))
    back, into = monarch_radices(tuple(tuple(f.shape) for f in inverse), "inverse factors")
    if not prod(rows) == prod(columns) == prod(back) == prod(into):
        raise ValueError(
            f"factors: expected M and its inverse square and of equal size, got {prod(rows)}×{prod(columns)} "
            f"and {prod(back)}×{prod(into)}"
        )
    if length > prod(columns):
        raise ValueError(f"u: expected at most {prod(columns)} positions, the size of M, got {length}")
    return forward, inverse


def convolution_radices(
    length: int, kernel_length: int, causal: bool, radices: Sequence[int] | None = None
) -> tuple[int, ...]:
    """Radices of the transform that convolves signals and filters of the given lengths.

    Circular convolution needs a transform of exactly `length`; a causal one any size that holds it without wrapping
    round, here the smallest from 2n on with two radices within a factor of two of each other.

    Raises:
        ValueError: `radices` do not fit.

    >>> convolution_radices(4096, 4096, causal=True)
    (128, 64)
    >>> convolution_radices(7, 7, causal=True), convolution_radices(7, 7, causal=False)
    ((5, 3), (7, 1))
    """
    if kernel_length != length:
        raise ValueError(f"k: expected length {length} along the last axis, that of u, got {kernel_length}")
    if radices is None:
        if not causal:
            return balanced_radices(length)[::-1]
        size = max(2 * length, 1)
        while (found := balanced_radices(size))[1] > 2 * found[0]:
            size += 1
        return found[::-1]
    chosen = check_radices(radices, None if causal else length)
    if prod(chosen) < 2 * length - 1:
        raise ValueError(f"radices: expected a product of at least {2 * length - 1}, got {chosen}")
    return chosen
