"""What the judge of a response rests on, part by part: sizes, units, thresholds, what it takes for constants."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from monarch_theory.leaks.contracts import Cut, alone, causal
from monarch_theory.leaks.inputs import Inputs, UndecidedError
from monarch_theory.leaks.judge import Facts, Judge, alike, immoderate, roundoffs
from monarch_theory.leaks.noise import Examination
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
