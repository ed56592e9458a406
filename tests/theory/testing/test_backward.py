"""Ops of several outputs: gradients are exact, bounded output by output, and reports say which one is wrong."""

import subprocess
import sys
from fractions import Fraction

import numpy as np
import pytest

from monarch_theory.rounding import default_model
from monarch_theory.testing.cases import cases, make_case
from monarch_theory.testing.check import check
from monarch_theory.testing.judge import Verdict, judge, reference
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.mutants.corpus import LAYERS
from monarch_theory.testing.ops import NAMES, op_named
from monarch_theory.testing.oracle import exact_answer
from monarch_theory.testing.report import as_dict, as_text, script

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

# those of layers are no polynomials, and have a test of their own
BACKWARD = [name for name in NAMES if name.endswith("-backward") and name not in LAYERS]
BLOCK = "block-diagonal-multiply-backward"

KERNELS = """
import numpy as np

def gradients(gradient, x, blocks):
    k, rows, columns = blocks.shape
    g, cut = gradient.reshape(len(x), k, rows), x.reshape(len(x), k, columns)
    of_x = np.einsum("krc,bkr->bkc", blocks, g).reshape(x.shape)
    return of_x, np.einsum("bkr,bkc->krc", g, cut)

def right(gradient, x, blocks):
    return gradients(gradient, x, blocks)

def into_out(gradient, x, blocks, out):
    for held, found in zip(out, gradients(gradient, x, blocks)):
        held[...] = found

def last_row_dropped(gradient, x, blocks):
    return gradients(gradient, x, blocks)[0], gradients(gradient[:-1], x[:-1], blocks)[1]

def one_output(gradient, x, blocks):
    return gradients(gradient, x, blocks)[0]

def blocks_unwritten(gradient, x, blocks):
    of_x, _ = gradients(gradient, x, blocks)
    return of_x, np.empty_like(blocks)

def second_reused(gradient, x, blocks, kept={}):
    of_x, of_blocks = gradients(gradient, x, blocks)
    held = kept.setdefault(of_blocks.shape, np.empty_like(of_blocks))
    held[...] = of_blocks
    return of_x, held
"""


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("kernels") / "kernels.py"
    path.write_text(KERNELS)
    return path


def inner(a, b):
    """Re Σ conj(a) b, exactly."""
    return sum(
        Fraction(float(part_a)) * Fraction(float(part_b))
        for x, y in zip(np.ravel(a), np.ravel(b), strict=True)
        for part_a, part_b in ((np.real(x), np.real(y)), (np.imag(x), np.imag(y)))
    )


@pytest.mark.parametrize("entries", [1 << 8, pytest.param(None, marks=pytest.mark.long)])
@pytest.mark.parametrize("name", BACKWARD)
def test_every_gradient_is_the_derivative_along_any_direction(name, entries):
    """Every op is of degree 2 at most in each argument: central differences of integers are derivatives, exactly.

    So are those of a DFT whose roots of unity are Gaussian integers.
    """
    backward, forward = op_named(name), op_named(name.removesuffix("-backward"))
    dtype = "complex128" if "complex128" in backward.dtypes() else "float64"
    tried = 0
    largest, count = (4, 240) if "dft" in name else (16, 60)
    for case in cases(backward, dtype, count=count, max_size=largest, most_entries=entries):
        if case.family != "integers" or ("dft" in name and 3 in case.shape["radices"]):
            continue
        gradient, *arguments = case.values
        arguments = arguments or forward.arguments(case.shape)
        rng = np.random.default_rng(1)
        values = {a: case.values[a] if a in case.values else np.zeros_like(case.values[gradient]) for a in arguments}
        found = [one.high for one in exact_answer(backward, case.values, case.shape)]
        for argument, of_argument in zip(arguments, found, strict=True):
            step = rng.integers(-2, 3, values[argument].shape).astype(values[argument].dtype)
            ahead, behind = (
                forward.oracle(values | {argument: values[argument] + s}, case.shape) for s in (step, -step)
            )
            slope = inner(case.values[gradient], ahead - behind)
            assert slope == 2 * inner(of_argument, step), (argument, case.describe())
            tried += 1
    assert tried > 4


def test_a_right_kernel_is_right_in_every_output(file):
    for name in ("right", "into_out"):
        report = check(file, name, BLOCK, cases_wanted=60, max_size=64)
        assert report.verdict is Verdict.RIGHT
        assert report.outputs.keys() == {"gradient of x", "gradient of blocks"}
        assert all(0 < ratio <= 1 for ratio in report.outputs.values())
        assert "worst ratio of each: gradient of x" in as_text(report)
        assert as_dict(report)["worst"]["output"] in report.outputs


@pytest.mark.parametrize(
    ("name", "verdict", "cause"),
    [
        ("last_row_dropped", Verdict.WRONG, "not summed over the batch"),
        ("one_output", Verdict.NOT_AN_ARRAY, "not an array"),
        ("blocks_unwritten", Verdict.UNWRITTEN, "unwritten memory"),
        ("second_reused", Verdict.STALE, "stale output"),
    ],
)
def test_the_wrong_output_is_named_and_the_script_shows_it(file, tmp_path, name, verdict, cause):
    report = check(file, name, BLOCK, cases_wanted=60, max_size=64)
    assert report.verdict is verdict
    if name == "last_row_dropped":
        assert report.message.startswith("gradient of blocks: ")
        assert report.outputs["gradient of x"] <= 1 < report.outputs["gradient of blocks"]
        assert "(wrong)" in as_text(report) and report.worst.output == "gradient of blocks"
    else:
        assert report.failure.cause.name == cause
    reproduction = tmp_path / "reproduce.py"
    reproduction.write_text(script(report))
    done = subprocess.run([sys.executable, str(reproduction)], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and not done.stderr, done.stderr


def test_a_nan_in_one_row_reaches_the_sum_over_the_batch_and_leaves_the_other_rows_alone():
    op = op_named(BLOCK)
    shape = {"batch": 3, "blocks": 2, "rows": 2, "columns": 2}
    case = make_case(op, "float32", shape, "nonfinite", "contiguous", (3,))
    expected = reference(case, default_model("float32"))
    of_x, of_blocks = (one.truth.high.astype(np.float32) for one in expected)
    dtypes = ("float32", "float32")
    of_x[case.poisoned_row] = np.nan
    assert "did not reach" in judge(case, Run(outputs=(of_x, of_blocks), dtypes=dtypes), expected).message
    of_blocks[:] = np.nan
    assert judge(case, Run(outputs=(of_x, of_blocks), dtypes=dtypes), expected).verdict is Verdict.RIGHT
    of_x[:] = np.nan
    assert judge(case, Run(outputs=(of_x, of_blocks), dtypes=dtypes), expected).verdict is Verdict.NAN
