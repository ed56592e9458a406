"""y = x / √(mean x² + eps) ⊙ weight over the last axis.

The mean square is a sum in any order, divided by n; a root and a quotient, or the product with a reciprocal root, are
within `rounding.functions`' bounds of both. What is normalised may be stored before it is scaled by the weight.
"""

from collections.abc import Iterable
from functools import partial

import numpy as np

from monarch_theory.formats import Format
from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import changed, firsts
from monarch_theory.testing.op import LARGE_BATCH, Arrays, Domain, Fault, Op, Shape, any_sizes

EPS = 1e-6
OTHER_EPS = (1e-3, 1e-5, 1e-8)


def shapes() -> Iterable[Shape]:
    for n in (4, 1, 2, 3, 7, 8, 16, 33, 64, 100, 128, 257, 768, 1024):
        for batch in (1, 2, 3, 0, 7, *((LARGE_BATCH,) if n <= 64 else ())):
            yield {"batch": batch, "n": n}


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"x": (shape["batch"], shape["n"]), "weight": (shape["n"],)}


def settings(shape: Shape) -> dict[str, tuple[float, ...]]:
    """Zero, too, where a row is of several numbers: of one alone only the sign would be left."""
    return {"eps": (EPS, *OTHER_EPS, *((0.0,) if shape["n"] > 1 else ()))}


def eps(shape: Shape) -> float:
    return float(shape.get("eps", EPS))


def other_eps(shape: Shape) -> list[float]:
    """What a kernel may take for eps, if it does not take the one given."""
    return sorted({EPS, *OTHER_EPS, 1e-12} - {eps(shape)})


def some_near_eps(values: np.ndarray, shape: Shape, target: Format) -> np.ndarray:
    """Rows whose last number is negative, times 2^−9: their squares are about as large as eps."""
    return np.where(np.signbit(values[..., -1:]), values * 2.0**-9, values)


def not_all_zero(values: np.ndarray, shape: Shape, target: Format) -> np.ndarray:
    """As `some_near_eps`, and where eps is zero no row that has no direction: its first number is one."""
    found = some_near_eps(values, shape, target)
    if eps(shape) == 0:
        found[~found.any(-1), :1] = 1
    return found


def with_eps(squares: f.Number, by: float) -> f.Number:
    """The mean square and eps, which kernels round to the format that they compute in."""
    return f.widened(squares + by, 1, np.float64(by))


def root(x: f.Number, shape: Shape) -> f.Number:
    """√(mean x² + eps), (batch, 1)."""
    return f.sqrt(with_eps((x * x).sum(-1, keepdims=True) / shape["n"], eps(shape)))


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    normed: np.ndarray = f.stored(a["x"] / root(a["x"], shape))
    return normed * a["weight"]


def faults(shape: Shape) -> Iterable[Fault]:
    n = shape["n"]
    yield Fault("normalisation", "the mean is subtracted first", changed("x", lambda x: x - x.mean(-1, keepdims=True)))
    own = eps(shape)
    yield Fault("normalisation", "eps added outside the root", instead=lambda a: _scaled(a, lambda s: np.sqrt(s) + own))
    yield Fault("normalisation", "eps left out", instead=lambda a: _scaled(a, np.sqrt))
    for other in other_eps(shape):
        wrong = f"eps {other:g} instead of {own:g}"
        yield Fault("normalisation", wrong, instead=partial(_with_eps, eps=other))
    yield Fault(
        "normalisation",
        "the sum of squares instead of the mean",
        instead=lambda a: _scaled(a, lambda s: np.sqrt(n * s + own)),
    )
    yield Fault(
        "normalisation",
        "divided by n − 1",
        instead=lambda a: _scaled(a, lambda s: np.sqrt(s * n / max(n - 1, 1) + own)),
    )
    yield Fault("normalisation", "no root", instead=lambda a: _scaled(a, lambda s: s + own))
    yield Fault("missing term", "the weight is left out", changed("weight", np.ones_like))
    yield Fault("missing term", "one is added to the weight", changed("weight", lambda w: w + 1))
    for first in firsts(n):
        left = f"the squares after the first {first} entries are left out of the mean"
        yield Fault("dropped tail", left, instead=partial(_of_first, first=first, count=n, eps=own))
        for_all = f"the mean square of the first {first} entries is taken for that of all"
        yield Fault("dropped tail", for_all, instead=partial(_of_first, first=first, count=first, eps=own))


def root_of_first(x: np.ndarray, first: int, count: int, eps: float) -> np.ndarray:
    """√(the squares of the first entries, over a count, + eps), (batch, 1)."""
    return np.asarray(np.sqrt((x * x)[..., :first].sum(-1, keepdims=True) / count + eps))


def _of_first(a: Arrays, first: int, count: int, eps: float) -> np.ndarray:
    return np.asarray(a["x"] / root_of_first(a["x"], first, count, eps) * a["weight"])


def _with_eps(a: Arrays, eps: float) -> np.ndarray:
    return np.asarray(_scaled(a, lambda s: np.sqrt(s + eps)))


def _scaled(a: Arrays, by):  # type: ignore[no-untyped-def]
    x = a["x"]
    return x / by((x * x).mean(-1, keepdims=True)) * a["weight"]


OP = Op(
    name="rms-norm",
    summary="y = x / √(mean x² + eps) ⊙ weight over the last axis",
    signature="kernel(x, weight, eps=…): x (batch, n), weight (n,), eps 1e-6 and others, 0 too; gives as x",
    shapes=shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    claims=("accumulation", "intermediate"),
    options=lambda shape: {"eps": eps(shape)},
    settings=settings,
    faults=faults,
    accepts=any_sizes,
    domains={"x": Domain(not_all_zero)},
    carries_infinities=False,
)
