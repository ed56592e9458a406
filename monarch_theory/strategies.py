"""Hypothesis strategies for Monarch matrices: domains, radices, matrices, and the arrays they act on.

    from hypothesis import given
    from monarch_theory.strategies import monarchs, vectors

    @given(monarchs(max_size=24).flatmap(lambda M: tuples(just(M), vectors(M))))
    def test_multiply_is_the_dense_product(pair): ...

And the calls of a kernel, as `monarch check` makes them:

    @given(op_cases("long-convolution", "bfloat16"))
    def test_my_convolution(case): ...  # case.arrays, case.shape, case.op.options(case.shape)

Everything shrinks to size 1, order 1, zeros and ones; calls to the smallest shape and plain layouts.
"""

from collections.abc import Sequence
from math import prod
from typing import Any

import numpy as np
import sympy
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays_of

from monarch_theory.domains import (
    FLOAT64,
    INTEGERS,
    RATIONALS,
    SYMBOLIC,
    Cyclotomic,
    Domain,
    Floating,
    Integers,
    PrimeField,
    Rationals,
    Symbolic,
)
from monarch_theory.monarch import Convention, Monarch, block_counts
from monarch_theory.testing.cases import FAMILIES, LAYOUTS, Case, make_case, selected_shapes
from monarch_theory.testing.op import Op, Shape
from monarch_theory.testing.ops import op_named

__all__ = ["EXACT_DOMAINS", "arrays", "batches", "monarchs", "op_cases", "radices", "scalars", "vectors"]

EXACT_DOMAINS: tuple[Domain, ...] = (INTEGERS, RATIONALS, PrimeField(97))
"""The exact domains that are cheap enough to be the default."""

DEFAULT_DOMAINS: tuple[Domain, ...] = (*EXACT_DOMAINS, FLOAT64)


def radices(
    *, max_size: int = 24, min_order: int = 1, max_order: int = 3, max_radix: int = 6
) -> st.SearchStrategy[tuple[int, ...]]:
    """Tuples of positive radices with product at most `max_size`; 1, non-powers of two and mixed radices included.

    >>> from hypothesis import find
    >>> find(radices(), lambda r: r == (3, 5))
    (3, 5)
    """
    if min_order < 1 or max_order < min_order or max_size < 1:
        raise ValueError(
            f"radices: expected 1 <= min_order <= max_order and max_size >= 1, got {min_order}, {max_order}, {max_size}"
        )

    @st.composite
    def draw_radices(draw: Any) -> tuple[int, ...]:
        drawn: list[int] = []
        for _ in range(draw(st.integers(min_order, max_order))):
            drawn.append(draw(st.integers(1, max(1, min(max_radix, max_size // prod(drawn))))))
        return tuple(drawn)

    return draw_radices()


def scalars(domain: Domain) -> st.SearchStrategy[Any]:
    """Scalars of `domain`, small enough that products of a few of them stay readable; zero and one are simplest.

    Floating-point scalars are finite, of magnitude at most 8, and never subnormal.
    """
    if isinstance(domain, Floating):
        width: Any = domain.dtype.itemsize * (4 if domain.is_complex else 8)
        real = st.floats(-8, 8, width=width, allow_subnormal=False)
        if not domain.is_complex:
            return real.map(domain.dtype.type)
        return st.builds(complex, real, real).map(domain.dtype.type)
    if isinstance(domain, PrimeField):
        return st.integers(0, domain.q - 1)
    if isinstance(domain, Rationals):
        return st.fractions(-9, 9, max_denominator=9).map(domain.scalar)
    if isinstance(domain, Cyclotomic):
        powers = st.integers(0, domain.n - 1).map(lambda k: domain.root_of_unity(domain.n) ** k)
        return st.one_of(
            st.integers(-3, 3).map(domain.scalar),
            st.builds(lambda a, b, z: domain.scalar(a) + domain.scalar(b) * z, small_integers, small_integers, powers),
        )
    if isinstance(domain, Symbolic):
        return st.sampled_from(SYMBOLS)
    if isinstance(domain, Integers):
        return st.integers(-9, 9)
    raise TypeError(f"domain: expected a domain of monarch_theory.domains, got {domain!r}")


small_integers = st.integers(-3, 3)
x, y = sympy.symbols("x y")
SYMBOLS = tuple(SYMBOLIC.scalar(e) for e in (0, 1, -1, 2, x, y, x + 1, x * y, x - 2 * y))


def arrays(domain: Domain, shape: int | Sequence[int]) -> st.SearchStrategy[np.ndarray]:
    """Dense arrays of scalars of `domain`, every entry drawn on its own so that no two need be equal."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    return arrays_of.arrays(domain.dtype, shape, elements=scalars(domain), fill=st.nothing())


def batches(*, max_dims: int = 2, max_side: int = 3) -> st.SearchStrategy[tuple[int, ...]]:
    """Batch shapes, from () up; empty batches (a side of 0) and sides of 1 included."""
    return arrays_of.array_shapes(min_dims=0, max_dims=max_dims, min_side=0, max_side=max_side)


def vectors(monarch: Monarch, batch: st.SearchStrategy[tuple[int, ...]] | None = None) -> st.SearchStrategy[np.ndarray]:
    """Arrays of shape (*batch, M.shape[1]) that `monarch.multiply` accepts; no batch axes unless `batch` is given."""
    shapes = st.just(()) if batch is None else batch
    return shapes.flatmap(lambda sides: arrays(monarch.domain, (*sides, monarch.shape[1])))


def monarchs(
    domains: Sequence[Domain] | Domain = DEFAULT_DOMAINS,
    *,
    max_size: int = 24,
    min_order: int = 1,
    max_order: int = 3,
    square: bool = False,
    invertible: bool = False,
    conventions: Sequence[Convention] = tuple(Convention),
    input_radices: Sequence[int] | None = None,
) -> st.SearchStrategy[Monarch]:
    """Monarch matrices over any of `domains`, rectangular unless asked otherwise.

    Args:
        domains: one domain or several to draw from.
        max_size: largest number of inputs, and of outputs.
        min_order, max_order: number of factors.
        square: equal input and output radices.
        invertible: every block is invertible in its domain (a product of unit triangular matrices and units); implies
            `square`.
        conventions: conventions to draw from.
        input_radices: fix the input radices rather than draw them.

    >>> from hypothesis import find
    >>> find(monarchs(INTEGERS, max_order=1, conventions=[Convention.DAO]), lambda M: M.shape == (2, 3))
    Monarch(2×3, order 1, radices (3,) → (2,), PLPR, integers)
    """
    choices = (domains,) if isinstance(domains, Domain) else tuple(domains)
    if not choices or not conventions:
        raise ValueError(f"domains, conventions: expected at least one of each, got {choices} and {tuple(conventions)}")

    @st.composite
    def draw_monarch(draw: Any) -> Monarch:
        domain = draw(st.sampled_from(choices))
        if input_radices is not None:
            columns = tuple(input_radices)
        else:
            columns = draw(radices(max_size=max_size, min_order=min_order, max_order=max_order))
        if square or invertible:
            rows = columns
        else:
            rows = draw(radices(max_size=max_size, min_order=len(columns), max_order=len(columns)))
        blocks = []
        for count, m, n in zip(block_counts(rows, columns), rows, columns, strict=True):
            if invertible:
                blocks.append(np.array([draw(invertible_matrices(domain, n)) for _ in range(count)], domain.dtype))
            else:
                blocks.append(draw(arrays(domain, (count, m, n))))
        return Monarch(tuple(blocks), domain, draw(st.sampled_from(tuple(conventions))))

    return draw_monarch()


def op_cases(
    op: str | Op, dtype: str = "float32", *, max_size: int = 64, nonfinite: bool = False
) -> st.SearchStrategy[Case]:
    """Calls of a kernel of an op, by name or as an `Op`, in a dtype: a shape, a family of values, a layout and a seed.

    The layout is data: `case.arrays` are contiguous, and `case.layouts` names how each is to lie in memory.

    Args:
        max_size: entries of a row of the first argument, at most.
        nonfinite: one NaN or infinity among the arguments is drawn, too.

    Raises:
        ValueError: no such op, or a dtype it is not checked in.

    >>> from hypothesis import find
    >>> find(op_cases("rms-norm"), lambda case: case.shape["n"] > 2).family
    'normal'
    """
    declared = op_named(op) if isinstance(op, str) else op
    if dtype not in declared.dtypes():
        raise ValueError(f"dtype: expected one of {', '.join(declared.dtypes())} for {declared.name}, got {dtype!r}")
    shapes = selected_shapes(declared, max_size=max_size, most_entries=1 << 12)
    families = [name for name in FAMILIES if nonfinite or name != "nonfinite"]

    def made(shape: Shape, family: str, layout: str, seed: int) -> Case:
        return make_case(declared, dtype, shape, family, layout, (seed,))

    return st.builds(
        made, st.sampled_from(shapes), st.sampled_from(families), st.sampled_from(LAYOUTS), st.integers(0, 2**16)
    )


def invertible_matrices(domain: Domain, n: int) -> st.SearchStrategy[np.ndarray]:
    """Invertible n × n matrices of small scalars: unit lower × diagonal of units × unit upper, rows permuted."""

    @st.composite
    def draw_matrix(draw: Any) -> np.ndarray:
        size = n * (n - 1) // 2
        entries = st.lists(st.integers(-2, 2), min_size=size, max_size=size)
        lower, upper = np.eye(n, dtype=int), np.eye(n, dtype=int)
        lower[np.tril_indices(n, -1)] = draw(entries)
        upper[np.triu_indices(n, 1)] = draw(entries)
        units = draw(st.lists(st.sampled_from((1, -1)), min_size=n, max_size=n))
        rows = draw(st.permutations(range(n)))
        return domain.array((lower * units @ upper)[rows])

    return draw_matrix()
