"""y = (x − mean x) / √(variance x + eps) ⊙ weight + bias over the last axis.

Mean and variance are those of two passes, or of parts that are merged (Welford): `rounding.variance` derives the bound.
The textbook formula, mean x² − (mean x)², loses what the mean is larger than the spread, squared, and is outside it.
In every other case half of the rows are therefore at a distance from zero that costs half of the digits; in the others
none is, as what is summed over rows knows no more digits than the worst of them.
"""

from collections.abc import Iterable
from functools import partial

import numpy as np

from monarch_theory.formats import Format
from monarch_theory.testing import formulas as f
from monarch_theory.testing.faults import changed, firsts
from monarch_theory.testing.op import Arrays, Domain, Fault, Op, Shape, any_sizes
from monarch_theory.testing.ops import rms_norm

EPS = 1e-5
OTHER_EPS = (1e-3, 1e-6, 1e-12)


def settings(shape: Shape) -> dict[str, tuple[float, ...]]:
    """Zero, too, where numbers differ from their mean."""
    return {"eps": (EPS, *OTHER_EPS, *((0.0,) if shape["n"] > 1 else ()))}


def eps(shape: Shape) -> float:
    return float(shape.get("eps", EPS))


def other_eps(shape: Shape) -> list[float]:
    """What a kernel may take for eps, if it does not take the one given."""
    return sorted({EPS, *OTHER_EPS} - {eps(shape)})


def arguments(shape: Shape) -> dict[str, tuple[int, ...]]:
    return {"x": (shape["batch"], shape["n"]), "weight": (shape["n"],), "bias": (shape["n"],)}


def _far_from_zero(values: np.ndarray, shape: Shape, target: Format) -> np.ndarray:
    """Rows whose first number is negative, moved by 2^(half of the precision), in cases whose middle number is, too; of
    the others some as in `rms_norm`."""
    some = bool(values.size) and bool(np.signbit(values.flat[values.size // 2]))
    far = (np.abs(values) < 2.0**8).all(-1, keepdims=True) & np.signbit(values[..., :1]) & some
    moved = values + 2.0 ** (target.precision // 2)
    found = np.where(far, moved, rms_norm.some_near_eps(values, shape, target))
    if eps(shape) == 0:
        # a row of one number has no direction
        level = (found == found[:, :1]).all(-1)
        found[level, :1] = np.where(found[level, :1] == 0, 1, 2 * found[level, :1])
    return found


def normed(x: f.Number, shape: Shape) -> tuple[f.Number, f.Number]:
    """(x − mean) / √(variance + eps), and one over that root, (batch, 1)."""
    root = f.sqrt(rms_norm.with_eps(f.variance(x), eps(shape)))
    return f.centred(x) / root, 1 / root


def formula(a: Arrays, shape: Shape) -> np.ndarray:
    scaled: np.ndarray = f.stored(normed(a["x"], shape)[0]) * a["weight"]
    return scaled + a["bias"]


def faults(shape: Shape) -> Iterable[Fault]:
    n, own = shape["n"], eps(shape)
    yield Fault(
        "normalisation",
        "the variance divided by n − 1",
        instead=lambda a: _with(a, lambda v: np.sqrt(v * n / max(n - 1, 1) + own)),
    )
    yield Fault("normalisation", "eps added outside the root", instead=lambda a: _with(a, lambda v: np.sqrt(v) + own))
    yield Fault("normalisation", "eps left out", instead=lambda a: _with(a, np.sqrt))
    for other in other_eps(shape):
        wrong = f"eps {other:g} instead of {own:g}"
        yield Fault("normalisation", wrong, instead=partial(_with_eps, eps=other))
    yield Fault("normalisation", "the mean is not subtracted", instead=partial(_by_root_mean_square, eps=own))
    yield Fault("missing term", "the bias is left out", changed("bias", np.zeros_like))
    yield Fault("missing term", "the weight is left out", changed("weight", np.ones_like))
    yield Fault("scale", "the weight scales the bias, too", lambda a: a | {"bias": a["bias"] * a["weight"]})
    for first in firsts(n):
        for mean, spread in ((first, n), (n, first), (first, first)):
            kept = " and ".join(w for w, m in (("mean", mean), ("variance", spread)) if m == first)
            of = f"{kept} of the first {first} entries, for all"
            yield Fault("dropped tail", of, instead=partial(_of_first, mean=mean, spread=spread, eps=own))


def normed_by_first(x: np.ndarray, mean: int, spread: int, eps: float) -> tuple[np.ndarray, np.ndarray]:
    """As `normed`, with the mean of so many first entries, and the variance about it of so many."""
    away = x - x[..., :mean].mean(-1, keepdims=True)
    r = 1 / np.sqrt((away * away)[..., :spread].mean(-1, keepdims=True) + eps)
    return away * r, r


def _of_first(a: Arrays, mean: int, spread: int, eps: float) -> np.ndarray:
    return np.asarray(normed_by_first(a["x"], mean, spread, eps)[0] * a["weight"] + a["bias"])


def _with_eps(a: Arrays, eps: float) -> np.ndarray:
    return np.asarray(_with(a, lambda v: np.sqrt(v + eps)))


def _with(a: Arrays, root):  # type: ignore[no-untyped-def]
    x = a["x"]
    away = x - x.mean(-1, keepdims=True)
    return away / root((away * away).mean(-1, keepdims=True)) * a["weight"] + a["bias"]


def _by_root_mean_square(a: Arrays, eps: float) -> np.ndarray:
    x = a["x"]
    return np.asarray(x / np.sqrt((x * x).mean(-1, keepdims=True) + eps) * a["weight"] + a["bias"])


OP = Op(
    name="layer-norm",
    summary="y = (x − mean x) / √(variance x + eps) ⊙ weight + bias over the last axis",
    signature="kernel(x, weight, bias, eps=…): x (batch, n), weight, bias (n,), eps 1e-5 and others, 0 too; gives as x",
    shapes=rms_norm.shapes,
    arguments=arguments,
    oracle=formula,
    bound=f.bound_of(formula),
    claims=("accumulation", "intermediate"),
    options=lambda shape: {"eps": eps(shape)},
    settings=settings,
    faults=faults,
    accepts=any_sizes,
    domains={"x": Domain(_far_from_zero)},
    carries_infinities=False,
)
