"""Exact membership: the factors multiply back, the refutation is a minor that does not vanish, and SymPy agrees."""

import numpy as np
import pytest
import sympy
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import LinearOperator

from monarch_theory.domains import (
    COMPLEX64,
    COMPLEX128,
    FLOAT32,
    FLOAT64,
    INTEGERS,
    RATIONALS,
    SYMBOLIC,
    Cyclotomic,
    PrimeField,
)
from monarch_theory.expressivity import membership
from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.matrices import read_matrix
from monarch_theory.expressivity.membership import (
    Accuracy,
    checked_accuracy,
    default_accuracy,
    exact_membership_of,
    measured_membership,
    membership_of,
    verdict,
)
from monarch_theory.expressivity.projection import project
from monarch_theory.formats import round_to
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Convention, Monarch, identity_blocks, random_monarch
from monarch_theory.rounding import BFLOAT16, FLOAT16, gamma
from monarch_theory.strategies import arrays, monarchs, radices

EXACT = (INTEGERS, RATIONALS, PrimeField(7), Cyclotomic(3))


def class_of(matrix: Monarch, rank: int = 1) -> MonarchClass:
    return MonarchClass(matrix.input_radices, matrix.output_radices, matrix.convention, rank)


def minor(matrix, refutation, domain):
    square = matrix[np.ix_(refutation.rows, refutation.columns)]
    if isinstance(domain, PrimeField):
        return int(sympy.Matrix(square.tolist()).det()) % domain.q
    return sympy.Matrix([[domain.to_sympy(x) for x in row] for row in square]).det()


@given(monarchs(EXACT, max_size=16, max_order=4))
def test_every_monarch_matrix_is_a_member_with_factors_that_multiply_back(matrix):
    dense = matrix.dense()
    answer = membership_of(dense, class_of(matrix), domain=matrix.domain)
    assert answer.member and answer.evidence == "exact" and answer.refutation is None
    assert matrix.domain.equal(answer.train.dense(), dense)
    assert matrix.domain.equal(answer.train.terms()[0].dense(), dense)


@given(st.data())
def test_the_answer_is_sympys_rank_of_every_slice(data):
    columns = data.draw(radices(max_size=12, min_order=2, max_order=3, max_radix=3))
    kind = MonarchClass(columns, rank=data.draw(st.integers(1, 2)))
    matrix = data.draw(arrays(INTEGERS, kind.shape))
    answer = membership_of(matrix, kind)
    ranks = [
        sympy.Matrix(piece.tolist()).rank() <= kind.ranks[split + 1]
        for split in range(kind.order - 1)
        for piece in kind.slices(matrix, split)
    ]
    assert answer.member == all(ranks)
    if not answer.member:
        assert minor(matrix, answer.refutation, INTEGERS) == answer.refutation.minor != 0
        assert len(answer.refutation.rows) == kind.ranks[answer.refutation.split + 1] + 1


@pytest.mark.parametrize("convention", Convention)
@pytest.mark.parametrize("domain", EXACT, ids=str)
@pytest.mark.parametrize("radices", [(2, 3), (2, 2, 2), (3, 2, 2)])
def test_one_changed_entry_is_refuted_by_a_minor_that_reads_it(radices, domain, convention):
    rng = np.random.default_rng(5)
    matrix = random_monarch(radices, domain, rng, convention=convention)
    factors = tuple(np.where(domain.is_zero(f), domain.ones(f.shape), f) for f in matrix.factors)
    dense = Monarch(factors, domain, convention).dense()
    dense[1, 2] = domain.normal(np.array([dense[1, 2] + domain.scalar(1)], domain.dtype))[0]
    answer = membership_of(dense, MonarchClass(radices, convention=convention), domain=domain)
    assert answer.member is False
    assert 1 in answer.refutation.rows and 2 in answer.refutation.columns


@pytest.mark.parametrize("radices", [(3, 3), (2, 2, 3)])
def test_rank_r_members_are_sums_of_r_monarch_matrices(radices):
    rng = np.random.default_rng(1)
    for domain in (INTEGERS, PrimeField(101), FLOAT64):
        terms = [random_monarch(radices, domain, rng) for _ in range(2)]
        total = domain.normal(terms[0].dense() + terms[1].dense())
        assert membership_of(total, MonarchClass(radices), domain=domain).member is False
        answer = membership_of(total, MonarchClass(radices, rank=2), domain=domain)
        assert answer.member
        if domain is not FLOAT64:
            rational = RATIONALS if domain is INTEGERS else domain
            parts = sum(term.dense() for term in answer.train.terms())
            assert rational.equal(rational.normal(parts), rational.array(total))


def test_symbolic_membership():
    a, b, x, y = sympy.symbols("a b x y")
    kind = MonarchClass((2, 1), (1, 2))
    assert membership_of(sympy.Matrix([[a * x, a * y], [b * x, b * y]]), kind).member
    refuted = membership_of(sympy.Matrix([[a, b], [x, y]]), kind)
    assert refuted.refutation.minor == sympy.expand(a * y - b * x)


def test_zeros_in_disguise_do_not_refute():
    x = sympy.Symbol("x")
    one = sympy.sin(x) ** 2 + sympy.cos(x) ** 2
    kind = MonarchClass((2, 1), (1, 2))
    answer = membership_of(sympy.Matrix([[one, 1], [1, 1]]), kind)
    assert answer.member and SYMBOLIC.equal(answer.train.dense(), SYMBOLIC.ones((2, 2)))
    assert membership_of(sympy.Matrix([[one, 1], [1, 2]]), kind).refutation.minor.equals(1)
    assert membership_of(sympy.Matrix([[sympy.exp(x), 1], [1, 1]]), kind).member is False
    # nothing SymPy knows tells whether f(x) is zero everywhere: neither yes nor no
    unknown = sympy.Function("f")(x)
    assert membership_of(sympy.Matrix([[1 + unknown - unknown, 1], [1, 1]]), kind).member
    hidden = sympy.sqrt(2 + sympy.sqrt(3)) - (sympy.sqrt(6) + sympy.sqrt(2)) / 2
    assert membership_of(sympy.Matrix([[1 + hidden, 1], [1, 1]]), kind).member is not False


def zeros_that_do_not_look_like_it():
    """Expressions that are zero for all x, positive p; the last is known to be by nobody here."""
    x, p, r = sympy.Symbol("x"), sympy.Symbol("p", positive=True), sympy.Symbol("r", real=True)
    sevenths = [sympy.cos(k * sympy.pi / 7) for k in (1, 2, 3)]
    return [
        sympy.sqrt(5 + 2 * sympy.sqrt(6)) - sympy.sqrt(2) - sympy.sqrt(3),
        sympy.sin(x) ** 2 + sympy.cos(x) ** 2 - 1,
        sympy.exp(x + 1) - sympy.exp(x) * sympy.E,
        sympy.log(p**2) - 2 * sympy.log(p),
        (sympy.Abs(r) - r) * (sympy.Abs(r) + r),
        sevenths[0] - sevenths[1] + sevenths[2] - sympy.Rational(1, 2),
    ]


@pytest.mark.parametrize("zero", zeros_that_do_not_look_like_it(), ids=str)
def test_an_expression_is_no_evidence_until_a_number_shows_that_it_is_not_zero(zero):
    """Members all, whether the zero would be a pivot or refute: SymPy's own comparison says other of some of them."""
    kind = MonarchClass((2, 2))
    one = sympy.Integer(1)
    for corner in ([[zero, 0], [0, 0]], [[1, 1], [1, 1 + zero]], [[zero, 1], [0, zero]], [[zero, 1], [0, 0]]):
        matrix = sympy.zeros(4, 4)
        for i, j in np.ndindex(2, 2):
            matrix[2 * i, 2 * j] = one * corner[i][j]
        assert membership_of(matrix, kind).member is not False


def test_small_numbers_and_expressions_that_vanish_somewhere_refute():
    """Zero for some values of a symbol is not zero, nor is what is far below every float."""
    x, p, r = sympy.Symbol("x"), sympy.Symbol("p", positive=True), sympy.Symbol("r", real=True)
    small = [sympy.pi - sympy.Rational(355, 113), sympy.Rational(1, 10**400), sympy.exp(-1000)]
    partial = [sympy.sqrt(x**2) - x, sympy.log(x * p) - sympy.log(x) - 2 * sympy.log(p), sympy.Abs(r) - r, x - p]
    for other in small + partial:
        answer = membership_of(sympy.Matrix([[1, 1], [1, 1 + other]]), MonarchClass((2, 1), (1, 2)))
        assert answer.member is False, other
    # each is not zero for some r, and their product is for all
    product = sympy.Matrix([[sympy.Abs(r) - r, 0], [0, sympy.Abs(r) + r]])
    assert membership_of(product, MonarchClass((2, 1), (1, 2))).member is not False


def test_the_identity_is_in_both_dao_classes_and_not_in_m2():
    one = np.eye(9, dtype=int)
    assert membership_of(one, MonarchClass((3, 3), convention=Convention.DAO)).member
    assert membership_of(one, MonarchClass((3, 3), convention=Convention.DAO_TRANSPOSED)).member
    refutation = membership_of(one, MonarchClass((3, 3))).refutation
    assert str(refutation) == (
        "slice i0 = 0, a1 = 0 of split 0: the minor of rows (0, 3) and columns (0, 3) is 1, not 0"
    )
    reversal = identity_blocks((3, 3), INTEGERS).dense()
    assert membership_of(reversal, MonarchClass((3, 3))).member
    assert not membership_of(reversal, MonarchClass((3, 3), convention=Convention.DAO)).member


@pytest.mark.parametrize("domain", [FLOAT32, FLOAT64, COMPLEX64, COMPLEX128], ids=str)
@pytest.mark.parametrize("radices", [(4, 4), (3, 2, 4), (2, 2, 2, 2), (7,)])
def test_rounded_members_are_measured_members_and_perturbed_ones_are_not(radices, domain):
    rng = np.random.default_rng(2)
    kind = MonarchClass(radices)
    dense = random_monarch(radices, domain, rng).dense()
    answer = membership_of(dense, kind)
    assert answer.member and answer.evidence == "measured" and answer.threshold > 0
    if len(radices) > 1:
        noise = domain.random(rng, dense.shape)
        size = 1e4 * default_accuracy(kind, domain) * np.linalg.norm(dense) / np.linalg.norm(noise)
        assert membership_of(dense + domain.dtype.type(size) * noise, kind).member is False


def test_a_distance_just_above_the_threshold_is_left_open():
    kind = MonarchClass((8, 8))
    dense = random_monarch((8, 8), FLOAT64, np.random.default_rng(0)).dense()
    noise = np.random.default_rng(1).standard_normal(dense.shape)
    answer = membership_of(dense, kind)
    between = answer.threshold + answer.projection.rounding / 2
    relative = project_distance(noise, kind)
    open_case = membership_of(dense + noise * between / relative, kind)
    assert open_case.member is None and open_case.train is None


def project_distance(noise, kind):
    # a small perturbation of a generic member moves its distance by that of its part off the tangent space; bisect on
    # the real thing instead of on that theory
    dense = random_monarch(kind.input_radices, FLOAT64, np.random.default_rng(0)).dense()
    size = 1e-6
    return membership_of(dense + size * noise, kind).projection.distance / size


def test_accuracy_widens_the_question():
    kind, rng = MonarchClass((4, 4)), np.random.default_rng(3)
    dense = random_monarch((4, 4), FLOAT64, rng).dense()
    noisy = dense + 1e-6 * rng.standard_normal(dense.shape)
    assert membership_of(noisy, kind).member is False
    assert membership_of(noisy, kind, accuracy=1e-5).member is True


@pytest.mark.parametrize("n", [12, 64, 100])
def test_numpys_fft_matrix_is_a_measured_member(n):
    matrix = np.fft.fft(np.eye(n))
    assert membership_of(matrix, MonarchClass(balanced_radices(n, 2))).member


def test_floats_read_exactly_are_rarely_members():
    third = np.outer([1, 1 / 3], [1, 1 / 7])
    kind = MonarchClass((2, 1), (1, 2))
    assert membership_of(third, kind).member is True
    assert exact_membership_of(third, kind).member is False
    assert exact_membership_of(np.outer([1, 0.5], [3.0, 5]), kind).member is True
    assert exact_membership_of(np.outer([1, 0.5j], [3.0, 5]), kind).member is True


@given(monarchs(EXACT, max_size=12, min_order=2, max_order=4))
def test_merging_adjacent_stages_stays_in_the_coarser_class(matrix):
    """Order p is contained in order p − 1 with two adjacent radices multiplied: composition of stages, exactly."""
    rows, columns = matrix.output_radices, matrix.input_radices
    for k in range(matrix.order - 1):
        coarse = MonarchClass(
            (*columns[:k], columns[k] * columns[k + 1], *columns[k + 2 :]),
            (*rows[:k], rows[k] * rows[k + 1], *rows[k + 2 :]),
            matrix.convention,
        )
        assert membership_of(matrix.dense(), coarse, domain=matrix.domain).member


def test_order_two_with_monarch_blocks_has_the_orders_added():
    """Blocks that are Monarch of orders p and q make a Monarch of order p + q: the converse of merging."""
    rng = np.random.default_rng(4)
    stage0 = np.stack([random_monarch((2, 2), INTEGERS, rng).dense() for _ in range(4)])
    stage1 = np.stack([random_monarch((2, 2), INTEGERS, rng).dense() for _ in range(4)])
    composed = Monarch((stage0, stage1), INTEGERS).dense()
    assert membership_of(composed, MonarchClass((2, 2, 2, 2))).member
    generic = Monarch((INTEGERS.random(rng, (4, 4, 4)), stage1), INTEGERS).dense()
    assert not membership_of(generic, MonarchClass((2, 2, 2, 2))).member


def test_large_fourier_over_a_prime_field():
    field = PrimeField(2**31 - 2**27 + 1)
    dense = fourier((16, 16), field).dense()
    assert membership_of(dense, MonarchClass((16, 16)), domain=field).member
    assert membership_of(dense, MonarchClass((4, 4, 4, 4)), domain=field).member
    refutation = membership_of(dense, MonarchClass((16, 16), convention=Convention.DAO), domain=field).refutation
    assert minor(dense, refutation, field) == refutation.minor != 0


def test_bad_input_is_named():
    kind = MonarchClass((2, 2))
    with pytest.raises(ValueError, match=r"weights: expected finite entries, got nan at \(0, 1\)"):
        membership_of(np.array([[0, np.nan]]), kind, name="weights")
    with pytest.raises(ValueError, match=r"expected a matrix of shape \(4, 4\).*got \(3, 4\)"):
        membership_of(np.ones((3, 4)), kind)
    with pytest.raises(ValueError, match=r"expected a matrix with rows and columns, got shape \(0, 4\)"):
        membership_of(np.ones((0, 4)), kind)
    with pytest.raises(ValueError, match="weights: expected rows of one length, got"):
        membership_of([[1, 2], [3]], kind, name="weights")
    for infinite in (sympy.nan, sympy.oo, sympy.zoo, -sympy.oo):
        with pytest.raises(ValueError, match=r"matrix: expected finite entries, got .* at \(0, 1\)"):
            membership_of(sympy.Matrix([[1, infinite], [1, 1]]), kind)
    with pytest.raises(TypeError, match=r"expected exact entries, got the rounded number 0.1.* at \(0, 1\)"):
        membership_of(sympy.Matrix([[1, 0.1], [1, 1]]), kind)
    for rounded in (0.5, np.float64(0.5), 1j, np.float32(1)):
        with pytest.raises(TypeError, match="expected exact scalars in an array of objects, got"):
            membership_of(np.array([[1, rounded], [1, 1]], dtype=object), kind)
    with pytest.raises(TypeError, match="expected truth values, integers, float16 to float64"):
        membership_of(np.ones((4, 4), np.longdouble), kind)
    with pytest.raises(ValueError, match="square is not linear"):
        membership_of(LinearOperator((4, 4), matvec=lambda x: x**2, dtype=float), kind, name="square")
    with pytest.raises(TypeError, match="expected scalars of float64, got dtype complex128"):
        membership_of(np.ones((4, 4), complex), kind, domain=FLOAT64)
    with pytest.raises(ValueError, match="accuracy: expected a number"):
        membership_of(np.ones((4, 4)), kind, accuracy=-1)
    with pytest.raises(ValueError, match="accuracy: expected none for exact scalars"):
        membership_of(np.ones((4, 4), int), kind, accuracy=0.1)
    with pytest.raises(ValueError, match="rank: expected a positive integer, got 0"):
        MonarchClass((2, 2), rank=0)
    with pytest.raises(ValueError, match="output_radices: expected 2 of them"):
        MonarchClass((2, 2), (2, 2, 2))


@pytest.mark.parametrize("convention", Convention)
def test_half_precision_is_good_to_its_own_roundoff(convention):
    """Members rounded once are members still; three significant digits off they are none; wide, they never were any."""
    kind = MonarchClass((4, 4), convention=convention)
    member = random_monarch((4, 4), FLOAT64, np.random.default_rng(1), convention=convention).dense()
    half = member.astype(np.float16)
    assert membership_of(half, kind).member is True
    assert membership_of(half.astype(float), kind).member is False
    assert membership_of((member + 0.3 * np.eye(16)).astype(np.float16), kind).member is False
    assert membership_of(half > 0, kind).evidence == "exact"


class Layer:
    """What holds a matrix and is none."""

    def __init__(self, weight):
        self.weight = weight


def test_a_layer_is_read_as_its_weight():
    answer = membership_of(Layer(np.eye(4)), MonarchClass((2, 2), convention=Convention.DAO))
    assert answer.member is True and answer.kind.shape == (4, 4)


class Parameter:
    """What NumPy refuses to read until its gradient is taken off."""

    def __init__(self, values):
        self.values = values

    def __array__(self, *_, **__):
        raise RuntimeError("Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead.")

    def detach(self):
        return self.values


def test_masked_entries_are_refused_and_gradients_are_taken_off():
    kind, ones = MonarchClass((2, 1), (1, 2)), np.ones((2, 2))
    with pytest.raises(ValueError, match="weights: expected no masked entries, got 1 of 4"):
        membership_of(np.ma.array(ones, mask=[[0, 1], [0, 0]]), kind, name="weights")
    assert membership_of(np.ma.array(ones), kind).member is True
    assert membership_of(Parameter(ones), kind).member is True


@pytest.mark.parametrize("error", [RuntimeError, ZeroDivisionError, NotImplementedError])
def test_what_another_library_cannot_turn_into_an_array_is_one_line(error):
    class Nested:
        def __array__(self, *_, **__):
            raise error("rows of several lengths")

    with pytest.raises(TypeError, match=r"nested: expected scalars that NumPy has, got rows of several lengths"):
        membership_of(Nested(), MonarchClass((2, 2)), name="nested")


def test_arrays_in_bfloat16_are_held_to_its_roundoff():
    """NumPy has them where a library such as JAX adds the type."""
    brain = pytest.importorskip("ml_dtypes").bfloat16
    kind = MonarchClass((4, 4))
    read = read_matrix(random_monarch((4, 4), FLOAT64, np.random.default_rng(0)).dense().astype(brain))
    assert read.stored is BFLOAT16 and membership_of(read, kind).member is True
    assert membership_of(np.random.default_rng(0).standard_normal((16, 16)).astype(brain), kind).member is False


def test_an_error_as_large_as_the_matrix_answers_nothing():
    """Entries k·2⁻¹⁰⁷⁴ are known to a half of their unit: the zero matrix, a member, may be as near."""
    tiny = np.random.default_rng(0).integers(-1, 2, (16, 16)) * 2.0**-1074
    kind = MonarchClass((4, 4))
    answer = membership_of(tiny, kind)
    assert answer.projection.relative_distance > 0.3 and answer.member is None
    assert exact_membership_of(tiny, kind).member is False
    assert membership_of(tiny * 2.0**60, kind).member is False
    assert membership_of(np.full((16, 16), 2.0**-1074), kind).member is True
    assert membership_of(np.zeros((16, 16)), kind).member is True


@pytest.mark.parametrize("domain", [FLOAT32, FLOAT64, COMPLEX64, COMPLEX128], ids=str)
def test_between_one_rounding_and_as_many_as_there_are_inputs_it_is_left_open(domain):
    """Stored weights are good to one rounding, an inner product to N: neither answer holds for both."""
    rng = np.random.default_rng(0)
    kind = MonarchClass((16, 16))
    member = random_monarch((16, 16), domain, rng).dense()
    noise = domain.random(rng, member.shape)
    noise *= domain.dtype.type(np.linalg.norm(member) / np.linalg.norm(noise))
    accuracy = Accuracy.of_class(kind, domain)
    for size, expected in [(0, True), ((accuracy.least * accuracy.most) ** 0.5, None), (100 * accuracy.most, False)]:
        stored = (member + domain.dtype.type(size) * noise).astype(domain.dtype)
        assert membership_of(stored, kind).member is expected, size
        if size and domain in (FLOAT32, COMPLEX64):  # in double precision our own rounding is in the way
            assert membership_of(stored, kind, accuracy=size / 10).member is False
            assert membership_of(stored, kind, accuracy=2 * size).member is True


def test_strided_input_and_size_one():
    matrix = random_monarch((2, 3), INTEGERS, np.random.default_rng(0)).dense()
    kind = MonarchClass((2, 3))
    assert membership_of(np.repeat(matrix, 2, axis=1)[:, ::2], kind).member
    assert membership_of(np.ones((1, 1), int), MonarchClass((1, 1, 1))).member
    assert membership_of(SYMBOLIC.eye(1), MonarchClass((1,)), domain=SYMBOLIC).member


# --- numbers that the verdict rests on: faults in them that nothing above sees ----------------------------------------


def test_a_verdict_where_a_distance_is_its_bound():
    assert verdict(0.5, 0.5, threshold=0.5, limit=0.6, norm=1.0) is True
    assert verdict(0.5, 0.6, threshold=0.1, limit=0.6, norm=1.0) is None
    assert verdict(0.5, 0.7, threshold=0.1, limit=0.6, norm=1.0) is False
    assert verdict(0.5, 0.5, threshold=1.0, limit=1.0, norm=1.0) is None  # the zero matrix is within it, too
    assert verdict(0.5, 0.5, threshold=0.5, limit=1.0, norm=1.0) is True
    assert verdict(1.0, 1.0, threshold=0.5, limit=2.0, norm=1.0) is None
    assert verdict(0.0, 0.0, threshold=0.1, limit=2.0, norm=1.0) is True


def test_a_long_member_in_bfloat16_is_one_though_so_many_sums_in_it_explain_anything():
    rng, kind = np.random.default_rng(0), MonarchClass((16, 16))
    member = random_monarch((16, 16), FLOAT64, rng).dense()
    noise = rng.standard_normal(member.shape) * np.linalg.norm(member) / 256
    for size, expected in [(0.0, True), (0.05, None), (1.0, None)]:
        stored = round_to(member + size * noise, "bfloat16")
        answer = measured_membership(project(stored.astype(float), kind), kind, FLOAT32, BFLOAT16)
        assert answer.member is expected and answer.threshold < 0.01 * answer.projection.norm < answer.limit


def test_the_accuracy_of_entries_is_that_of_their_operations():
    """p − 1 bonds of r products and r − 1 sums, in a tree ⌈log₂(k + 1)⌉ deep; at most one operation an input."""
    unit, smallest = 2.0**-53, 2.0**-1074
    for stages, rank, depth in [((64,), 1, 1), ((8, 8), 1, 1), ((4, 4, 4), 1, 2), ((4, 4, 4), 2, 3)]:
        found = Accuracy.of_class(MonarchClass(stages, rank=rank), FLOAT64)
        assert (found.least, found.most) == (gamma(depth, unit), gamma(64, unit))
        assert (found.least_lost, found.most_lost) == (depth * 64 * smallest / 2, 64 * 64 * smallest)
    assert Accuracy.of(100, (64, 64), FLOAT64).most == gamma(100, unit)
    half, single = Accuracy.of(1, (4, 4), FLOAT32, FLOAT16), gamma(1, 2.0**-24)
    assert half.least == single + 2.0**-11 * (1 + single) and half.most == gamma(4, 2.0**-11)
    assert half.least_lost == 4 * 2.0**-149 / 2 + 4 * 2.0**-24 / 2 and half.most_lost == 4 * 4 * 2.0**-24
    given = Accuracy.given(1e-3, (4, 4), FLOAT64)
    assert (given.least, given.most) == (1e-3, 1e-3)
    assert given.least_lost == given.most_lost == Accuracy.of(1, (4, 4), FLOAT64).most_lost
    assert Accuracy.given(1e-3, (1, 1), FLOAT64).most_lost == smallest
    assert Accuracy(1.0, 2.0, 3.0, 4.0).distances(10.0) == (13.0, 24.0)


@pytest.mark.parametrize("accuracy", [1.0, 1.5, -1e-9, float("nan")])
def test_an_accuracy_is_a_share_and_may_be_nothing(accuracy):
    assert checked_accuracy(0.0) == 0 and Accuracy.given(0.0, (4, 4), FLOAT64).most == 0
    with pytest.raises(ValueError, match="accuracy: expected a number in"):
        checked_accuracy(accuracy)


@pytest.mark.parametrize(("radices", "rank"), [((4, 4), 1), ((4, 4), 2), ((2, 2, 4), 2)])
def test_the_rounding_of_the_residual_is_allowed_for_too(radices, rank):
    """A difference and p − 1 products of r terms in every entry, once per split."""
    kind = MonarchClass(radices, rank=rank)
    answer = membership_of(np.random.default_rng(0).standard_normal((16, 16)), kind)
    residual = (len(radices) - 1) * 2 * gamma(rank + 2, 2.0**-53) * answer.projection.norm
    least, most = Accuracy.of_class(kind, FLOAT64).distances(answer.projection.norm)
    assert (answer.threshold, answer.limit) == (least + residual, most + residual)


@pytest.mark.parametrize("size", [2**31 - 1, 2**31, 2**32])
def test_products_beyond_machine_integers_are_exact(size):
    matrix = np.array([[size, size], [-size, size]], dtype=object)
    assert membership_of(matrix, MonarchClass((2, 1), (1, 2))).refutation.minor == 2 * size**2


def test_pieces_of_the_slices_give_the_same_answer_and_tell_how_far_they_are(monkeypatch):
    kind = MonarchClass((2, 2, 2))
    member = random_monarch((2, 2, 2), INTEGERS, np.random.default_rng(0)).dense()
    wrong = member.copy()
    wrong[5, 6] += 1
    whole = membership_of(wrong, kind).refutation
    monkeypatch.setattr(membership, "PIECE", 16)
    told: list[float] = []
    assert membership_of(member, kind, progress=told.append).member
    size = kind.slices(member, 0).size // len(kind.slices(member, 0))
    step = 16 // size
    expected = [(split + min((start + step) / len(kind.slices(member, split)), 1)) / 2
                for split in (0, 1) for start in range(0, len(kind.slices(member, split)), step)]  # fmt: skip
    assert told == pytest.approx(expected) and told[-1] == 1 and len(told) > 2
    assert membership_of(wrong, kind).refutation == whole


@pytest.mark.parametrize("domain", [INTEGERS, RATIONALS, PrimeField(7)], ids=str)
def test_a_minor_is_read_at_its_rows_and_columns_where_its_pivot_is_off_the_diagonal(domain):
    matrix = domain.array(np.array([[0, 2, 0], [0, 3, 1], [0, 0, 0]]))
    found = membership_of(matrix, MonarchClass((3, 1), (1, 3)), domain=domain).refutation
    assert (found.rows, found.columns, int(found.minor)) == ((0, 1), (1, 2), 2)


@pytest.mark.parametrize(
    "kind", [MonarchClass((6, 2), (4, 3), rank=2), MonarchClass((5, 5)), MonarchClass((8, 4), rank=3)], ids=str
)
def test_members_are_not_left_open_by_the_rounding_of_a_decomposition(kind):
    """Of fifty members computed in double precision, which were given up where the decomposition lost three ulps."""
    for seed in range(50):
        member = project(np.random.default_rng(seed).standard_normal(kind.shape), kind).dense()
        assert membership_of(member, kind).member is True
