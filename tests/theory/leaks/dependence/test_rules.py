"""Every rule against brute force, and a wrong rule for each that brute force must catch.

An abstract value is *realised*: an element that is not known becomes a function of exactly the inputs it may depend
on. The operation itself, in NumPy, is then run on realisations, one input is changed at a time, and what moved must be
among what the rule claims; what the rule claims to be known must be that number each time.
"""

import operator
from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from monarch_theory.leaks.dependence import interval, latest, sets, unknown
from monarch_theory.leaks.dependence.bounds import GAP, beaten, limits, of_format, ranged, suppose, with_limits
from monarch_theory.leaks.dependence.mixing import attention, contract, everything, mixed, reduce, scan, softmax, window
from monarch_theory.leaks.dependence.movement import concatenate, expand, move, permute, reshape, take
from monarch_theory.leaks.dependence.pointwise import choose, pointwise
from monarch_theory.leaks.dependence.spectrum import (
    add_spectra,
    collapse,
    inverse,
    multiply_spectra,
    reverse,
    scale,
    transform,
)
from monarch_theory.leaks.dependence.value import ANY, Dependence, dependences

N = 4
RUNS = settings(suppress_health_check=list(HealthCheck))
NUMBERS = np.array([0.0, 1.0, -2.0, 0.5])


class Random(np.random.Generator):
    """Random numbers, and the lattice that all values of a case are of."""

    def __init__(self, seed):
        super().__init__(np.random.PCG64(seed))
        self.lattice = (sets, interval, latest)[seed % 3](N)


BOUNDS = np.array([(-8.0, 8.0), (-40.0, -20.0), (-1e6 - 8, -1e6 + 8), (-np.inf, np.inf)])


def draw_value(rng, shape, numbers=NUMBERS, known=0.4, bounded=0.0):
    """A random abstract value: up to two terms, compressed along some axes, some elements known, some bounded."""
    lattice = rng.lattice

    def compressed():
        return tuple(1 if rng.random() < 0.4 else size for size in shape)

    terms = []
    for _ in range(rng.integers(1, 3)):
        around = compressed()
        term = lattice.singletons()[rng.integers(0, N, around)]
        term = lattice.join(term, lattice.singletons()[rng.integers(0, N, around)])
        terms.append(np.where(rng.random((*around, 1)) < 0.3, np.array(lattice.bottom, lattice.dtype), term))
    mask = rng.random(compressed()) < known if rng.random() < 0.7 else np.zeros((1,) * len(shape), bool)
    drawn = Dependence(lattice, shape, tuple(terms), mask, rng.choice(numbers, compressed()))
    if rng.random() >= bounded:
        return drawn
    between = rng.choice(BOUNDS, compressed(), p=(0.5, 0.1, 0.3, 0.1))
    return with_limits(drawn, between[..., 0], between[..., 1])


def members(value):
    """Bool (*shape, N): what each element may depend on."""
    return np.broadcast_to(value.lattice.members(dependences(value)), (*value.shape, value.lattice.positions))


def realised(value, rng):
    """A function from N inputs to a tensor: known elements as they are, others functions of all they may depend on.

    Those with bounds stay within.
    """
    weights = rng.uniform(0.5, 1.5, (*value.shape, N)) * members(value)
    offset = rng.uniform(-1, 1, value.shape)
    known, values = np.broadcast_to(value.known, value.shape), np.broadcast_to(value.values, value.shape)
    least, most = (np.broadcast_to(a, value.shape) for a in limits(value))
    free = np.isinf(least) | np.isinf(most)
    least, most = np.where(free, 0.0, least), np.where(free, 0.0, most)

    def function(u):
        wave = np.sin(weights @ u + offset)
        inside = np.clip(least + (most - least) * (wave + 1) / 2, least, most)
        return np.where(known, values, np.where(free, wave + 0.25 * (weights @ u), inside))

    return function


INPUTS = np.array([0.3, -1.1, 0.8, 1.7])


def check(result, values, operation, rng, tolerance=1e-9):
    """The claims of a result, against the operation run on realisations of its operands."""
    functions = [realised(v, rng) for v in values]

    def run(u):
        with np.errstate(all="ignore"):
            return np.asarray(operation(*(f(u) for f in functions)))

    before = run(INPUTS)
    assert result.shape == before.shape
    known, claimed = np.broadcast_to(result.known, result.shape), members(result)
    numbers = np.broadcast_to(result.values, result.shape)
    least, most = (-np.inf, np.inf) if result.bounds is None else np.moveaxis(result.bounds, -1, 0)
    for p in range(N):
        for change in (1.0, -2.5, 10.0):
            u = INPUTS.copy()
            u[p] += change
            after = run(u)
            moved = ~np.isclose(before, after, rtol=tolerance, atol=tolerance, equal_nan=True)
            assert not (moved & ~claimed[..., p]).any(), f"input {p} moves what is claimed not to depend on it"
            assert np.isclose(after[known], numbers[known], rtol=1e-9, atol=1e-9, equal_nan=True).all(), "known value"
            assert ((least <= after) & (after <= most) | (after != after)).all(), "bounds"


def value(rng, shape, **kwargs):
    return draw_value(rng, shape, **kwargs)


WITH_MINUS = np.array([0.0, 1.0, -np.inf])


def binary(rng, absorbing, operation, numbers=NUMBERS, rule=pointwise):
    shapes = [((2, 3), (2, 3)), ((2, 3), (3,)), ((2, 1), (1, 3)), ((1,), (2, 3))]
    left, right = shapes[rng.integers(len(shapes))]
    a, b = (value(rng, shape, numbers=numbers, bounded=0.4) for shape in (left, right))
    with np.errstate(invalid="ignore"):
        check(rule([a, b], operation, absorbing), [a, b], operation, rng)


def case_sum(rng, rule=pointwise):
    binary(rng, "sum", np.add, WITH_MINUS, rule)


def case_product(rng, rule=pointwise):
    binary(rng, "product", np.multiply, rule=rule)


def case_maximum(rng, rule=pointwise):
    binary(rng, "maximum", np.maximum, np.array([0.0, np.inf]), rule)


def case_minimum(rng, rule=pointwise):
    binary(rng, "minimum", np.minimum, WITH_MINUS, rule)


def case_difference(rng, rule=pointwise):
    binary(rng, "difference", np.subtract, WITH_MINUS, rule)


def case_quotient(rng, rule=pointwise):
    binary(rng, "quotient", np.divide, np.array([0.0, 1.0]), rule)


def case_function(rng, rule=pointwise):
    a = value(rng, (2, 3), numbers=WITH_MINUS)
    check(rule([a], np.exp), [a], np.exp, rng)


def truth(value_, rng):
    """The same value as a condition."""
    return replace(value_, values=value_.values > 0)


def case_and(rng, rule=pointwise):
    a, b = (truth(value(rng, (2, 3)), rng) for _ in range(2))

    def operation(x, y):
        return np.logical_and(x > 0, y > 0)

    check(rule([a, b], np.logical_and, "and"), [a, b], operation, rng)


def case_or(rng, rule=pointwise):
    a, b = (truth(value(rng, (2, 3)), rng) for _ in range(2))

    def operation(x, y):
        return np.logical_or(x > 0, y > 0)

    check(rule([a, b], np.logical_or, "or"), [a, b], operation, rng)


def case_choose(rng, rule=choose):
    condition = truth(value(rng, (2, 3), known=0.7), rng)
    yes, no = (value(rng, shape, numbers=WITH_MINUS, bounded=0.5) for shape in ((2, 3), (3,)))
    check(rule(condition, yes, no), [condition, yes, no], lambda c, a, b: np.where(c > 0, a, b), rng)


def case_permute(rng, rule=permute):
    a, order = value(rng, (2, 3, 2), bounded=0.5), tuple(rng.permutation(3))
    check(rule(a, order), [a], lambda x: x.transpose(order), rng)


def case_expand(rng, rule=expand):
    a = value(rng, (3, 1), bounded=0.5)
    check(rule(a, (2, 3, 4)), [a], lambda x: np.broadcast_to(x, (2, 3, 4)), rng)


def case_reshape(rng, rule=reshape):
    old, new = [((2, 6), (4, 3)), ((2, 3, 2), (6, 2)), ((4, 3), (2, 2, 3, 1)), ((1, 6), (2, 1, 3))][rng.integers(4)]
    a = value(rng, old, bounded=0.5)
    check(rule(a, new), [a], lambda x: x.reshape(new), rng)


def case_take(rng, rule=take):
    a, axis = value(rng, (3, 4), bounded=0.5), int(rng.integers(2))
    indices = rng.integers(0, a.shape[axis], 5)
    check(rule(a, axis, indices), [a], lambda x: x.take(indices, axis), rng)


def case_concatenate(rng, rule=concatenate):
    axis = int(rng.integers(2))
    a, b, c = (value(rng, (2, 2), bounded=0.5) for _ in range(3))
    check(rule([a, b, c], axis), [a, b, c], lambda *x: np.concatenate(x, axis), rng)


def case_move(rng, rule=move):
    a, b = value(rng, (2, 3), bounded=0.5), value(rng, (4,), bounded=0.5)
    index = rng.integers(0, 10, (3, 5))
    check(rule([a, b], index), [a, b], lambda x, y: np.concatenate([x.ravel(), y.ravel()])[index], rng)


def axes(rng):
    return [(0,), (1,), (0, 1)][rng.integers(3)]


def case_reduce(rng, rule=reduce):
    a, over = value(rng, (3, 4)), axes(rng)

    def operation(x):
        return x.sum(axis=over, keepdims=True)

    check(rule(a, over, True, operation), [a], operation, rng)


def case_reduce_maximum(rng, rule=reduce):
    a, over = value(rng, (3, 4), numbers=WITH_MINUS), axes(rng)

    def operation(x):
        return x.max(axis=over, keepdims=True)

    check(rule(a, over, True, operation, -np.inf), [a], operation, rng)


MASKED = np.array([0.0, -1e6, -np.inf])


def case_reduce_bounded_maximum(rng, rule=reduce):
    a, over = value(rng, (3, 4), numbers=MASKED, bounded=0.9), axes(rng)

    def operation(x):
        return x.max(axis=over, keepdims=True)

    check(rule(a, over, True, operation, -np.inf), [a], operation, rng)


def case_mixed_bounded_maximum(rng, rule=mixed):
    a, axis = value(rng, (3, 4), numbers=MASKED[:2], bounded=0.9), int(rng.integers(2))

    def place(x):
        return x.argmax(axis, keepdims=True)

    check(rule(a, (axis,), (1, 4) if axis == 0 else (3, 1), -np.inf), [a], place, rng)


def case_suppose(rng, rule=suppose):
    a = value(rng, (3, 4))
    size = np.float64(rng.choice([8.0, 100.0]))
    b = rule(a, float(size), "here")
    check(b, [replace(b, bounds=suppose(a, float(size), "").bounds)], lambda x: x, rng)


def case_of_format(rng, rule=of_format):
    a = value(rng, (3, 4))
    largest = float(rng.choice([65504.0, np.finfo(np.float32).max]))
    check(rule(a, largest), [replace(a, bounds=of_format(a, largest).bounds)], lambda x: x, rng)


def case_ranged(rng, rule=ranged):
    a = value(rng, (3, 4), bounded=0.5)
    check(rule(pointwise([a], np.tanh, "tamed"), -1.0, 1.0), [a], np.tanh, rng)


@pytest.mark.parametrize("absorbing", ["sum", "difference", "product", "quotient"])
def test_bounds_are_rounded_outwards(absorbing):
    """What a computed end is rounded by would be left over when the rest of it is taken away again."""
    lattice, ones = latest(2), np.ones(1)
    small = with_limits(unknown(lattice, (1,)), 1 - ones / 3, 1 + ones / 3)
    large = with_limits(unknown(lattice, (1,)), 1e30 * ones, 1e30 * ones)
    found = limits(pointwise([small, large], np.add, absorbing))
    exact = {"sum": operator.add, "difference": operator.sub, "product": operator.mul, "quotient": operator.truediv}
    ends = [exact[absorbing](Fraction(float(a[0])), Fraction(1e30)) for a in limits(small)]
    assert found[0][0] < min(ends) and max(ends) < found[1][0]


def case_bounded_product(rng, rule=pointwise):
    binary(rng, "product", np.multiply, np.array([-2.0, 0.5]), rule)


def case_bounded_quotient(rng, rule=pointwise):
    binary(rng, "quotient", np.divide, np.array([-2.0, 0.5]), rule)


def case_mixed(rng, rule=mixed):
    a, axis = value(rng, (3, 4)), int(rng.integers(2))
    check(rule(a, (axis,)), [a], lambda x: np.sort(x, axis), rng)


def case_everything(rng, rule=everything):
    a, b = value(rng, (2, 3)), value(rng, (2,))
    check(rule([a, b], (2, 2)), [a, b], lambda x, y: np.full((2, 2), x.sum() * y.sum()), rng)


def case_scan(rng, rule=scan):
    a, axis = value(rng, (3, 4)), int(rng.integers(2))
    check(rule(a, axis, lambda x: x.cumsum(axis)), [a], lambda x: x.cumsum(axis), rng)


def numpy_softmax(x, axis):
    e = np.exp(x - x.max(axis=axis, keepdims=True))
    return e / e.sum(axis=axis, keepdims=True)


def case_softmax(rng, rule=softmax):
    a, axis = value(rng, (3, 4), numbers=np.array([0.0, -np.inf])), int(rng.integers(2))
    check(rule(a, axis), [a], lambda x: numpy_softmax(x, axis), rng)


def case_bounded_softmax(rng, rule=softmax):
    a, axis = value(rng, (3, 4), numbers=MASKED, bounded=0.9), int(rng.integers(2))
    result = rule(a, axis)
    check(result, [a], lambda x: numpy_softmax(x, axis), rng)
    for number in (np.float32, np.float64):  # zero bit by bit, where that is claimed
        with np.errstate(all="ignore"):
            found = numpy_softmax(realised(a, rng)(INPUTS).astype(number), axis)
        zero = np.broadcast_to(result.known, result.shape)
        assert ((found[zero] == 0) | np.isnan(found[zero])).all()


def case_bounded_log_softmax(rng, rule=softmax):
    a, axis = value(rng, (3, 4), numbers=MASKED[:2], bounded=0.9), int(rng.integers(2))
    check(
        rule(a, axis, True),
        [a],
        lambda x: (
            x - x.max(axis, keepdims=True) - np.log(np.exp(x - x.max(axis, keepdims=True)).sum(axis, keepdims=True))
        ),
        rng,
    )


def case_copy(rng, rule=pointwise):
    a = value(rng, (2, 3), numbers=np.array([0.0, -1e6]), bounded=0.8)
    check(rule([a], lambda x: x, "copy"), [a], lambda x: x, rng)


def case_combination(rng, rule=pointwise):
    a, b = (value(rng, (2, 3), numbers=WITH_MINUS, bounded=0.5) for _ in range(2))

    def operation(x, y):
        return x - 3 * y

    check(rule([a, b], operation, "combination"), [a, b], operation, rng)


def case_log_softmax(rng, rule=softmax):
    a, axis = value(rng, (3, 4), numbers=np.array([0.0, -np.inf])), int(rng.integers(2))
    check(rule(a, axis, True), [a], lambda x: np.log(numpy_softmax(x, axis)), rng)


def case_contract(rng, rule=contract):
    a, b = value(rng, (2, 3, 4)), value(rng, (4, 2))
    check(rule(a, b), [a, b], np.matmul, rng)


def case_attention(rng, rule=attention):
    q, k, v = value(rng, (2, 3, 2)), value(rng, (2, 4, 2)), value(rng, (1, 4, 2))
    kept = rng.random([(3, 4), (1, 4), (2, 3, 1), (1, 1)][rng.integers(4)]) < 0.6

    def operation(x, y, z):
        scores = np.where(kept, x @ y.swapaxes(1, 2), -np.inf)
        return numpy_softmax(scores, 2) @ z

    check(rule(q, k, v, kept), [q, k, v], operation, rng)


def case_window(rng, rule=window):
    a, step, size = value(rng, (2, 6)), int(rng.integers(1, 3)), int(rng.integers(1, 8))
    taps = sorted(int(t) for t in rng.choice(range(-3, 4), 3, replace=False))

    def operation(x):
        y = np.zeros((2, size))
        for t in range(size):
            y[:, t] = sum(x[:, t * step + tap] for tap in taps if 0 <= t * step + tap < 6)
        return y

    check(rule(a, 1, taps, size, step, 1), [a], operation, rng)


def case_transposed_window(rng, rule=window):
    a, stride, kernel, pad = value(rng, (2, 4)), int(rng.integers(1, 4)), 3, int(rng.integers(0, 2))
    size = 3 * stride - 2 * pad + kernel

    def operation(x):
        y = np.zeros((2, size))
        for s in range(4):
            for tap in range(kernel):
                if 0 <= s * stride + tap - pad < size:
                    y[:, s * stride + tap - pad] += x[:, s] * (tap + 1)
        return y

    check(rule(a, 1, [pad - tap for tap in range(kernel)], size, 1, stride), [a], operation, rng)


def signals(rng, n):
    """Two signals of length n, padded by zeros as often as not."""
    made = []
    for _ in range(2):
        a = value(rng, (2, n), numbers=np.array([0.0, 1.0]))
        if rng.random() < 0.6:
            known = np.broadcast_to(a.known, (2, n)).copy()
            values = np.broadcast_to(a.values, (2, n)).copy()
            start = int(rng.integers(1, n))
            known[:, start:], values[:, start:] = True, 0.0
            a = replace(a, known=known, values=values)
        made.append(a)
    return made


def case_real_convolution(rng, rule=multiply_spectra):
    n = int(rng.integers(2, 9))
    a, b = signals(rng, n)
    result = inverse(rule(transform(a, 1, True), transform(b, 1, True)))
    check(result, [a, b], lambda x, y: np.fft.irfft(np.fft.rfft(x) * np.fft.rfft(y), n), rng)


def case_complex_correlation(rng, rule=reverse):
    n = int(rng.integers(2, 9))
    a, b = signals(rng, n)
    result = inverse(multiply_spectra(transform(a, 1), rule(transform(b, 1))))
    check(result, [a, b], lambda x, y: np.fft.ifft(np.fft.fft(x) * np.fft.fft(y).conj()), rng)


def case_scaled_spectrum(rng, rule=scale):
    a, factor = signals(rng, 5)[0], value(rng, (2, 1))
    result = inverse(rule(transform(a, 1, True), [factor]))
    check(result, [a, factor], lambda x, f: np.fft.irfft(np.fft.rfft(x) * f, 5), rng)


def case_sum_of_spectra(rng, rule=add_spectra):
    a, b = signals(rng, 5)
    result = inverse(rule(transform(a, 1, True), transform(b, 1, True)))
    check(result, [a, b], lambda x, y: np.fft.irfft(np.fft.rfft(x) + np.fft.rfft(y), 5), rng)


def case_collapse(rng, rule=collapse):
    a = signals(rng, 6)[0]
    check(rule(transform(a, 1, True)), [a], lambda x: np.abs(np.fft.rfft(x)), rng)


def case_inverse(rng, rule=inverse):
    a = signals(rng, 5)[0]
    check(rule(transform(a, 1)), [a], lambda x: np.fft.ifft(2 * np.fft.fft(x)).real, rng)


CASES = {name.removeprefix("case_"): f for name, f in list(globals().items()) if name.startswith("case_")}


@pytest.mark.parametrize("name", CASES)
@RUNS
@given(seed=st.integers(0, 2**32 - 1))
def test_a_rule_claims_whatever_moves(name, seed):
    CASES[name](Random(seed))


def dropping(rule, index=0):
    """A rule that forgets what one of its operands depends on."""

    def wrong(operands, *args, **kwargs):
        operands = list(operands)
        operands[index] = replace(operands[index], terms=())
        return rule(operands, *args, **kwargs)

    return wrong


def overconfident(rule):
    """A rule that takes the result for known wherever one operand is."""

    def wrong(operands, *args, **kwargs):
        result = rule(operands, *args, **kwargs)
        known = np.zeros(result.shape, bool)
        for operand in operands:
            known |= np.broadcast_to(operand.known, result.shape)
        return replace(result, known=known)

    return wrong


def in_place(rule):
    """A rule of mixing that forgets the mixing."""
    return lambda value_, *args, **kwargs: replace(rule(value_, *args, **kwargs), terms=value_.terms)


def lowered(rule, by):
    """A rule that takes too much for beaten: bounds of what it is given are off."""

    def wrong(value_, *args, **kwargs):
        least, most = limits(value_)
        if value_.bounds is None:
            return rule(value_, *args, **kwargs)
        off = np.stack(np.broadcast_arrays(least, np.where(most < -10, most - by, most)), -1)
        return rule(replace(value_, bounds=off), *args, **kwargs)

    return wrong


def ends_alone(function):
    """A rule of bounds that takes the least of the least and the most of the most, whatever the signs."""

    def wrong(operands, evaluate, absorbing):
        result = pointwise(operands, evaluate, absorbing)
        if result.bounds is None:
            return result
        with np.errstate(all="ignore"):
            ends = [function(*each) for each in zip(*map(limits, operands), strict=True)]
        return with_limits(replace(result, bounds=None), *ends)

    return wrong


def masked_rows_give_nothing(value_, axis):
    """A softmax that takes a low number for −∞, in a row of nothing else, too."""
    low = np.broadcast_to(limits(value_)[1] < -1e5, value_.shape)
    return softmax(replace(value_, known=value_.known | low, values=np.where(low, -np.inf, value_.values)), axis)


def short_convolution(a, b):
    """Wraps are forgotten."""
    result = multiply_spectra(a, b)
    n = a.length
    first = np.arange(n).reshape(1, n, 1) == 0
    terms = tuple(np.where(first, np.array(a.lattice.bottom, t.dtype), t) for t in result.signal.terms)
    return replace(result, signal=replace(result.signal, terms=terms))


WRONG = {
    "sum": dropping(pointwise),
    "product": overconfident(pointwise),
    "maximum": overconfident(pointwise),
    "minimum": overconfident(pointwise),
    "difference": dropping(pointwise, 1),
    "quotient": lambda operands, f, absorbing: pointwise(operands, f, "product"),
    "function": lambda operands, f: replace(pointwise(operands, f), known=np.ones((1, 1), bool)),
    "and": lambda operands, f, absorbing: pointwise(operands, f, "or"),
    "or": lambda operands, f, absorbing: pointwise(operands, f, "and"),
    "choose": lambda c, a, b: choose(c, b, a),
    "permute": lambda v, order: permute(without(v), order),
    "expand": lambda v, shape: expand(without(v), shape),
    "reshape": lambda v, shape: reshape(without(v), shape),
    "take": lambda v, axis, indices: take(v, axis, np.asarray(indices)[::-1]),
    "concatenate": lambda values, axis: concatenate(values[::-1], axis),
    "move": lambda values, index: move(values, index[:, ::-1]),
    "reduce": lambda v, over, keep, f: reduce(replace(v, terms=v.terms[:1]), over, keep, f),
    "reduce_maximum": lambda v, over, keep, f, neutral: reduce(without(v), over, keep, f, neutral),
    "reduce_bounded_maximum": lowered(reduce, 2000),
    "mixed_bounded_maximum": lowered(mixed, 2000),
    "suppose": lambda v, size, where: suppose(v, size / 2, where),
    "of_format": lambda v, largest: of_format(v, largest / 2),
    "ranged": lambda v, least, most: ranged(v, least / 2, most / 2),
    "bounded_product": ends_alone(np.multiply),
    "bounded_quotient": ends_alone(np.divide),
    "bounded_softmax": masked_rows_give_nothing,
    "bounded_log_softmax": lambda v, axis, log: replace(softmax(v, axis), values=np.full((1, 1), -np.inf)),
    "copy": lambda operands, f, absorbing: replace(pointwise(operands, f, "copy"), terms=()),
    "combination": lambda operands, f, absorbing: pointwise(operands, f, "difference"),
    "mixed": in_place(mixed),
    "everything": dropping(everything),
    "scan": in_place(scan),
    "softmax": in_place(softmax),
    "log_softmax": lambda v, axis, log: softmax(v, axis, False),
    "contract": lambda a, b: contract(a, without(b)),
    "attention": lambda q, k, v, kept: attention(q, k, v, ~kept),
    "window": lambda v, axis, taps, size, step, spread: window(v, axis, taps[1:], size, step, spread),
    "transposed_window": lambda v, axis, taps, size, step, spread: window(v, axis, taps, size, spread, step),
    "real_convolution": short_convolution,
    "complex_correlation": lambda spectrum: spectrum,
    "scaled_spectrum": lambda s, factors: scale(s, [without(f) for f in factors]),
    "sum_of_spectra": lambda a, b: a,
    "collapse": lambda s: replace(collapse(s), terms=()),
    "inverse": lambda s: s.signal,
}


def without(v):
    return replace(v, terms=v.terms[1:])


@pytest.mark.parametrize("name", CASES)
def test_brute_force_catches_a_wrong_rule(name):
    for seed in range(60):
        try:
            CASES[name](Random(seed), rule=WRONG[name])
        except AssertionError:
            return
    pytest.fail(f"a wrong rule of {name} was not caught")


def test_weights_that_may_be_more_than_nothing_are_not_beaten():
    """One number short of the gap, and a row in which nothing is certainly large."""
    lattice = sets(N)
    row = replace(draw_value(Random(0), (1, 3)), lattice=lattice, terms=(), known=np.zeros((1, 1), bool))

    def of(*between):
        return np.broadcast_to(beaten(with_limits(row, *np.array(between).T[:, None]), (1,)), (1, 3)).tolist()

    assert of((0.0, 8.0), (-1200.0, -1100.0), (-1000.0, -990.0)) == [[False, True, False]]
    assert of((-1e9, -1e9 + 8), (-1e9, -1e9 + 8), (-1e9 - 900, -1e9 - 900)) == [[False, False, False]]
    assert of((-np.inf, 8.0), (-1e9, -1e9), (-1e9, -1e9)) == [[False, False, False]]
    assert of((1e30, 1e30), (1e30 - 1e20, 1e30 - 1e20), (0.0, 0.0)) == [[False, False, True]]  # rounding may close it
    assert not beaten(replace(with_limits(row, np.zeros((1, 1)), np.zeros((1, 1))), infinite=ANY), (1,)).any()


def test_the_gap_is_beyond_every_format():
    for number in (np.float16, np.float32, np.float64):
        assert np.exp(number(-GAP)) == 0
        assert np.exp(number(-GAP / 2)) == 0 or number is np.float64


@pytest.mark.parametrize("lattice", [latest, interval, sets])
@RUNS
@given(seed=st.integers(0, 2**32 - 1))
def test_coarser_lattices_claim_no_less(lattice, seed):
    rng = np.random.default_rng(seed)
    exact = sets(N)
    subset = rng.random(N) < 0.5
    of = {exact: exact.nothing(0), lattice(N): lattice(N).nothing(0)}
    for p in np.flatnonzero(subset):
        of = {kind: kind.join(element, kind.singletons()[p]) for kind, element in of.items()}
    found = [kind.members(element) for kind, element in of.items()]
    assert (found[0] == subset).all()
    assert (found[-1] >= subset).all()
