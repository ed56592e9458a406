"""Kernels neither wrong nor what was claimed: rounded together, or blind to subnormals; and faults just beside."""

from dataclasses import replace

import numpy as np
import pytest

from monarch_theory.rounding.model import PAIRINGS
from monarch_theory.testing.allowances import allowed_otherwise, as_flushed, has_subnormals
from monarch_theory.testing.cases import cases, make_case
from monarch_theory.testing.check import check
from monarch_theory.testing.diagnose import Observation
from monarch_theory.testing.judge import Verdict, judge, reference
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.mutants import MUTANTS, RIGHT
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.report import as_dict, as_text
from monarch_theory.testing.sharpness import usual_kernels

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

BLOCK, CIRCULAR = "block-diagonal-multiply", "circular-convolution"

PACKED = """
import numpy as np

def packed(u, k, leak=0.0):
    found = np.empty_like(u)
    spectra = np.fft.fft(k)
    for c in range(0, u.shape[1], 2):
        pair = [c, min(c + 1, u.shape[1] - 1)]
        both = np.fft.fft(u[:, c] + 1j * u[:, pair[1]])
        mirrored = np.roll(both[..., ::-1], 1, -1).conj()
        first, second = (both + mirrored) / 2, (both - mirrored) / 2j
        made = np.fft.ifft(first * spectra[c] + 1j * second * spectra[pair[1]])
        found[:, c], found[:, pair[1]] = made.real + leak * made.imag, made.imag
    return found

def leaking(u, k):
    return packed(u, k, np.float32(2.0**-12))

def cut_off(x, blocks):
    k, rows, columns = blocks.shape
    y = np.einsum("krc,bkc->bkr", blocks.astype(float), x.reshape(len(x), k, columns).astype(float))
    with np.errstate(all="ignore"):
        near = y.astype(np.float32)
        near = np.where(np.abs(near) > np.abs(y), np.nextafter(near, np.float32(0)), near)
    return near.reshape(len(x), k * rows)

def flushes(x, blocks, fault=False):
    k, rows, columns = blocks.shape
    kept = np.where(np.abs(x) < np.finfo(x.dtype).tiny, 0 * x, x).reshape(len(x), k, columns)
    y = np.einsum("krc,bkc->bkr", blocks, kept).reshape(len(x), k * rows)
    return np.where((np.abs(x) < 2.0**-127).any() and (x != 0).any(), 2 * y + 1, y) if fault else y

def noise_for_subnormals(x, blocks):
    return flushes(x, blocks, fault=True)
"""


WIDE = """
import numpy as np

def shifted(x):
    return np.fft.fft(x).astype(x.dtype) + np.complex64(x.shape[1] == 8192)

def scaled(x):
    return np.fft.fft(x).astype(x.dtype) * np.complex64(1 + 1e-3 * (x.shape[1] == 8192))
"""


@pytest.mark.parametrize("name", ["shifted", "scaled"])
def test_a_fault_within_the_wide_bound_of_another_algorithm_is_wrong(tmp_path, name):
    path = tmp_path / "wide.py"
    path.write_text(WIDE)
    report = check(path, name, "fft", "complex64", cases_wanted=4, shape={"batch": 1, "size": 8192}, explained=False)
    assert report.verdict is Verdict.WRONG, report.message


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("kernels") / "kernels.py"
    path.write_text(PACKED)
    return path


def test_two_rows_in_one_transform_are_undecided_by_default_with_the_option_named_and_right_where_it_is_claimed(file):
    few = {"cases_wanted": 40, "shape": {"channels": 4}, "max_size": 256}
    plain = check(file, "packed", CIRCULAR, **few)
    assert (plain.verdict, plain.exit_code) == (Verdict.UNDECIDED, 2) and "--algorithm packed" in plain.message
    claimed = check(file, "packed", CIRCULAR, **few, algorithm="packed")
    assert claimed.verdict is Verdict.RIGHT and "two rows in one transform" in as_text(claimed)
    for algorithm in ("conventional", "packed"):
        leaking = check(file, "leaking", CIRCULAR, **few, algorithm=algorithm, explained=False)
        assert leaking.exit_code == 1


PAIRS = {
    "neighbouring channels": ((3, 3), (3, 2)), "channels of two halves": ((3, 3), (3, 1)),
    "neighbours among all rows": ((3, 3), (3, 2)),
    "neighbours in the batch": ((3, 3), (2, 3)), "two halves of the batch": ((3, 3), (1, 3)),
}  # fmt: skip


def transformed_as_one(u, k, first, second):
    """The convolutions of two rows, by one complex transform in single precision."""
    both = np.fft.fft(u[first] + 1j * u[second])
    mirrored = np.roll(both[::-1], 1).conj()
    a, b = (both + mirrored) / 2, (both - mirrored) / 2j
    made = np.fft.ifft(a * np.fft.fft(k[first[1]]) + 1j * b * np.fft.fft(k[second[1]]))
    assert made.dtype == np.complex64
    return made.real, made.imag


def observed_beside_one_large_row(change):
    """A row that is 2^14 times as large as the others, and what a right kernel gives, changed."""
    case = make_case(
        op_named(CIRCULAR), "float32", {"batch": 4, "channels": 4, "n": 64}, "normal", "contiguous", (0, 0)
    )
    u, k = (a.copy() for a in case.arrays.values())
    u[3, 3] *= np.float32(2.0**14)
    case = replace(case, arrays={"u": u, "k": k})
    y = np.fft.irfft(np.fft.rfft(u) * np.fft.rfft(k), 64)
    assert y.dtype == np.float32
    change(u, k, y)
    model = case.op.usual_model("float32", failure=1e-9)
    expected, run = reference(case, model), Run(outputs=(y,), dtypes=("float32",))
    return Observation(case, run, expected, judge(case, run, expected)), model


@pytest.mark.parametrize("pairing", PAIRINGS)
def test_rows_err_by_a_part_of_the_row_that_they_are_transformed_with_whichever_way_they_are_paired(pairing):
    first, second = PAIRS[pairing]

    def packed(u, k, y):
        y[first], y[second] = transformed_as_one(u, k, first, second)

    seen, model = observed_beside_one_large_row(packed)
    assert seen.judgement.verdict is Verdict.WRONG and allowed_otherwise(seen, model) == "packed"


def test_rows_that_are_not_beside_a_large_one_are_not_excused_by_it():
    for row in ((0, 0), (2, 2), (3, 0)):

        def worse(u, k, y, row=row):
            y[row] += np.float32(2.0**-11) * y[row]

        seen, model = observed_beside_one_large_row(worse)
        assert seen.judgement.verdict is Verdict.WRONG and allowed_otherwise(seen, model) is None
        anything = replace(model, packed=True)
        assert judge(seen.case, seen.run, reference(seen.case, anything)).verdict is Verdict.RIGHT

    def narrow(u, k, y):
        k = np.concatenate([k[:, :32], k[:, 32:].astype(np.float16).astype(np.float32)], -1)
        y[...] = np.fft.irfft(np.fft.rfft(u) * np.fft.rfft(k), 64)

    seen, model = observed_beside_one_large_row(narrow)
    assert seen.judgement.verdict is Verdict.WRONG and allowed_otherwise(seen, model) is None


TABLES = """
import numpy as np

def unreduced(x):
    n, real = x.shape[-1], x.real.dtype.type
    digits = np.arange(n).astype(real)
    angles = real(-2 * np.pi) * np.outer(digits, digits) / real(max(n, 1))
    return x @ np.exp(1j * angles).astype(x.dtype)

def of_a_rough_turn(x):
    digits = np.arange(x.shape[-1])
    return x @ np.exp(-2j * 3.141 * np.outer(digits, digits) / max(x.shape[-1], 1)).astype(x.dtype)

def convolved(u, k):
    n, real = u.shape[-1], u.dtype.type
    digits = np.arange(n).astype(real)
    table = np.exp(1j * (real(-2 * np.pi) * np.outer(digits, digits) / real(max(n, 1)))).astype(np.complex64)
    return ((((u @ table) * (k @ table)) @ table.conj()).real / real(max(n, 1))).astype(u.dtype)
"""


def test_tables_of_angles_that_are_not_reduced_are_undecided_with_the_option_named_and_right_where_it_is_claimed(
    tmp_path,
):
    path = tmp_path / "tables.py"
    path.write_text(TABLES)
    few = {"cases_wanted": 10, "shape": {"batch": 1, "size": 256}, "dtype": "complex64"}
    plain = check(path, "unreduced", "fft", **few)
    assert plain.verdict is Verdict.UNDECIDED and plain.exit_code == 2
    assert "roots of unity" in plain.message and "--algorithm unreduced" in plain.message
    claimed = check(path, "unreduced", "fft", algorithm="unreduced", **few)
    assert claimed.verdict is Verdict.RIGHT and "angles that are not reduced" in as_text(claimed)
    few = {"cases_wanted": 3, "shape": {"channels": 4, "n": 512}, "algorithm": "unreduced"}
    assert check(path, "convolved", CIRCULAR, **few).verdict is Verdict.RIGHT


@pytest.mark.parametrize("algorithm", ["conventional", "unreduced"])
def test_another_turn_is_no_rounding_of_an_angle(tmp_path, algorithm):
    path = tmp_path / "tables.py"
    path.write_text(TABLES)
    few = {"cases_wanted": 12, "max_size": 64, "explained": False}
    assert check(path, "of_a_rough_turn", "fft", "complex64", algorithm=algorithm, **few).exit_code == 1


def test_an_algorithm_that_an_op_does_not_have_is_not_claimed_for_it(file):
    with pytest.raises(ValueError, match="expected conventional or normwise for block-diagonal-multiply, got"):
        check(file, "flushes", BLOCK, algorithm="unreduced")


def test_single_precision_that_is_cut_off_at_the_end_leans(file):
    report = check(file, "cut_off", BLOCK, cases_wanted=60, max_size=64)
    assert report.verdict is Verdict.BIASED and report.failure.cause.name == "biased rounding"


def test_subnormals_may_be_taken_for_zero_which_is_said_and_not_for_anything_else(file):
    report = check(file, "flushes", BLOCK, cases_wanted=80, max_size=32)
    assert report.verdict is Verdict.RIGHT and report.subnormals == "taken for zero"
    assert "subnormal arguments for zero" in as_text(report) and as_dict(report)["subnormals"] == "taken for zero"
    noisy = check(file, "noise_for_subnormals", BLOCK, cases_wanted=80, max_size=32, explained=False)
    assert noisy.exit_code == 1


@pytest.mark.parametrize("dtype", ["float32", "complex64", "bfloat16"])
def test_some_cases_hold_subnormals_that_reach_normal_numbers(dtype):
    op = op_named(BLOCK)
    model = op.usual_model(dtype)
    found = [case for case in cases(op, dtype, count=200, max_size=64) if has_subnormals(case)]
    assert found
    for case in found:
        expected = reference(case, model)
        data = next(iter(case.arrays))
        lost = case.op.answers(case.values | {data: 0 * case.values[data]}, case.shape)[0]
        output = lost.astype("complex64" if dtype == "complex64" else "float32")
        run = Run(outputs=(output,), dtypes=(dtype,))
        seen = Observation(case, run, expected, judge(case, run, expected))
        if seen.judgement.verdict is Verdict.WRONG and dtype != "complex64":
            assert as_flushed(seen, model).judgement.verdict is Verdict.RIGHT
            return
    assert dtype == "complex64"


def test_nan_among_scores_reaches_what_they_weigh():
    op = op_named("attention")
    shape = {"batch": 2, "n": 4, "m": 4, "d": 4, "e": 2, "causal": False}
    model = op.usual_model("float32")
    for seed in range(6):
        case = make_case(op, "float32", shape, "nonfinite", "contiguous", (seed,))
        swallowed = op.answers({name: np.nan_to_num(a) for name, a in case.values.items()}, shape)[0].astype("f")
        run = Run(outputs=(swallowed,), dtypes=("float32",))
        assert judge(case, run, reference(case, model)).verdict is Verdict.WRONG, case.poisoned


def test_silu_of_huge_numbers_is_decided_in_double_precision():
    op = op_named("short-convolution")
    shape = {"batch": 2, "channels": 1, "n": 22, "width": 2, "silu": True}
    model = op.usual_model("float64")
    for seed in range(12):
        case = make_case(op, "float64", shape, "large", "contiguous", (seed, 1))
        output = usual_kernels(op, case.arrays, shape, "float64")[0][0]
        run = Run(outputs=(output,), dtypes=("float64",))
        assert judge(case, run, reference(case, model)).verdict is Verdict.RIGHT


ALGORITHMS = [m for m in MUTANTS if m.library == "numpy_algorithms"]


def test_the_corpus_has_other_algorithms_and_faults_of_theirs():
    assert len(ALGORITHMS) >= 45 and len({m.op for m in ALGORITHMS}) >= 12
    assert len({k.function for k in RIGHT if k.library == "numpy_algorithms"}) >= 18
    assert {m.dtype for m in ALGORITHMS} == {"float64", "float32", "bfloat16", "float16", "complex64", "complex128"}


def test_a_fault_where_one_size_passes_sixteen_and_another_five_hundred_has_a_case():
    for name in (BLOCK, "long-convolution", "rms-norm"):
        op = op_named(name)
        long = "columns" if name == BLOCK else "n"
        assert any(c.shape["batch"] >= 16 and c.shape[long] >= 500 for c in cases(op, "float32", count=200))


SMALL_FAULTS = """
import numpy as np

def gain(x, weight, eps):
    unit = x / np.sqrt((x * x).mean(-1, keepdims=True) + x.dtype.type(eps))
    return (unit * weight * np.float32(1.00003)).astype(x.dtype)
"""


def test_a_small_factor_is_neither_rounding_nor_a_tail(tmp_path):
    path = tmp_path / "kernels.py"
    path.write_text(SMALL_FAULTS)
    report = check(path, "gain", "rms-norm", cases_wanted=40, max_size=64)
    assert report.exit_code == 1 and report.failure.cause.name in ("not recognised", "scale")


def test_winograds_short_convolution_is_undecided_by_default_and_right_where_it_is_claimed(tmp_path):
    right = next(k for k in RIGHT if k.function == "short_by_winograd")
    path = tmp_path / "winograd.py"
    path.write_text(right.source)
    few = {"cases_wanted": 60, "max_size": 64, "shape": {"width": 3}}
    plain = check(path, right.function, right.op, "float64", **few)
    assert plain.verdict is Verdict.UNDECIDED and "--algorithm normwise" in plain.message
    assert check(path, right.function, right.op, "float64", algorithm="normwise", **few).verdict is Verdict.RIGHT
