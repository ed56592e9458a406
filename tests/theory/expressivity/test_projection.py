"""The projection: optimal where it says so, within its bounds where it does not, and held to derived error bounds."""

from dataclasses import replace
from itertools import pairwise
from math import sqrt

import flint
import mpmath
import numpy as np
import pytest
import scipy.sparse
import sympy
from hypothesis import given
from hypothesis import strategies as st
from scipy.sparse.linalg import aslinearoperator

from monarch_theory.domains import COMPLEX64, COMPLEX128, FLOAT32, FLOAT64, INTEGERS, Cyclotomic, PrimeField
from monarch_theory.expressivity import alternation, projection
from monarch_theory.expressivity.alternation import polish, polish_sum, product
from monarch_theory.expressivity.classes import MonarchClass, balanced_radices, factorisations, tensor_slices
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.expressivity.projection import near_member, operation_roundoff, project, project_batch, project_sum
from monarch_theory.expressivity.tensor_train import BlockTensorTrain
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Convention, random_monarch
from monarch_theory.strategies import arrays, radices

CLASSES = [
    MonarchClass((3, 4)),
    MonarchClass((2, 3), (4, 2), Convention.DAO),
    MonarchClass((4, 4), convention=Convention.DAO_TRANSPOSED, rank=2),
    MonarchClass((2, 3, 2)),
    MonarchClass((2, 2, 2, 2), convention=Convention.DAO),
    MonarchClass((2, 3, 3), (3, 2, 3), rank=2),
    MonarchClass((5,)),
]
DOMAINS = [FLOAT32, FLOAT64, COMPLEX64, COMPLEX128]


@st.composite
def classes(draw, max_order=4):
    columns = draw(radices(max_size=24, max_order=max_order, max_radix=5))
    rows = draw(radices(max_size=24, min_order=len(columns), max_order=len(columns), max_radix=5))
    return MonarchClass(columns, rows, draw(st.sampled_from(Convention)), draw(st.integers(1, 3)))


@st.composite
def problems(draw, max_order=4):
    kind = draw(classes(max_order))
    return kind, draw(arrays(draw(st.sampled_from([FLOAT64, COMPLEX128])), kind.shape))


def slack(matrix, kind):
    """Rounding of a dense reconstruction and its norm: a product of p factors of rank r per entry."""
    domain = {d.dtype: d for d in DOMAINS}[matrix.dtype]
    terms = kind.order * (kind.rank + 2) + matrix.size
    return terms * operation_roundoff(domain) * np.linalg.norm(matrix) * (1 + kind.rank)


@given(problems())
def test_reported_distance_is_the_distance_and_the_bounds_hold(problem):
    kind, matrix = problem
    found = project(matrix, kind)
    allowed = found.rounding + slack(matrix, kind)
    assert abs(np.linalg.norm(matrix - found.dense()) - found.distance) <= allowed
    assert found.lower_bound <= found.distance + found.rounding
    assert found.distance <= found.guarantee * (found.lower_bound + found.rounding) + found.rounding
    assert found.optimal == (kind.order <= 2)
    if found.optimal:
        assert abs(found.distance - found.lower_bound) <= found.rounding


@given(problems())
def test_idempotent_and_never_longer(problem):
    """P(P(A)) = P(A); ‖P(A)‖ ≤ ‖A‖, because the residual is orthogonal to the member (Pythagoras)."""
    kind, matrix = problem
    once = project(matrix, kind)
    twice = project(once.dense(), kind)
    allowed = once.rounding + twice.rounding + slack(matrix, kind)
    assert np.linalg.norm(twice.dense() - once.dense()) <= allowed
    assert np.linalg.norm(once.dense()) <= np.linalg.norm(matrix) + allowed
    assert abs(np.linalg.norm(once.dense()) ** 2 + once.distance**2 - once.norm**2) <= 4 * allowed * max(once.norm, 1)


def test_the_projection_is_not_one_lipschitz():
    """Non-expansive in the sense ‖P(A) − P(B)‖ ≤ ‖A − B‖ is false: the class is a cone, not a convex set."""
    kind = MonarchClass((2, 1), (1, 2))
    near, far = np.diag([1.0, 0.9]), np.diag([0.9, 1.0])
    moved = np.linalg.norm(project(near, kind).dense() - project(far, kind).dense())
    assert moved > np.linalg.norm(near - far) * 9


@given(classes(), st.integers(0, 10**6))
def test_distance_is_zero_exactly_for_members(kind, seed):
    rng = np.random.default_rng(seed)
    terms = kind.rank if kind.order <= 2 else 1
    member = sum(
        random_monarch(
            kind.input_radices, FLOAT64, rng, output_radices=kind.output_radices, convention=kind.convention
        ).dense()
        for _ in range(terms)
    )
    assert project(member, kind).distance <= project(member, kind).rounding
    matrix = rng.integers(-2, 3, kind.shape)
    # integers of size ≤ 2 with a non-zero minor are no nearer than that minor over (norm of the slice)^rank allows
    exact, measured = membership_of(matrix, kind), project(matrix, kind)
    assert exact.member == (measured.distance <= measured.rounding)


@given(problems(max_order=2), st.integers(0, 10**6), st.sampled_from([1e-3, 1e-1, 1.0]))
def test_order_two_beats_every_other_member(problem, seed, size):
    kind, matrix = problem
    best = project(matrix, kind)
    rng = np.random.default_rng(seed)
    cores = [core + size * rng.standard_normal(core.shape) for core in best.train.cores]
    other = type(best.train)(tuple(cores), kind, best.train.domain).dense()
    assert np.linalg.norm(matrix - other) >= best.distance - best.rounding - slack(matrix, kind)


def test_the_distance_is_sympys_singular_values():
    matrix = sympy.Matrix(4, 4, lambda i, j: (3 * i * i + 5 * j + i * j) % 7)
    tail = sympy.Integer(0)
    kind = MonarchClass((2, 2))
    for piece in kind.slices(np.array(matrix.tolist(), dtype=object)):
        gram = sympy.Matrix(piece.tolist()).T * sympy.Matrix(piece.tolist())
        tail += min((sympy.re(v.evalf(40)) for v in gram.eigenvals(multiple=True)), key=float)
    found = project(matrix, kind)
    assert abs(found.distance - float(sympy.sqrt(tail))) <= found.rounding


@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_the_rounding_bound_holds_against_fifty_digits(domain):
    kind, rng = MonarchClass((3, 3)), np.random.default_rng(0)
    for spread in (0.0, 1e-4, 1.0):
        matrix = random_monarch((3, 3), domain, rng).dense()
        matrix = (matrix + domain.dtype.type(spread) * domain.random(rng, (9, 9))).astype(domain.dtype)
        found = project(matrix, kind)
        with mpmath.workdps(50):
            squares = mpmath.mpf(0)
            for piece in kind.slices(matrix):
                values = mpmath.svd_c(mpmath.matrix(piece.tolist()), compute_uv=False)
                squares += sum(values[k] ** 2 for k in range(1, 3))
            optimum = mpmath.sqrt(squares)
        assert abs(found.distance - optimum) <= found.rounding
        assert found.rounding <= 100 * float(np.finfo(domain.dtype).eps) * found.norm


def test_a_wrong_projection_is_caught():
    """The optimality check can fail: truncating the transposed grouping, or one side only, is worse."""
    matrix = np.random.default_rng(0).standard_normal((16, 16))
    kind = MonarchClass((4, 4))
    best = project(matrix, kind)
    first_columns = [np.outer(s[:, 0], s[:, 0] @ s / (s[:, 0] @ s[:, 0])) for s in kind.slices(matrix)]
    worse = sqrt(sum(((a - b) ** 2).sum() for a, b in zip(kind.slices(matrix), first_columns, strict=True)))
    assert worse > best.distance + best.rounding
    other_slices = project(matrix, MonarchClass((4, 4), convention=Convention.DAO)).dense()
    assert project(other_slices, kind).distance > 0.1


@pytest.mark.parametrize("kind", CLASSES, ids=str)
@pytest.mark.parametrize("domain", DOMAINS, ids=str)
def test_every_dtype_keeps_its_own(domain, kind):
    matrix = domain.random(np.random.default_rng(7), kind.shape)
    found = project(matrix, kind)
    assert found.dense().dtype == matrix.dtype
    assert abs(np.linalg.norm(matrix - found.dense()) - found.distance) <= found.rounding + slack(matrix, kind)


@pytest.mark.parametrize("scale", [1e-300, 1e-30, 1e30, 1e300])
def test_scale_neither_overflows_nor_vanishes(scale):
    matrix = np.random.default_rng(0).standard_normal((6, 6))
    kind = MonarchClass((2, 3))
    assert project(matrix * scale, kind).relative_distance == pytest.approx(project(matrix, kind).relative_distance)
    assert project(matrix * scale, MonarchClass((6,))).norm == pytest.approx(project(matrix, kind).norm * scale)


@pytest.mark.parametrize("entry", [3**40, flint.fmpq(1, 3)], ids=["integers", "rationals"])
def test_rounding_includes_the_conversion_of_exact_entries(entry):
    """Twice the same rows but for one part in 2^60, which float64 loses."""
    kind, off = MonarchClass((2, 1), (1, 2)), entry * flint.fmpq(2**60 + 1, 2**60)
    found = project([[entry, entry], [entry, off]], kind)
    assert not membership_of(np.array([[entry, entry], [entry, off]], dtype=object), kind).member
    size = float(flint.fmpq(entry).p) / float(flint.fmpq(entry).q)
    assert abs(found.distance - size / 2**61) <= found.rounding and found.rounding >= 2.0**-53 * found.norm


def test_slice_errors_say_where_the_error_sits():
    member = random_monarch((4, 4), FLOAT64, np.random.default_rng(0)).dense()
    member[5, 6] += 1.0  # i = 5: i_0 = 1; j = 6: a_1 = 2
    errors = project(member, MonarchClass((4, 4))).slice_errors
    assert np.unravel_index(errors.argmax(), errors.shape) == (1, 2)
    errors[1, 2] = 0
    assert errors.max() < 1e-25


def test_operators_exact_scalars_and_monarchs_are_read():
    matrix = np.arange(16).reshape(4, 4)
    kind = MonarchClass((2, 2))
    expected = project(matrix.astype(float), kind).distance
    assert project(matrix, kind).distance == expected
    assert project(aslinearoperator(matrix.astype(float)), kind).distance == expected
    assert project(fourier((2, 2), Cyclotomic(4)), kind).distance < 1e-15
    assert project(INTEGERS.array(matrix), kind).distance == expected


def test_sparse_strided_and_batched_input():
    kind, batch = MonarchClass((2, 3)), np.random.default_rng(0).standard_normal((5, 6, 6))
    expected = [project(matrix, kind).distance for matrix in batch]
    assert [found.distance for found in project_batch(batch, kind)] == expected
    assert project(scipy.sparse.csr_array(batch[0]), kind).distance == expected[0]
    assert project(np.asmatrix(batch[0]), kind).distance == expected[0]
    wide = np.repeat(np.repeat(batch[0], 2, axis=0), 3, axis=1)
    assert project(wide[::2, ::3], kind).distance == project(np.asfortranarray(batch[0]), kind).distance == expected[0]
    batch[3, 1, 2] = np.nan
    with pytest.raises(ValueError, match=r"matrices\[3\]: expected finite entries, got nan at \(1, 2\)"):
        project_batch(batch, kind)


def test_bad_input_is_named():
    kind = MonarchClass((2, 2))
    with pytest.raises(ValueError, match="A: expected finite entries, got inf"):
        project(np.full((4, 4), np.inf), kind, name="A")
    with pytest.raises(TypeError, match="expected numbers with a distance, got scalars of F_7"):
        project(random_monarch((2, 2), PrimeField(7), np.random.default_rng(0)), kind)
    for large in (10**400, flint.fmpq(10**400, 3)):
        with pytest.raises(ValueError, match=r"A: expected entries below 1.8e308"):
            project([[large, 0], [0, 1]], MonarchClass((2,)), name="A")
    with pytest.raises(ValueError, match="expected 1 for a single Monarch matrix, got 2"):
        project(np.ones((4, 4)), MonarchClass((2, 2), rank=2)).matrix  # noqa: B018
    with pytest.raises(ValueError, match="7 is not a product of 2 integers above one"):
        balanced_radices(7, 2)
    with pytest.raises(ValueError, match="radices: expected a positive integer, got -4"):
        balanced_radices(-4, 2)
    with pytest.raises(ValueError, match="order: expected a positive integer, got 0"):
        balanced_radices(8, 0)


@pytest.mark.parametrize("n", [1, 2, 12, 36, 64, 97])
def test_balanced_radices_have_the_fewest_parameters(n):
    for order in (1, 2, 3):
        options = factorisations(n, order)
        if options:
            fewest = min(MonarchClass(r).parameters for r in options)
            assert MonarchClass(balanced_radices(n, order)).parameters == fewest


def test_progress_reaches_the_end():
    seen = []
    project(np.eye(64), MonarchClass((4, 4, 4)), progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == pytest.approx(1.0)


HIGHER = [
    MonarchClass((2, 3, 2)),
    MonarchClass((2, 2, 2, 2), convention=Convention.DAO),
    MonarchClass((2, 3, 2), (3, 2, 4), Convention.DAO_TRANSPOSED),
    MonarchClass((3, 1, 2), (2, 2, 2)),
]


def check_polish(polished):
    """Never farther, the product of its cores, and no factor moved alone comes nearer by much."""
    rng = np.random.default_rng(0)
    for kind in HIGHER:
        for dtype in (float, complex):
            matrix = rng.standard_normal(kind.shape)
            if dtype is complex:
                matrix = matrix + 1j * rng.standard_normal(kind.shape)
            start = [core + 0.3 * rng.standard_normal(core.shape) for core in project(matrix, kind).train.cores]
            tensor = kind.digit_tensor(matrix)
            first, found = product(start, kind), polished(tensor, start, kind)
            near = product(found, kind)
            dense = BlockTensorTrain(tuple(found), kind, {float: FLOAT64, complex: COMPLEX128}[dtype]).dense()
            assert np.allclose(kind.matrix_of(near), dense)
            distance = np.linalg.norm(tensor - near)
            assert distance <= np.linalg.norm(tensor - first) * (1 + 1e-12)
            for k, core in enumerate(found):
                gain = 0.0  # of the best change of every entry of this factor alone: their directions are orthogonal
                for place in np.ndindex(core.shape):
                    unit = np.zeros_like(core)
                    unit[place] = 1
                    along = product([*found[:k], unit, *found[k + 1 :]], kind)
                    gain += abs(np.vdot(along, tensor - near)) ** 2 / max(np.vdot(along, along).real, 1e-300)
                assert gain <= 1e-3 * distance**2, (kind, k)


def test_polish_reaches_a_member_that_no_single_factor_betters():
    check_polish(polish)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda tensor, cores, kind: cores,
        lambda tensor, cores, kind: [2 * core for core in polish(tensor, cores, kind)],
        lambda tensor, cores, kind: [*polish(tensor, cores, kind)[:-1], cores[-1]],
    ],
    ids=["nothing done", "too long", "the last factor left alone"],
)
def test_a_wrong_polish_is_caught(wrong):
    with pytest.raises(AssertionError):
        check_polish(wrong)


@pytest.mark.parametrize("kind", HIGHER, ids=str)
def test_neither_direction_alone_is_nearer(kind):
    """The transpose has the stages in the opposite order, so its projection starts from the other end."""
    rng = np.random.default_rng(1)
    for rank in (1, 2):
        for _ in range(5):
            matrix = rng.standard_normal(kind.shape)
            there = project(matrix, replace(kind, rank=rank))
            turned = MonarchClass(kind.output_radices[::-1], kind.input_radices[::-1], kind.convention.transposed, rank)
            back = project(matrix.T, turned)
            assert there.distance == pytest.approx(back.distance, rel=1e-3)
            assert there.lower_bound == pytest.approx(back.lower_bound)


def test_order_three_reaches_its_lower_bound_on_the_dft():
    """One direction alone stops at 0.9063 here, and at 0.8513 on noise."""
    found = project(np.fft.fft(np.eye(64)), MonarchClass((4, 4, 4), convention=Convention.DAO))
    assert found.relative_distance == pytest.approx(np.sqrt(3) / 2) == found.lower_bound / found.norm
    noise = np.random.default_rng(0).standard_normal((64, 64))
    assert project(noise, MonarchClass((4, 4, 4), convention=Convention.DAO)).relative_distance < 0.833


def check_sum(polished):
    """Never farther than the terms were, and nearer than each of them moved by itself; scale and dtype change nothing.

    Where no stage of any term can be bettered with the others held, the residual is orthogonal to all members that
    differ in that stage alone: the last stage solved is asked.
    """
    rng = np.random.default_rng(5)
    for domain in DOMAINS:
        for columns, rows in [((2, 3, 2), (3, 2, 2)), ((2, 2, 2, 2), (2, 2, 2, 2)), ((4, 4, 4), (4, 4, 4))]:
            kind = MonarchClass(columns, rows)
            for terms in (2, 3):
                tensor = kind.digit_tensor(domain.random(rng, kind.shape))
                starts = [list(random_monarch(columns, domain, rng, output_radices=rows).factors) for _ in range(terms)]
                starts = [[f[:, :, None, None, :] for f in start] for start in starts]
                found = polished(tensor, starts, kind)
                assert [core.dtype for core in found[0]] == [domain.dtype] * kind.order
                before, after = (sum(product(cores, kind) for cores in some) for some in (starts, found))
                rest, size = np.linalg.norm(tensor - after), np.linalg.norm(tensor)
                assert rest < np.linalg.norm(tensor - before) and rest < size
                slack = 2e3 * np.finfo(domain.dtype).eps
                for cores in found:
                    other = [*cores[:-1], domain.random(rng, cores[-1].shape)]
                    direction = product(other, kind)
                    overlap = abs(np.vdot(direction, tensor - after))
                    assert overlap <= slack * size * np.linalg.norm(direction) * (1 + np.linalg.norm(after) / size)


def test_terms_of_a_sum_are_moved_together():
    check_sum(polish_sum)


@pytest.mark.parametrize(
    "wrong",
    [
        lambda tensor, terms, kind: terms,
        lambda tensor, terms, kind: [polish(tensor, cores, kind) for cores in terms],
        lambda tensor, terms, kind: [polish(tensor / len(terms), cores, kind) for cores in terms],
        lambda tensor, terms, kind: [polish_sum(tensor, terms, kind)[0]] * len(terms),
        lambda tensor, terms, kind: [[core.astype(complex) for core in t] for t in polish_sum(tensor, terms, kind)],
    ],
    ids=["nothing", "each for all", "each for a share", "one for all", "another dtype"],
)
def test_wrong_sums_are_caught(wrong):
    with pytest.raises(AssertionError):
        check_sum(wrong)


@pytest.mark.parametrize("dtype", [float, complex])
def test_some_of_a_large_sum_says_whether_its_terms_are_told_apart(dtype, monkeypatch):
    """Terms that nothing else finds are told apart as without asking, in part of a matrix too; noise is as it was."""
    kind, rng = MonarchClass((4, 2, 3), (3, 2, 4)), np.random.default_rng(5)
    factors = (random_monarch(kind.input_radices, FLOAT64, rng, output_radices=kind.output_radices) for _ in range(3))
    whole = sum(member.dense() for member in factors)
    partly, noise = whole.copy(), rng.standard_normal(kind.shape)
    kind.digit_tensor(partly)[2] = kind.digit_tensor(noise)[2]
    for matrix in (whole, partly, noise):
        found = []
        for vast in (2**62, 0):
            monkeypatch.setattr(projection, "VAST", vast)
            near = sum(train.dense() for train in project_sum(matrix.astype(dtype), kind, 3))
            found.append(np.linalg.norm(matrix - near) / np.linalg.norm(matrix))
        assert found[1] == pytest.approx(found[0], abs=1e-9)
    assert found[0] > 0.1


@pytest.mark.parametrize("kind", [*HIGHER, MonarchClass((2,) * 6)], ids=str)
def test_few_sweeps_are_between_none_and_all(kind):
    rng = np.random.default_rng(3)
    for dtype in (np.float32, float, complex):
        noise = rng.standard_normal(kind.shape).astype(dtype)
        member = random_monarch(
            kind.input_radices, FLOAT64, rng, output_radices=kind.output_radices, convention=kind.convention
        )
        member = member.dense().astype(dtype)
        for matrix in (noise, member):
            far = [np.linalg.norm(matrix - near_member(matrix, kind, sweeps=sweeps)) for sweeps in (0, 1, 5, None)]
            slack = 1000 * np.finfo(dtype).eps * np.linalg.norm(matrix)
            assert all(after <= before + slack for before, after in pairwise(far))
        assert far[0] < 10 * slack


def check_digits(polished):
    """Single precision takes no digits away: sums that are exact stay so, whatever sizes their entries have.

    The share of the norm that the ridge may hold on to is what sweeps in double precision are allowed.
    """
    rng, share = np.random.default_rng(6), alternation.RIDGE * np.finfo(float).eps
    for kind in (MonarchClass((2, 4, 2)), MonarchClass((2, 2, 4), (4, 2, 2)), *HIGHER):
        for domain in (FLOAT64, COMPLEX128):
            for spread in (0, 3, 30):
                terms = []
                for _ in range(2):
                    member = random_monarch(kind.input_radices, domain, rng, output_radices=kind.output_radices)
                    sizes = [10.0 ** rng.uniform(-spread, 0, factor.shape) for factor in member.factors]
                    stages = zip(member.factors, sizes, strict=True)
                    terms.append([(factor * size)[:, :, None, None, :] for factor, size in stages])
                for some in (terms[:1], terms):
                    tensor = np.asarray(sum(product(cores, kind) for cores in some))
                    near = sum(product(cores, kind) for cores in polished(tensor, some, kind))
                    assert np.linalg.norm(tensor - near) <= share * np.linalg.norm(tensor), (kind, len(some), spread)


@pytest.mark.filterwarnings("error")
def test_sweeps_that_begin_in_single_precision_end_in_double(monkeypatch):
    monkeypatch.setattr(alternation, "LARGE", 1)
    check_digits(polish_sum)
    check_polish(polish)
    check_sum(polish_sum)


@pytest.mark.parametrize("wrong", ["starts lose digits", "ends lose digits"])
def test_lost_digits_are_caught(wrong, monkeypatch):
    def short(factor):
        return factor.astype(alternation.HALVES[factor.dtype]).astype(factor.dtype)

    def started(tensor, terms, kind):
        return polish_sum(tensor, [[short(core) for core in cores] for cores in terms], kind)

    def ended(tensor, terms, kind):
        return [[short(core) for core in cores] for cores in polish_sum(tensor, terms, kind)]

    with pytest.raises(AssertionError):
        check_digits(started if wrong == "starts lose digits" else ended)


def test_sweeps_end_where_single_precision_overflows(monkeypatch):
    """Squares of what is small vanish in it; a quotient by them was no number, and four hundred sweeps were made."""
    monkeypatch.setattr(alternation, "LARGE", 1)
    sweep, calls = alternation._sweep, []
    monkeypatch.setattr(alternation, "_sweep", lambda *given: calls.append(given) or sweep(*given))
    kind = MonarchClass((2,) * 6)
    rng = np.random.default_rng(7)
    for depth in (60, 300) * 8:
        sizes = 10.0 ** rng.uniform(-depth, 0, kind.shape)
        project(rng.standard_normal(kind.shape) * sizes, kind)
    assert 0 < len(calls) < alternation.MORE_SWEEPS


@pytest.mark.parametrize("rank", [1, 2])
@pytest.mark.parametrize("kind", [*HIGHER, MonarchClass((2, 4, 2)), MonarchClass((4, 2, 8), (2, 8, 4))], ids=str)
def test_the_lower_bound_is_the_largest_tail_of_all_splits(kind, rank):
    """Those that cannot have it are not decomposed; ties, members and sparse matrices are asked as well."""
    rng = np.random.default_rng(8)
    kind, noise = replace(kind, rank=rank), rng.standard_normal(kind.shape)
    member = project(noise, kind).dense()
    for matrix in (noise, member, member + 1e-6 * noise, np.eye(*kind.shape), noise * (rng.random(kind.shape) < 0.1)):
        tails = []
        for split in range(kind.order - 1):
            slices = tensor_slices(kind.digit_tensor(matrix), kind.order, split)
            tails.append(np.linalg.norm(np.linalg.svd(slices, compute_uv=False)[:, kind.ranks[split + 1] :]))
        found = project(matrix, kind)
        assert abs(found.lower_bound - max(tails)) <= found.rounding


@pytest.mark.parametrize("second", [0.1, 0.02, 0.005, 0.001])
@pytest.mark.parametrize("left", [0.0, 1e-13, 1e-9, 1e-5, 0.5])
def test_wide_bonds_lose_nothing_by_quick_vectors(second, left, monkeypatch):
    """Slices of rank 2, the second part much less than the first: a Gram matrix knows its square alone."""
    kind, rng = MonarchClass((6, 3, 6), (6, 4, 6), rank=2), np.random.default_rng(3)
    shapes = [core.shape for core in project(rng.standard_normal(kind.shape), kind).train.cores]
    cores = tuple(rng.standard_normal(shape) for shape in shapes)
    cores[0][:, :, 1] *= second
    member = BlockTensorTrain(cores, kind).dense()
    noise = rng.standard_normal(kind.shape)
    matrix = member + left * noise * np.linalg.norm(member) / np.linalg.norm(noise)
    found = project(matrix, kind)
    monkeypatch.setattr(projection, "SHARP", 0.0)  # never content with quick vectors
    careful = project(matrix, kind)
    assert found.distance <= careful.distance * (1 + 1e-7)
    assert (membership_of(matrix, kind).member is True) == (left == 0)


def test_quick_vectors_are_enough_where_much_is_left(monkeypatch):
    monkeypatch.setattr(np.linalg, "svd", None)  # the whole decomposition, which is not called
    matrix = np.random.default_rng(4).standard_normal((16, 16))
    assert project(matrix, MonarchClass((2, 2, 4), rank=2)).distance > 0
