"""The decision agrees with the definition, finds every planted leak, and refuses what it cannot decide."""

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.causality import CausalMonarch, MonarchOperator, counterexamples, decide, triangular_condition
from monarch_theory.causality.decision import smallest_witness
from monarch_theory.domains import (
    FLOAT64,
    INTEGERS,
    RATIONALS,
    SYMBOLIC,
    CannotTellError,
    Cyclotomic,
    PrimeField,
    SingularBlockError,
    prime_with_root,
)
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Convention, Monarch, identity_blocks, random_monarch

FIELD = PrimeField(prime_with_root(5040))


def definition(operator):
    """(causal, smallest witness) straight from THEORY §4: T[i, j, j'] over i < j, by brute force."""
    tensor = operator.tensor()
    for i, j, k in np.ndindex(tensor.shape):
        if j > i and not operator.domain.is_zero(tensor[i : i + 1, j, k]).all():
            return False, (i, j, k, tensor[i, j, k])
    return True, None


def assert_agrees(operator, **options):
    decision = decide(operator, **options)
    causal, witness = definition(operator)
    assert decision.causal == causal and decision.evidence == "exact"
    if causal:
        assert decision.witness is None
    else:
        w = decision.witness
        assert (w.output, w.input, w.filter) == witness[:3] and w.value == witness[3]


@given(
    radices=st.sampled_from([(2, 2), (3, 2), (2, 3), (2, 2, 2), (4, 3), (3, 3), (5,)]),
    seed=st.integers(0, 10**6),
    route=st.sampled_from([None, "random filters", "every filter"]),
    kind=st.sampled_from(["causal", "leaky", "random"]),
)
def test_decision_agrees_with_the_definition(radices, seed, route, kind):
    rng = np.random.default_rng(seed)
    matrix = random_monarch(radices, FIELD, rng) if kind == "random" else CausalMonarch(radices).random(FIELD, rng)
    if kind == "leaky":
        k = int(rng.integers(matrix.order))
        factors = [f.copy() for f in matrix.factors]
        factors[k][tuple(rng.integers(factors[k].shape))] += 1
        matrix = Monarch(tuple(factors), FIELD)
    try:
        operator = MonarchOperator(matrix)
        operator.interpolation  # noqa: B018
    except SingularBlockError:
        return
    assert_agrees(operator, route=route, seed=seed)


@pytest.mark.parametrize("domain", [RATIONALS, Cyclotomic(6), FIELD], ids=str)
def test_one_code_path_for_every_domain(domain):
    rng = np.random.default_rng(2)
    for _ in range(5):
        M0, M1, M2 = (random_monarch((3, 2), domain, rng) for _ in range(3))
        try:
            operator = MonarchOperator(M0, M1, M2)
            assert_agrees(operator)
            assert_agrees(operator, route="random filters")
        except SingularBlockError:
            continue


MUTANTS = {
    "swapped factors": lambda m: Monarch(m.factors[::-1], m.domain),
    "transposed blocks": lambda m: Monarch(tuple(f.swapaxes(1, 2) for f in m.factors), m.domain),
    "off-by-one permutation": lambda m: Monarch((np.roll(m.factors[0], 1, axis=2), m.factors[1]), m.domain),
    "reversed rows of one stage": lambda m: Monarch((m.factors[0], m.factors[1][:, ::-1]), m.domain),
}


@pytest.mark.parametrize("name", MUTANTS)
@pytest.mark.parametrize("route", ["random filters", "every filter"])
def test_wrong_interpolation_is_caught(name, route):
    matrix = CausalMonarch((4, 4)).random(FIELD, np.random.default_rng(3))
    wrong = MUTANTS[name](matrix)
    decision = decide(MonarchOperator(wrong, matrix, matrix), route=route)
    assert not decision.causal and decision.witness is not None


def test_an_other_point_order_is_still_causal():
    """Rolling the rows of R evaluates at ωY instead of Y: the basis stays triangular, so this is no mutant at all."""
    matrix = CausalMonarch((4, 4)).random(FIELD, np.random.default_rng(3))
    rolled = Monarch((np.roll(matrix.factors[0], 1, axis=1), matrix.factors[1]), FIELD)
    assert_agrees(MonarchOperator(rolled, matrix, matrix))


def test_a_missing_conjugate_is_caught():
    """Interpolating with the conjugate DFT reverses time."""
    field = Cyclotomic(16)
    matrix = fourier((4, 4), field)
    conjugate = Monarch(tuple(field.conjugate(f) for f in matrix.factors), field)
    assert not decide(MonarchOperator(conjugate, matrix, matrix)).causal


def test_a_dropped_block_is_caught():
    matrix = CausalMonarch((4, 4)).random(FIELD, np.random.default_rng(3))
    left = matrix.factors[1].copy()
    left[2] = 0
    decision = decide(MonarchOperator(matrix, Monarch((matrix.factors[0], left), FIELD), matrix))
    assert not decision.causal


def test_a_leak_of_one_future_token_is_caught_at_every_length():
    for n in range(2, 9):
        assert decide(MonarchOperator(fourier((4, 4), FIELD), n=n)).causal
    for n in range(9, 17):
        witness = decide(MonarchOperator(fourier((4, 4), FIELD), n=n), route="random filters").witness
        assert (witness.output, witness.input, witness.filter) == (0, 17 - n, n - 1)


def test_other_conventions_are_decided_too():
    matrix = fourier((2, 4), FIELD)
    dao = Monarch(matrix.factors, FIELD, Convention.DAO)
    for m in (matrix, dao, Monarch(matrix.factors, FIELD, Convention.DAO_TRANSPOSED)):
        assert_agrees(MonarchOperator(m))


def test_error_probability_is_stated():
    decision = decide(MonarchOperator(fourier((4, 4), FIELD)), route="random filters", trials=3)
    assert decision.causal and decision.error_probability == float(FIELD.q) ** -3
    assert "wrong with probability at most" in str(decision)
    assert decide(MonarchOperator(fourier((4, 4), FIELD))).error_probability == 0


def test_no_field_is_so_small_that_a_leak_is_missed():
    """Over F_2 two filters miss one leak in four: so many are drawn that next to no doubt is left, or every one."""
    for q in (2, 3, 17):
        field = PrimeField(q)
        identity = identity_blocks((8, 8), field)
        blocks = [factor.copy() for factor in identity.factors]
        blocks[0][0, 0, 1] = 1  # output 0 sees input 8
        operator = MonarchOperator(identity, identity, Monarch(tuple(blocks), field), n=64)
        found = [decide(operator, seed=seed) for seed in range(20)]
        assert not any(decision.causal for decision in found)
        clean = decide(MonarchOperator(identity, identity, identity, n=64))
        assert clean.causal and clean.route == "random filters" and clean.error_probability <= 2.0**-60
    over_two = MonarchOperator(identity_blocks((8, 8), PrimeField(2)), n=50)
    assert decide(over_two).route == "every filter"  # fewer than the draws it would take


def test_no_leak_is_hidden_by_who_knows_the_seed():
    """The filter that output 0 sees input 1 through is orthogonal to those that the seed alone would give."""
    q, n, eye = 2**31 - 1, 4, np.eye(4, dtype=object)
    for seed in range(3):
        rng = np.random.default_rng(seed)
        (a, b, c), (e, f, g) = ([int(x) for x in rng.integers(0, q, size=n)[:3]] for _ in range(2))
        # a combination of the first three coefficients that vanishes on both: their cross product
        hidden = [b * g - c * f, c * e - a * g, a * f - b * e, 0]
        filtered, signal = eye.copy(), eye.copy()
        filtered[0], signal[0, 1] = [x % q for x in hidden], 1
        M0, M1, M2 = (Monarch((m[None] % q,), PrimeField(q)) for m in (eye, filtered, signal))
        decision = decide(MonarchOperator(M0, M1, M2, n=n), route="random filters", seed=seed)
        assert not decision.causal and (decision.witness.output, decision.witness.input) == (0, 1)


def test_random_filters_miss_a_leak_no_more_often_than_stated():
    """Over F_3 one random filter hides a leak of one coefficient with probability 1/3; the bound is met, not beaten."""
    operator = MonarchOperator(fourier((2,), PrimeField(3)), n=2)
    verdicts = [decide(operator, route="random filters", trials=1, seed=s).causal for s in range(600)]
    assert abs(np.mean(verdicts) - 1 / 3) < 5 * np.sqrt(2 / 9 / 600)


@pytest.mark.parametrize(
    ("example", "causal"),
    [("degree_too_high", False), ("tuned_wrap_around", True), ("other_points", True), ("pointwise", True),
     ("only_top_digit_padded", False)],
)  # fmt: skip
def test_counterexamples(example, causal):
    operator = getattr(counterexamples, example)()
    assert_agrees(operator)
    assert decide(operator).causal == causal
    if causal and operator.domain != RATIONALS:
        assert not triangular_condition(operator.M0, operator.M1, operator.M2).holds


def test_the_counterexample_with_full_dependence_depends_on_everything():
    operator = counterexamples.other_points()
    matrix = operator.matrix([1, 2])
    assert (np.asarray(matrix[np.tril_indices(2)]) != 0).all()


@pytest.mark.long
def test_largest_size_is_decided_by_theorem_and_by_random_filters():
    field = PrimeField(prime_with_root(4096))
    matrix = CausalMonarch((64, 64)).random(field, np.random.default_rng(0))
    assert decide(MonarchOperator(matrix)).route == "theorem"
    left = matrix.factors[1].copy()
    left[63, 63, 63] += 1
    decision = decide(MonarchOperator(Monarch((matrix.factors[0], left), field)), trials=1)
    assert not decision.causal and decision.n == 2048


def test_a_decision_in_words():
    """Verdict, witness, size, domain, route, and doubt where there is some and only there."""
    theorem = decide(MonarchOperator(fourier((2, 2), FIELD)))
    assert str(theorem) == f"causal (n = 2, over {FIELD}, exact, by theorem)"
    leak = decide(MonarchOperator(fourier((2, 2), Cyclotomic(4)), n=3))
    said = "not causal: output 0 sees input 2: T[0,2,2] = 1 (n = 3, over Q(zeta_4), exact, by every filter)"
    assert str(leak) == said and not leak.error_probability
    drawn = decide(MonarchOperator(fourier((2, 2), FIELD)), route="random filters")
    assert drawn.error_probability == float(FIELD.q) ** -2
    said = f"by random filters, wrong with probability at most {drawn.error_probability:.1e})"
    assert str(drawn).startswith("causal (n = 2") and str(drawn).endswith(said)


def sparse(rng):
    """A Monarch matrix of zeros and ones over Q: what one filter shows, another may not."""
    return Monarch(tuple(RATIONALS.array(rng.integers(0, 2, size=(2, 2, 2))) for _ in range(2)), RATIONALS)


def test_the_witness_is_the_smallest_though_a_later_filter_shows_it():
    """T[i, j, j'] = M1[i, j'] M2[i, j] where M0 is 1: filter 0 shows a leak, a later filter an earlier one."""
    eye = identity_blocks((2, 2), RATIONALS, Convention.DAO)
    rng, hidden = np.random.default_rng(0), 0
    for _ in range(400):
        operator = MonarchOperator(eye, sparse(rng), sparse(rng), n=4)
        tensor = operator.tensor() != 0
        leaks = np.triu(np.ones((4, 4), dtype=bool), k=1)[:, :, None] & tensor
        first = tuple(np.argwhere(leaks.any(axis=2))[0]) if leaks.any() else None
        if first and leaks[..., 0].any() and not leaks[(*first, 0)]:
            hidden += 1
            assert_agrees(operator, route="every filter")
    assert hidden >= 5


def test_the_smallest_filter_is_named_among_all_and_among_those_given():
    operator = MonarchOperator(identity_blocks((2, 2), RATIONALS, Convention.DAO), *(
        random_monarch((2, 2), RATIONALS, np.random.default_rng(seed)) for seed in (0, 1)
    ), n=4)  # fmt: skip
    tensor = operator.tensor()
    assert (tensor != 0).any(axis=2).sum() >= 8
    for i, j in np.ndindex(4, 4):
        filters = np.flatnonzero(tensor[i, j] != 0)
        named = smallest_witness(operator, i, j)
        if not filters.size:
            assert named is None
            continue
        assert named.filter == filters[0] and named.value == tensor[i, j, filters[0]]
        assert smallest_witness(operator, i, j, filters[-1:]).filter == filters[-1]
        assert smallest_witness(operator, i, j, np.zeros(0, dtype=int)) is None


@pytest.mark.parametrize("route", ["every filter", "random filters"])
def test_product_order_agrees_with_the_definition(route):
    """Output i may see input j only if no digit of j exceeds that of i; signals and filters live on the box."""
    rng, found = np.random.default_rng(0), set()
    for radices, box in (((2, 3), (1, 2)), ((2, 3), (2, 3)), ((3, 2), (2, 1)), ((2, 2, 2), (1, 2, 2))):
        size = np.prod(radices)
        digits = np.stack(np.unravel_index(np.arange(size), radices), axis=1)
        inputs = np.flatnonzero((digits < box).all(axis=1))
        for _ in range(12):
            unit = identity_blocks(radices, RATIONALS, Convention.DAO)
            full = (random_monarch(radices, RATIONALS, rng, convention=Convention.DAO).factors for _ in range(2))
            thin = ([f * rng.integers(0, 2, f.shape) for f in factors] for factors in full)
            operator = MonarchOperator(unit, *(Monarch(f, RATIONALS, Convention.DAO) for f in thin), n=int(size))
            tensor = operator.tensor()
            leaks = [
                (i, j) for i in inputs for j in inputs
                if (digits[j] > digits[i]).any() and (tensor[i, j, inputs] != 0).any()
            ]  # fmt: skip
            decision = decide(operator, route=route, support=box)
            assert decision.causal == (not leaks) and decision.n == len(inputs)
            if leaks and route == "every filter":
                assert (decision.witness.output, decision.witness.input) == leaks[0]
            found.add(decision.causal)
    assert found == {True, False}


def test_every_filter_leaves_no_doubt():
    decision = decide(MonarchOperator(fourier((2, 2), FIELD)), route="every filter")
    assert decision.causal and decision.error_probability == 0


def test_the_domain_sets_the_doubt():
    """2³¹ integers are drawn from where the domain is infinite, and each filter counts."""
    operator = MonarchOperator(fourier((2, 2), Cyclotomic(4)))
    for trials in (1, 3):
        decision = decide(operator, route="random filters", trials=trials)
        assert decision.causal and decision.error_probability == float(2**31) ** -trials


def test_the_route_that_is_taken_unasked_is_the_plainest_that_is_quick():
    """Without the theorem: every filter up to 2¹⁷ multiplications, random filters beyond."""
    rng = np.random.default_rng(0)
    for radices, n, route in (((8, 8), 45, "every filter"), ((8, 8), 46, "random filters")):
        operator = MonarchOperator(random_monarch(radices, FIELD, rng), n=n)
        assert operator.size * n**2 <= 2**17 or route == "random filters"
        assert decide(operator).route == route


def test_an_expression_that_is_zero_is_no_leak():
    """Whether it looks like it, simplifies to it, or nobody here can tell, which is said."""
    x = sympy.Symbol("x")
    identity = identity_blocks((2,), SYMBOLIC)

    def leaking(through):
        blocks = sympy.Matrix([[1, through], [0, 1]])
        return MonarchOperator(identity, identity, Monarch((SYMBOLIC.array([blocks.tolist()]),), SYMBOLIC), n=2)

    assert decide(leaking(sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1)).causal
    assert decide(leaking(sympy.sqrt(5 + 2 * sympy.sqrt(6)) - sympy.sqrt(2) - sympy.sqrt(3))).causal
    assert not decide(leaking(sympy.sin(x))).causal
    cosines = [sympy.cos(k * sympy.pi / 7) for k in (1, 2, 3)]
    with pytest.raises(CannotTellError, match="expression: expected one that is known to be zero or not"):
        decide(leaking(cosines[0] - cosines[1] + cosines[2] - sympy.Rational(1, 2)))


def test_floats_are_not_decided():
    with pytest.raises(ValueError, match="operator: expected an exact domain, got float64"):
        decide(MonarchOperator(random_monarch((2, 2), FLOAT64, np.random.default_rng(0))))


def test_bad_operators_are_named():
    square = fourier((2, 2), FIELD)
    with pytest.raises(ValueError, match="M1: expected a 4×4 matrix, got 6×6"):
        MonarchOperator(square, fourier((2, 3), FIELD))
    with pytest.raises(ValueError, match="M2: expected scalars of F_"):
        MonarchOperator(square, square, fourier((2, 2), Cyclotomic(4)))
    with pytest.raises(ValueError, match="n: expected an integer between 1 and 4, got 5"):
        MonarchOperator(square, n=5)
    with pytest.raises(ValueError, match="trials: expected a positive integer"):
        decide(MonarchOperator(square), trials=0)
    with pytest.raises(ValueError, match="support: expected one bound for each radix"):
        decide(MonarchOperator(square), support=(3, 1))
    singular = Monarch((np.ones((2, 2, 2), int), np.ones((2, 2, 2), int)), FIELD)
    with pytest.raises(SingularBlockError, match="M0: factors: expected invertible blocks"):
        decide(MonarchOperator(singular))
    with pytest.raises(ValueError, match="domain: expected a field"):
        decide(MonarchOperator(random_monarch((2, 2), INTEGERS, np.random.default_rng(0))))
    with pytest.raises(ValueError, match="u: expected length 2"):
        MonarchOperator(square).apply([1, 2], [1, 2, 3])
