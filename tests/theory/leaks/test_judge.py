"""What the judge of a response rests on, part by part: sizes, units, thresholds, what it takes for constants."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monarch_theory.leaks.contracts import Cut, alone, causal
from monarch_theory.leaks.inputs import Inputs, UndecidedError
from monarch_theory.leaks.judge import Facts, Judge, alike, immoderate, roundoffs
from monarch_theory.leaks.noise import DRAWS, Examination, floor_factor
from monarch_theory.leaks.outputs import Outputs
from monarch_theory.sandbox import Outcome, SandboxError

N = 12
DOUBLE, SINGLE, HALF = 2.0**-53, 2.0**-24, 2.0**-11


def inputs_of(dtype: str = "float64", n: int = N) -> Inputs:
    return Inputs.of("n,3", n, dtype)


def plain(x: np.ndarray, **options: Any) -> Outputs:
    """A model that gives back what it gets."""
    return Outputs((np.asarray(x, float),))


def judge(observe: Any = plain, dtype: str = "float64", n: int = N, unit: float = DOUBLE, **more: Any) -> Judge:
    facts = more.pop("facts", Facts())
    return Judge(observe, inputs_of(dtype, n), np.full(3, unit), facts, 0, causal(n), **more)


def cut(place: int, n: int = N) -> Cut:
    """The future from a place on is changed, and the past watched."""
    return Cut(place, slice(0, place), slice(place, n), place, 0)


# Units and sizes


def test_the_unit_is_the_coarsest_of_inputs_outputs_and_what_was_seen_between():
    assert judge().unit == DOUBLE
    assert judge(unit=SINGLE).unit == judge(dtype="float32").unit == SINGLE
    assert judge(facts=Facts(coarsest="float16")).unit == HALF
    assert judge(facts=Facts(transforms=(("complex128", 8), ("complex64", 4)))).unit == SINGLE


def test_every_channel_has_the_roundoff_of_its_array():
    two = Outputs((np.zeros((N, 2), np.float32), np.zeros((N, 3))))
    assert roundoffs(two, ("float32", "float64")).tolist() == [SINGLE] * 2 + [DOUBLE] * 3
    with pytest.raises(ValueError, match="zip"):
        roundoffs(two, ("float32",))


@pytest.mark.parametrize(("dtype", "most"), [("float64", 1e4), ("float32", 1e4), ("float16", 100.0)])
def test_numbers_beyond_what_models_take_are_immoderate(dtype, most):
    inputs = inputs_of(dtype)
    assert not immoderate(inputs, np.array([-most, 0.0])) and not immoderate(inputs, np.zeros(2))
    assert immoderate(inputs, np.array([0.0, -1.01 * most]))


def test_no_token_is_immoderate():
    assert not immoderate(inputs_of("int64"), np.array([50_256]))


def test_a_future_drowns_the_past_where_rounding_spreads_and_little_is_left_of_it():
    transform = Facts(transforms=(("complex128", 8),))
    past, edge = 1000.0, 2.0**53  # whose rounding is a thousandth of that past to the last bit
    for spreading in (judge(facts=transform), judge(spreads=True)):
        assert not spreading.drowns(past, np.array([-edge]))
        assert spreading.drowns(past, np.array([0.0, -np.nextafter(edge, np.inf)]))
    assert not judge().drowns(past, np.array([1e300]))
    assert not judge(dtype="int64", facts=transform).drowns(1.0, np.array([1e300]))


def test_a_future_of_nearly_the_size_of_the_past_does_not_drown_it():
    half = judge(dtype="float16", unit=HALF, spreads=True)
    past = 1.0
    assert not half.drowns(past, np.array([10.0])) and half.drowns(past, np.array([-10.5]))
    assert not half.drowns(past, np.array([2.0]))


def test_a_past_is_swamped_by_how_much_larger_what_changes_is():
    base = np.full((N, 3), 2.0)
    changed = base.copy()
    changed[6:] = -8.0
    assert judge()._swamped(base, changed, cut(6)) == judge()._swamped(changed, base, cut(6)) == 4.0
    base[6:], changed[6:] = 0.5, [np.nan, np.inf, -0.5]
    assert judge()._swamped(base, changed, cut(6)) == 1.0  # the past itself is as large
    changed[:6] = 0.0
    assert judge()._swamped(np.zeros((N, 3)), changed, cut(6)) == 0.5  # beside a past of nothing it is its own size
    assert judge()._swamped(np.zeros((N, 3)), np.zeros((N, 3)), cut(6)) == 0.0


# Where noise cannot be measured


@pytest.mark.parametrize(("dtype", "unit", "explains"), [("float16", HALF, 16), ("int64", SINGLE, 256 * N)])
def test_unmeasured_noise_leaves_what_rounding_may_explain_undecided(dtype, unit, explains):
    size, own, factor = np.array([1.0, 2.0, 4.0]), np.zeros((5, 3)), 7.0
    bound = explains * unit * size
    within, beyond = np.tile(bound, (5, 1)), np.tile(np.nextafter(bound, np.inf), (5, 1))
    asked = judge(dtype=dtype, unit=unit)
    assert asked._unmeasured(beyond, size, factor, own).leaks.all()
    nothing = asked._unmeasured(np.zeros((5, 3)), size, factor, own)
    assert not nothing.leaks.any() and (nothing.floor == bound).all()
    with pytest.raises(UndecidedError, match="noise: changing the future moves the past by"):
        asked._unmeasured(within, size, factor, own)
    one = np.zeros((5, 3))
    one[2, 1] = bound[1] / 9
    with pytest.raises(UndecidedError, match=f"by {one[2, 1]:.1e}, which may be rounding"):
        asked._unmeasured(one, size, factor, own)
    one[0, 0] = beyond[0, 0]  # a leak beside it is one
    assert asked._unmeasured(one, size, factor, own).leaks.sum() == 1


def test_noise_of_ones_own_may_be_the_larger_bound():
    own = np.full((5, 3), 1.0)
    found = judge(dtype="float16", unit=HALF)._unmeasured(np.full((5, 3), 7.5), np.ones(3), 7.0, own)
    assert (found.floor == 7.0).all() and (found.noise == own).all() and found.leaks.all()


def test_of_functions_of_matrices_half_of_the_digits_are_believed():
    asked, half = judge(facts=Facts(unstable=True)), float(np.sqrt(DOUBLE))
    own, size = np.zeros((5, 3)), np.ones(3)
    assert asked._unmeasured(np.full((5, 3), 1.001 * half), size, 7.0, own).leaks.all()
    with pytest.raises(UndecidedError, match="it takes functions of matrices"):
        asked._unmeasured(np.full((5, 3), half), size, 7.0, own)
    with pytest.raises(UndecidedError, match="ask again with --dtype"):
        judge(dtype="float16", unit=HALF)._unmeasured(np.full((5, 3), HALF), size, 7.0, own)


# All arithmetic in double precision


def test_in_double_everything_is_of_double_precision():
    facts = Facts(transforms=(("complex64", 8),), coarsest="bfloat16")
    asked = []
    observed = lambda x, **options: asked.append((x, options)) or plain(x)  # noqa: E731
    before = replace(judge(observed, facts=facts), roundoffs=np.array([SINGLE, DOUBLE, 0.0]))
    found = before.in_double()
    assert found.roundoffs.tolist() == [DOUBLE, DOUBLE, 0.0] and found.unit == DOUBLE
    assert found.arithmetic == "double" and found.notes is before.notes
    assert (found.facts.coarsest, found.facts.transforms) == ("float64", (("complex128", 8),))
    found.observe(np.ones((N, 3)))
    assert [options for _, options in asked] == [{"arithmetic": "double"}] * 2
    np.testing.assert_array_equal(asked[0][0], before.inputs.draw(0)[0])


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (TypeError("of the model's"), False),
        (SandboxError(Outcome.EXCEPTION, "of the model's"), False),
        (SandboxError(Outcome.HANG, "no answer"), True),
        (MemoryError(), True),
        (UndecidedError("random", "no two runs are alike"), True),
    ],
)
def test_a_model_that_does_not_run_in_double_is_not_asked_so_and_other_troubles_are_told(error, told):
    def observe(x: np.ndarray, **options: Any) -> Outputs:
        raise error

    asked = judge(observe, facts=Facts(coarsest="float32"))
    if told:
        with pytest.raises(type(error)):
            asked.in_double()
    else:
        assert asked.in_double() is None and asked._exactly(np.zeros((N, 3)), np.ones((N, 3)), cut(3)) is None


def test_what_is_in_double_already_is_not_asked_again():
    def never(x: np.ndarray, **options: Any) -> Outputs:
        pytest.fail("asked")

    pair = np.zeros((N, 3)), np.ones((N, 3)), cut(3)
    single = judge(never, unit=SINGLE, facts=Facts(coarsest="float32"))
    for settled in (
        replace(single, arithmetic="double"), replace(single, facts=Facts()),
        judge(never, facts=Facts(coarsest="float64")),
    ):  # fmt: skip
        assert settled._exactly(*pair) is None


def test_a_leak_that_single_precision_hid_is_found_in_double():
    def observe(x: np.ndarray, arithmetic: str = "", **options: Any) -> Outputs:
        leak = 1e-12 * np.roll(x, -1, axis=0) if arithmetic == "double" else 0.0
        return plain(np.cumsum(x, axis=0) + leak)

    hidden = judge(observe, unit=SINGLE, facts=Facts(coarsest="float32"))
    (base, changed), place = hidden.inputs.draw(0), cut(5)
    found = hidden._exactly(base, hidden.inputs.splice(base, changed, 5), place)
    assert found is not None and found.arithmetic == "double"
    assert found.leaks[-1].all() and not found.leaks[:-1].any()


@pytest.mark.parametrize(
    ("transforms", "in_double", "decided"),
    [((), False, False), ((), True, True), ((("complex64", 8),), False, True)],
)
def test_a_response_of_roundings_size_is_undecided_where_double_precision_cannot_be_asked(
    transforms, in_double, decided
):
    """Unless a transform was seen, which spreads rounding; or double precision was asked, and shows nothing."""

    def observe(x: np.ndarray, arithmetic: str = "", **options: Any) -> Outputs:
        if arithmetic == "double" and not in_double:
            raise TypeError("expected single precision")
        leak = 0.0 if arithmetic == "double" else 1e-10 * np.roll(x, -1, axis=0)
        return plain(np.cumsum(x, axis=0) + leak)

    asked = judge(observe, unit=SINGLE, facts=Facts(coarsest="float32", transforms=transforms))
    base, changed = asked.inputs.draw(0)
    pair = base, asked.inputs.splice(base, changed, 5), cut(5)
    if decided:
        found = asked.examine(*pair)
        assert found.response.any() and not found.leaks.any()
    else:
        with pytest.raises(UndecidedError, match="does not run in double precision throughout"):
            asked.examine(*pair)


@pytest.mark.parametrize(("coarsest", "why"), [(None, "does not fluctuate as rounding"), ("float64", "does not grow")])
def test_a_small_steady_response_that_nothing_spreads_is_undecided(coarsest, why):
    def observe(x: np.ndarray, **options: Any) -> Outputs:
        return plain(x + 1e-15 * np.roll(x, -1, axis=0))

    asked = judge(observe, facts=Facts(coarsest=coarsest))
    base = np.ones((N, 3))
    with pytest.raises(UndecidedError, match=why):
        asked.examine(base, asked.inputs.splice(base, 2 * base, 5), cut(5))


def test_what_single_precision_leaves_open_double_precision_settles():
    def observe(x: np.ndarray, arithmetic: str = "", **options: Any) -> Outputs:
        return plain(np.cumsum(x, axis=0) + 1e-10 * np.roll(x, -1, axis=0))

    asked = judge(observe, unit=SINGLE, facts=Facts(coarsest="float32"))
    base, changed = asked.inputs.draw(0)
    found = asked.examine(base, asked.inputs.splice(base, changed, 5), cut(5))
    assert found.leaks[-1].all() and found.arithmetic == "double"


# Constants that were rounded once


RNG = np.random.default_rng(3)
TABLE = RNG.standard_normal((N, 3, N))  # (output, channel, input)


def linear(weight: np.ndarray) -> Any:
    """A model whose outputs are sums of its inputs, (n, channels)."""
    return lambda x, **options: Outputs((np.einsum("icj,j->ic", weight, np.asarray(x).mean(axis=1)),))


def with_one(value: np.ndarray | float) -> np.ndarray:
    return np.broadcast_to(value, TABLE.shape).copy()


KINDS = {
    "errors of a table": (TABLE, True),
    "a direct path": (np.where(np.eye(N, k=1)[:, None, :] > 0, TABLE, 0.0), False),
    "the same way everywhere": (np.abs(TABLE), False),
    "one way from place to place": (with_one(np.array([[[1.0]], [[-1.0]], [[1.0]]]).reshape(1, 3, 1)), False),
    "one way but for a place": (
        np.abs(TABLE) * np.array([1.0, -1.0, 1.0])[:, None] * np.where(np.arange(N) == 3, -1.0, 1.0)[:, None, None],
        False,
    ),
    "one factor of all inputs": (TABLE[:, :, :1] * RNG.uniform(1, 2, N), False),
    "half of the places": (np.where(np.arange(N)[:, None, None] % 2 > 0, TABLE, 0.0), False),
    "one place in six is still": (np.where(np.arange(N)[:, None, None] % 6 > 0, TABLE, 0.0), True),
}


@pytest.mark.parametrize("kind", KINDS)
def test_only_errors_of_a_table_reach_everywhere_in_either_direction(kind):
    weight, constants = KINDS[kind]
    assert judge(linear(weight))._reach() is constants


def test_one_change_of_sign_along_a_long_sequence_is_smooth():
    table = np.abs(RNG.standard_normal((64, 3, 64)))
    scattered = table * RNG.choice([-1.0, 1.0], (64, 3, 1))
    assert judge(linear(scattered), n=64)._reach()
    assert not judge(linear(table * np.sign(np.arange(64) - 31.5)[:, None, None]), n=64)._reach()


@pytest.mark.parametrize(("channels", "constants"), [(8, True), (7, False)])
def test_few_signs_say_nothing(channels, constants):
    """Of three places one input is asked, which two outputs may not see: sixteen signs are enough, fourteen are not."""
    table = np.ones((3, channels, 3))
    table[1, ::2] = -1.0
    assert judge(linear(table), n=3)._reach() is constants


@pytest.mark.parametrize(("n", "most"), [(N, [11, 10, 9, 8]), (64, [63, 60, 57, 54, 51, 48])])
def test_inputs_are_asked_that_most_outputs_may_not_see(n, most):
    asked = []
    judge(lambda x, **options: asked.append(np.array(x)) or plain(x), n=n)._reach()
    base, *others = asked
    moved = [np.flatnonzero((x != base).any(axis=1)).tolist() for x in others]
    assert moved == [[j] for j in most]
    for (j,), x in zip(moved, others, strict=True):
        np.testing.assert_array_equal(x[j], 1000 * (1 + np.abs(base[j])))
    np.testing.assert_array_equal(base, inputs_of(n=n).draw(0)[0])


def test_outputs_that_may_not_see_an_input_are_those_before_it():
    assert judge()._blind(0).tolist() == [] and judge()._blind(3).tolist() == [0, 1, 2]


def found_at(response: float) -> Examination:
    floor = np.full((6, 3), 1e-20)
    responses = np.zeros((6, 3))
    responses[2, 1] = response
    return Examination(responses, floor, floor)


def test_constants_explain_a_response_of_their_own_size_alone():
    size, table = np.array([1.0, 3.0, 9.0]), 12 * np.pi * N * DOUBLE
    asked = judge(linear(TABLE))
    assert asked._table(DOUBLE) == pytest.approx(table, rel=1e-12, abs=0)
    assert asked._are_constants(found_at(3 * asked._table(DOUBLE)), DOUBLE, size) and asked.constants is True
    assert not asked._are_constants(found_at(3.001 * table), DOUBLE, size)


@pytest.mark.parametrize(
    ("changes", "unit"),
    [
        ({"facts": Facts(transforms=(("complex128", N),))}, DOUBLE),
        ({"contract": alone(N)}, DOUBLE),
        ({}, SINGLE),
        ({"constants": False}, DOUBLE),
    ],
)
def test_elsewhere_constants_explain_nothing(changes, unit):
    asked = replace(judge(linear(TABLE)), **changes)
    assert not asked._are_constants(found_at(1e-18), unit, np.ones(3))


def test_whether_constants_are_there_is_asked_once():
    asked = []
    counting = lambda x, **options: asked.append(1) or linear(TABLE)(x)  # noqa: E731
    one = judge(counting)
    assert one._are_constants(found_at(1e-18), DOUBLE, np.ones(3)) and (once := len(asked))
    assert one._are_constants(found_at(1e-18), DOUBLE, np.ones(3)) and len(asked) == once


def test_ways_that_resemble_one_another():
    a, b, gone = np.array([[3.0], [4.0]]), np.array([[-4.0], [3.0]]), np.array([[np.nan], [np.nan]])
    assert alike([a, 2 * a]) == alike([a, -0.5 * a]) == pytest.approx(1)
    assert alike([a, b]) == alike([a]) == alike([]) == 0
    assert alike([a, np.array([[1.0], [0.0]])]) == pytest.approx(0.6)
    assert alike([a, a, b]) == 0 and alike([a, a, a, b]) == pytest.approx(0.5)  # the median of 1, 1, 1, 0, 0, 0
    assert alike([a, gone]) == 0 and alike([a, 0 * a, a]) == pytest.approx(1)  # what is not asked about, and nothing
    part = np.array([[np.nan], [1.0]])
    assert alike([a, part]) == pytest.approx(1)  # of the places that both are asked about


# From a response to an examination: what is asked in turn, each answer given here

FACTOR, NOISE = 8.0, 2.0**-60


def everywhere(value: float, **places: float) -> np.ndarray:
    """(5, 3), a value, and others in the rows r0 … r4."""
    found = np.full((5, 3), value)
    for row, other in places.items():
        found[int(row[1:])] = other
    return found


def examination(response: float, noise: float = NOISE) -> Examination:
    return Examination(everywhere(0.0, r2=response), everywhere(FACTOR * noise), everywhere(noise))


STEADY, QUIET = examination(1.0), examination(0.0)


def with_lines(asked: Judge, **lines: Examination) -> list[tuple[float, int, bool]]:
    """Give the judge what it finds along lines, by number; the steps that it asks for."""
    steps = []

    def line(base, changed, cut, noise, factor, h, number, past_only=False):
        assert (noise == NOISE).all() and factor == FACTOR and cut.number == 5
        steps.append((h, number, past_only))
        return lines[f"l{number}"]

    asked._line = line
    return steps


def along(asked: Judge, response: float = 1.0, swamped: float = 1.0, size: float = 1.0) -> Examination:
    asked._swamped = lambda *_: swamped
    pair = np.zeros((N, 3)), np.ones((N, 3))
    return asked._along_lines(*pair, cut(5), everywhere(response), everywhere(NOISE), FACTOR, np.full(3, size))


def answering(**answers: Any) -> Judge:
    asked = judge(**{name: answers.pop(name) for name in ("unit", "facts", "dtype") if name in answers})
    for name, answer in answers.items():
        setattr(asked, f"_{name}", lambda *_, answer=answer: answer)
    return asked


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ({}, DOUBLE), ({"unit": SINGLE}, SINGLE), ({"dtype": "float32"}, SINGLE),
        ({"facts": Facts(coarsest="float32")}, SINGLE),
    ],
)  # fmt: skip
def test_steps_along_a_line_are_of_the_coarsest_unit_known(given, step):
    asked = answering(**given)
    steps = with_lines(asked, l0=QUIET)
    assert along(asked) is QUIET and steps == [(512 * step, 0, False)]


def test_what_is_steady_along_one_line_and_not_along_another_is_no_leak():
    asked = answering()
    steps = with_lines(asked, l0=STEADY, l1=QUIET)
    assert not along(asked).leaks.any() and steps == [(512 * DOUBLE, 0, False), (512 * DOUBLE, 1, False)]


@pytest.mark.parametrize(("swamped", "step"), [(4.0, 4 * 512 * DOUBLE), (1.5, 1.5 * 512 * DOUBLE), (1e300, 2.0**-4)])
def test_beside_large_numbers_the_past_alone_is_moved_by_more(swamped, step):
    asked = answering(are_constants=False, unless_single="asked")
    steps = with_lines(asked, l0=STEADY, l1=STEADY, l5=QUIET)
    assert not along(asked, swamped=swamped).leaks.any() and steps[2:] == [(step, 5, True)]
    steps = with_lines(asked, l0=STEADY, l1=STEADY, l5=STEADY)
    assert along(asked, swamped=swamped) == "asked" and len(steps) == 3
    steps = with_lines(asked, l0=QUIET)
    assert along(asked, swamped=swamped) is QUIET and len(steps) == 1


@pytest.mark.parametrize("swamped", [1.0, 0.5])
def test_where_nothing_swamps_the_past_it_is_not_moved_alone(swamped):
    asked = answering(are_constants=False, unless_single="asked")
    steps = with_lines(asked, l0=STEADY, l1=STEADY)
    assert along(asked, swamped=swamped) == "asked" and len(steps) == 2


@pytest.mark.parametrize(
    ("facts", "unit"),
    [(Facts(coarsest="float64"), DOUBLE), (Facts(transforms=(("complex128", 8),)), DOUBLE), (Facts(), SINGLE)],
)
def test_where_the_arithmetic_is_seen_there_is_no_single_precision_to_hide(facts, unit):
    asked = answering(facts=facts, unit=unit, are_constants=False, unless_single="asked")
    with_lines(asked, l0=STEADY, l1=STEADY)
    assert (along(asked).leaks == STEADY.leaks).all()


def test_constants_raise_the_floor_by_what_their_table_errs():
    asked = answering(are_constants=True, table=0.25, unless_single="asked")
    with_lines(asked, l0=STEADY, l1=STEADY)
    found = along(asked, size=2.0)
    assert (found.floor == 0.5).all() and (found.response == 1.0).all() and (found.noise == NOISE).all()
    with_lines(asked, l0=replace(STEADY, floor=everywhere(0.75)), l1=STEADY)
    assert (along(asked, size=2.0).floor == 0.75).all()


EDGE = 256 * DOUBLE


def noisy(noise: float) -> Examination:
    return Examination(everywhere(0.0), everywhere(3.0), everywhere(noise))


def test_noise_that_rounding_does_not_explain_is_a_doubt_unless_what_moved_is_still():
    asked = answering(still=np.zeros((5, 3), bool))
    with_lines(asked, l0=noisy(1.5 * EDGE))
    with pytest.raises(UndecidedError, match="unstable or not continuous"):
        along(asked)
    asked._still = lambda *_: everywhere(0.0, r1=1.0, r3=1.0) > 0
    response = everywhere(1.0, r3=FACTOR * NOISE, r4=9.0)
    pair = np.zeros((N, 3)), np.ones((N, 3)), cut(5)
    found = asked._along_lines(*pair, response, everywhere(NOISE), FACTOR, np.ones(3))
    assert (found.floor == everywhere(3.0, r1=FACTOR * NOISE, r4=9.0)).all()  # row 3 is still, and explained
    assert found.leaks[1].all() and found.leaks.sum() == 3 and (found.noise == 1.5 * EDGE).all()


@pytest.mark.parametrize(
    ("response", "noise", "size"), [(FACTOR * NOISE, 1.5 * EDGE, 1.0), (1.0, EDGE, 1.0), (1.0, 3 * EDGE, 3.0)]
)
def test_noise_that_rounding_explains_or_that_hides_nothing_is_none(response, noise, size):
    asked = answering(still=np.ones((5, 3), bool))
    with_lines(asked, l0=(quiet := noisy(noise)))
    assert along(asked, response, size=size) is quiet


@pytest.mark.parametrize(("past_only", "number"), [(False, 3), (True, 4)])
def test_a_line_has_the_larger_noise_for_its_floor(past_only, number, monkeypatch):
    seen = []

    def line(observe, inputs, base, changed, cut, rng, h, past_only=False):
        seen.append((h, past_only, rng.random()))
        return everywhere(1.0), everywhere(NOISE / 2, r1=3 * NOISE, r2=1.7e308)

    monkeypatch.setattr("monarch_theory.leaks.judge.along_line", line)
    asked = replace(judge(), seed=9)
    options = {"past_only": True} if past_only else {}
    pair = np.zeros((N, 3)), np.ones((N, 3)), cut(5)
    found = asked._line(*pair, everywhere(NOISE), FACTOR, 2.0**-9, number, **options)
    assert seen == [(2.0**-9, past_only, np.random.default_rng([9, 5, number]).random())]
    assert (found.noise[0] == NOISE).all() and (found.noise[1] == 3 * NOISE).all()
    assert (found.floor[:2] == FACTOR * found.noise[:2]).all() and (found.response == 1.0).all()
    assert np.isfinite(found.floor).all() and (found.noise[2] > 1e307).all()


@pytest.mark.parametrize(("unit", "steps"), [(DOUBLE, [512 * DOUBLE, 512 * SINGLE]), (SINGLE, [512 * SINGLE])])
def test_what_is_still_is_so_at_steps_of_the_unit_and_of_single_precision(unit, steps, monkeypatch):
    seen = []

    def still(observe, inputs, base, changed, cut, rng, h):
        seen.append((h, rng.random()))
        return everywhere(1.0, **{f"r{len(seen)}": 0.0}) > 0

    monkeypatch.setattr("monarch_theory.leaks.judge.still", still)
    found = judge()._still(np.zeros((N, 3)), np.ones((N, 3)), cut(5), unit)
    first = np.random.default_rng([0, 5, 4])
    assert [h for h, _ in seen] == steps and [r for _, r in seen] == first.random(len(steps)).tolist()
    assert (found == (everywhere(1.0, **{f"r{k + 1}": 0.0 for k in range(len(steps))}) > 0)).all()


# Single precision inside, of which there is no sign

EXPLAINED = 64 * SINGLE


def unless_single(asked: Judge, response: float = EXPLAINED, swamped: float = 1.0, size: float = 1.0) -> Examination:
    asked._swamped = lambda *_: swamped
    fine = replace(examination(response), floor=everywhere(FACTOR * NOISE, r3=9.0))
    fine.response[3] = 8.0  # large, and no leak
    pair = np.zeros((N, 3)), np.ones((N, 3)), cut(5)
    return asked._unless_single(*pair, fine, everywhere(NOISE), FACTOR, np.full(3, size))


def test_a_leak_larger_than_single_precision_explains_is_one():
    asked = answering()
    steps = with_lines(asked)
    assert unless_single(asked, np.nextafter(EXPLAINED, 1)).leaks.any() and not steps
    assert unless_single(asked, 2.001 * EXPLAINED, size=2.0).leaks.any() and not steps


def test_what_is_steady_at_steps_of_single_precision_is_a_leak():
    asked = answering()
    steps = with_lines(asked, l2=examination(1e-9))
    found = unless_single(asked)
    assert found.leaks[2].all() and (found.response[2] == 1e-9).all() and steps == [(512 * SINGLE, 2, False)]
    assert not asked.hidden_single


@pytest.mark.parametrize(("swamped", "step"), [(0.5, 1.0), (1.5, 1.5), (2.0**10, 2.0**10), (2.0**12, 2.0**11)])
def test_so_is_what_is_steady_where_the_past_alone_moves(swamped, step):
    asked = answering()
    steps = with_lines(asked, l2=QUIET, l3=examination(1e-9))
    found = unless_single(asked, swamped=swamped)
    assert found.leaks[2].all() and (found.response[2] == 1e-9).all() and not asked.hidden_single
    assert steps == [(512 * SINGLE, 2, False), (512 * SINGLE * step, 3, True)]


def test_what_both_stir_is_single_precision_which_is_noted_once():
    asked = answering()
    with_lines(asked, l2=QUIET, l3=QUIET)
    assert unless_single(asked) is QUIET and asked.hidden_single
    assert unless_single(asked) is QUIET and len(asked.notes) == 1 and "single precision" in asked.notes[0]


@pytest.mark.parametrize("swamped", [2.0**11, 2.0**12])
def test_a_step_as_long_as_any_shows_no_single_precision(swamped):
    asked = answering()
    with_lines(asked, l2=QUIET, l3=QUIET)
    with pytest.raises(UndecidedError, match="unstable or not continuous"):
        unless_single(asked, swamped=swamped)
    assert not asked.hidden_single and not asked.notes
    asked.hidden_single = True  # as seen elsewhere
    assert unless_single(asked, swamped=swamped) is QUIET


# Which way noise is measured


def shifted(x: np.ndarray, **options: Any) -> Outputs:
    """Nothing in the first two rows; in the others what follows by one place, of the size of a rounding."""
    y = 1.0 + 2.0**-40 * np.roll(np.asarray(x, float), -1, axis=0)
    y[:2] = 0.0
    return Outputs((y,))


def examined(asked: Judge) -> Any:
    base = np.ones((N, 3), asked.inputs.array_dtype)
    asked._along_lines = lambda base, changed, cut, response, noise, factor, size: ("lines", noise, factor, size)
    asked._unmeasured = lambda response, size, factor, own: ("unmeasured", own, factor, size)
    return asked._examined(base, asked.inputs.splice(base, 3 * base, 5), cut(5))


@pytest.mark.parametrize(
    ("dtype", "facts", "way", "constants"),
    [
        ("float64", Facts(), "lines", True), ("int64", Facts(), "unmeasured", True),
        ("float16", Facts(), "unmeasured", False), ("float64", Facts(unstable=True), "unmeasured", True),
        ("float64", Facts(unstable=True, redraws=True), "unmeasured", False),
    ],
)  # fmt: skip
def test_noise_is_measured_along_lines_where_inputs_are_floats_of_some_digits(dtype, facts, way, constants):
    found, own, factor, size = examined(asked := judge(shifted, dtype=dtype, facts=facts))
    assert found == way and factor == floor_factor(asked.inputs, 15, constants)
    assert (own[:2] == 0).all() and own[2:] == pytest.approx(DOUBLE / 3**0.5, rel=1e-9) and size.shape == (3,)


@pytest.mark.parametrize("dtype", ["float64", "int64", "float16"])
def test_where_rounding_can_be_redrawn_lines_are_asked_of_what_leaks_and_is_smooth(dtype):
    asked, suspects = judge(shifted, dtype=dtype, facts=Facts(coarsest="float64", redraws=True)), []
    factor = floor_factor(asked.inputs, 15, False)
    asked._redrawn = lambda base, changed, cut, suspect: suspects.append(suspect) or everywhere(1.0)
    found = examined(asked)
    assert (found.noise == 1.0).all() and (found.floor == factor).all() and not found.leaks.any()
    assert [s.tolist() for s in suspects] == [(everywhere(0.0, r4=1.0) > 0).tolist()]
    asked._redrawn = lambda *_: everywhere(0.0)
    found = examined(asked)
    if dtype == "float64":
        assert found[0] == "lines" and found[2] == factor and (found[1][:2] == 0).all() and (found[1][2:] > 0).all()
    else:
        assert found.leaks[4].all() and found.leaks.sum() == 3
    asked._redrawn = lambda *_: everywhere(1.7e308)
    assert np.isfinite(examined(asked).floor).all() and (examined(asked).noise > 1e306).all()


def test_of_a_suspect_place_without_noise_larger_errors_are_drawn(monkeypatch):
    asked, drawn = judge(), []

    def redrawn(observe, base, changed, watched, seed, draws=DRAWS, amplitude=1.0):
        drawn.append((seed, draws, amplitude))
        return everywhere(0.0, r1=1.0) if amplitude == 1.0 else everywhere(5.0)

    monkeypatch.setattr("monarch_theory.leaks.judge.redrawn", redrawn)
    pair = np.zeros((N, 3)), np.ones((N, 3))
    suspect, seeds = everywhere(0.0, r1=1.0, r2=1.0) > 0, []
    for place in range(N):
        drawn.clear()
        assert (asked._redrawn(*pair, cut(place), suspect) == everywhere(0.0, r1=1.0, r2=5.0)).all()
        (first, few, _), (second, many, amplitude) = drawn
        assert many == 2 * few == 2 * DRAWS and amplitude == 4.0 and min(first, second) >= 0
        assert not set(range(first, first + few)) & set(range(second, second + many))
        seeds += range(first, first + few)
    assert len(set(seeds)) == len(seeds)  # of two cuts no errors are alike
    drawn.clear()
    assert (asked._redrawn(*pair, cut(5), everywhere(0.0, r1=1.0) > 0) == everywhere(0.0, r1=1.0)).all()
    assert len(drawn) == 1
