"""Rules for functions of one element of each operand.

**Pointwise.** f(a, b, …) at e depends on what its operands at e depend on; where all are known it is known. Some
values decide alone: 0 in a product with what is finite, −∞ in a sum with what is not +∞, false in a conjunction.
A few functions have bounds where their operands have some (`bounds`).
**Selection.** Where the condition is known, the side it chooses; where it is not, condition and both sides.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from math import prod

import numpy as np

from monarch_theory.leaks.dependence.bounds import BETWEEN, limits, with_limits
from monarch_theory.leaks.dependence.record import rule
from monarch_theory.leaks.dependence.value import (
    ANY,
    FINITE,
    MINUS,
    Dependence,
    broadcast,
    masked,
    merged,
    same,
    shrunk,
)

__all__ = ["ABSORBING", "choose", "filled", "pointwise"]

Evaluate = Callable[..., np.ndarray]


def _zero(values: np.ndarray) -> np.ndarray:
    return values == 0


def _true(values: np.ndarray) -> np.ndarray:
    return values != 0 if values.dtype == bool else values == -1


def _infinite(values: np.ndarray) -> np.ndarray:
    return np.isinf(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)


def _minus(values: np.ndarray) -> np.ndarray:
    return np.isneginf(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)


def _plus(values: np.ndarray) -> np.ndarray:
    return np.isposinf(values) if values.dtype.kind == "f" else np.zeros(values.shape, bool)


def _never(values: np.ndarray) -> np.ndarray:
    return np.zeros(values.shape, bool)


ABSORBING: dict[str, tuple[Callable[[np.ndarray], np.ndarray], int]] = {
    "product": (_zero, FINITE),
    "sum": (_minus, MINUS),
    "difference": (_infinite, FINITE),
    "combination": (_infinite, FINITE),
    "quotient": (_zero, FINITE),
    "and": (_zero, ANY),
    "or": (_true, ANY),
    "minimum": (_minus, MINUS),
    "maximum": (_plus, FINITE),
    "copy": (_never, FINITE),
    "tamed": (_never, FINITE),
}
"""Which known values decide alone, and how infinite the other operands may be for that (NaN included in `ANY`).

Of a quotient the numerator only, as nothing is divided by zero. A combination is a + αb, a copy another format, and
a tamed function is finite at −∞, as exp is."""


def filled(value: Dependence, fill: int = 0) -> np.ndarray:
    """The values, zero or another number where they are not known."""
    if value.known.all():
        return value.values
    return np.where(value.known, value.values, np.full((), fill, value.values.dtype))


@rule
def pointwise(
    operands: Sequence[Dependence], evaluate: Evaluate, absorbing: str = "", bounded: bool = False
) -> Dependence:
    """One element of each operand, with broadcasting.

    Args:
        evaluate: the function itself, from arrays of values to an array of values; called where something is known.
        absorbing: a row of `ABSORBING`.
        bounded: whether the result is finite whatever the operands are, as a boolean is.
    """
    shape = np.broadcast_shapes(*(o.shape for o in operands))
    operands = [broadcast(o, len(shape)) for o in operands]
    lattice = operands[0].lattice
    known = np.ones((1,) * len(shape), bool)
    for o in operands:
        known = known & o.known
    if absorbing:
        known = known | _absorbed(operands, absorbing)
    level = max(o.infinite for o in operands)
    if absorbing == "tamed" and level == MINUS:
        level = FINITE
    elif absorbing not in ("sum", "minimum", "copy", "") or (level == MINUS and absorbing == ""):
        level = ANY if level else FINITE
    level = FINITE if bounded else max(level, _mixed(operands, known))
    if not known.any():
        values = np.zeros((1,) * len(shape))
    else:
        values = _evaluated(operands, evaluate, known, fill=int(absorbing == "quotient"))
    terms = merged(lattice, (t for o in operands for t in _counting(o, known))) if not known.all() else ()
    result = Dependence(lattice, shape, terms, shrunk(known), values, level, _home(operands))
    if all(o.bounds is None for o in operands):
        return result
    if absorbing == "copy":
        return with_limits(result, *limits(operands[0]))
    if absorbing in BETWEEN and len(operands) == 2:
        with np.errstate(invalid="ignore", over="ignore"):
            return with_limits(result, *BETWEEN[absorbing](limits(operands[0]), limits(operands[1])))
    return result


def _evaluated(operands: Sequence[Dependence], evaluate: Evaluate, known: np.ndarray, fill: int) -> np.ndarray:
    """The function of what is known, `fill` standing for what is not; one number where all cases agree."""
    if all(o.values.size == 1 for o in operands):
        cases = [_cases(o, fill) for o in operands]
        found = [np.asarray(evaluate(*case)) for case in product(*cases)]
        if all(same(f, found[0]) for f in found):
            return found[0]
    return _settled(np.asarray(evaluate(*(filled(o, fill) for o in operands))), known)


def _cases(value: Dependence, fill: int) -> list[np.ndarray]:
    """What stands at an element of a tensor whose known elements are all one number."""
    free = np.full_like(value.values, fill)
    return [value.values] if value.known.all() else [value.values, free] if value.known.any() else [free]


def _absorbed(operands: Sequence[Dependence], absorbing: str) -> np.ndarray:
    """Where one operand decides alone."""
    decides, allowed = ABSORBING[absorbing]
    result = np.zeros((1,) * len(operands[0].shape), bool)
    for index, o in enumerate(operands):
        alone = o.known & decides(o.values)
        if not alone.any() or (absorbing == "quotient" and index):
            continue
        for other in (p for k, p in enumerate(operands) if k != index):
            if other.infinite > allowed:
                alone = alone & other.known
        for other in (p for k, p in enumerate(operands) if k != index):
            if absorbing in ("minimum", "maximum"):  # NaN decides against both
                alone = alone & ~(other.known & (other.values != other.values))
        result = result | alone
    return result


def _mixed(operands: Sequence[Dependence], known: np.ndarray) -> int:
    """`ANY` if a known infinity or NaN meets what is not known and the result is not known either."""
    for o in operands:
        if o.values.dtype.kind in "fc":
            bad = o.known & ~np.isfinite(o.values)
            if bad.any() and (bad & ~known).any():
                return ANY
    return FINITE


def _counting(operand: Dependence, known: np.ndarray) -> tuple[np.ndarray, ...]:
    """The operand's terms, without its known elements wherever the result is not known."""
    if not operand.terms or not (operand.known & ~known).any():
        return operand.terms
    return tuple(masked(operand.lattice, t, operand.known) for t in operand.terms)


def _settled(values: np.ndarray, known: np.ndarray) -> np.ndarray:
    """Values compressed, to one number if they agree wherever they are known."""
    values = shrunk(values)
    if prod(values.shape) > 1 and not known.all():
        shape = np.broadcast_shapes(values.shape, known.shape)
        chosen = np.broadcast_to(values, shape)[np.broadcast_to(known, shape)]
        first = chosen[:1]
        if same(chosen, first):
            return first.reshape((1,) * values.ndim)
    return values


def _home(operands: Sequence[Dependence]) -> np.ndarray | None:
    return next((o.home for o in operands if o.home is not None), None)


@rule
def choose(condition: Dependence, yes: Dependence, no: Dependence) -> Dependence:
    """`yes` where the condition holds, `no` elsewhere, with broadcasting."""
    lattice = yes.lattice
    shape = np.broadcast_shapes(condition.shape, yes.shape, no.shape)
    condition, yes, no = (broadcast(o, len(shape)) for o in (condition, yes, no))
    holds = condition.values != 0
    take_yes, take_no, open_ = condition.known & holds, condition.known & ~holds, ~condition.known
    known = (take_yes & yes.known) | (take_no & no.known)
    if not known.any():
        values = np.zeros((1,) * len(shape))
    elif not yes.known.any() or not no.known.any():
        values = yes.values if yes.known.any() else no.values
    else:
        values = shrunk(np.where(holds, yes.values, no.values))
    level = max(yes.infinite if (~take_no).any() else FINITE, no.infinite if (~take_yes).any() else FINITE)
    if open_.any():
        level = max(level, _let_in(yes, open_), _let_in(no, open_))
    terms: list[np.ndarray] = []
    if not known.all():
        for side, drop in ((yes, take_no | yes.known), (no, take_yes | no.known), (condition, condition.known)):
            needed = bool((drop & ~known).any())
            if needed and (drop | known).all():
                continue
            terms += [masked(lattice, t, drop) if needed else t for t in side.terms]
    home = _home([yes, no] if not yes.is_constant else [no, yes])
    result = Dependence(lattice, shape, merged(lattice, terms), shrunk(known), values, level, home)
    result = replace(result, values=_settled(values, result.known))
    if yes.bounds is None and no.bounds is None:
        return result
    (a, b), (c, d) = limits(yes), limits(no)
    least = np.where(take_yes, a, np.where(take_no, c, np.minimum(a, c)))
    return with_limits(result, least, np.where(take_yes, b, np.where(take_no, d, np.maximum(b, d))))


def _let_in(side: Dependence, open_: np.ndarray) -> int:
    """What infinities a selection by the data may let in from known elements."""
    if side.values.dtype.kind not in "fc":
        return FINITE
    bad = side.known & ~np.isfinite(side.values) & open_
    if not bad.any():
        return FINITE
    return MINUS if not (bad & ~_minus(side.values)).any() else ANY
