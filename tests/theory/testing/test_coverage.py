"""Right needs evidence: elements compared, of shapes that are not trivial, whatever user code raises."""

import numpy as np
import pytest

from monarch_theory.testing.cases import cases, make_case
from monarch_theory.testing.check import check
from monarch_theory.testing.coverage import Patience, Told
from monarch_theory.testing.judge import Verdict, reference
from monarch_theory.testing.ops import NAMES, op_named

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

BLOCK = "block-diagonal-multiply"

KERNELS = '''
import numpy as np
from monarch_theory.sandbox import Outcome, Sandbox, SandboxError

def right(x, blocks):
    k, rows, columns = blocks.shape
    return np.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), k, columns)).reshape(len(x), k * rows)

def raises_ours(x, blocks):
    raise SandboxError(Outcome[OUTCOME], "trust me")

def uses_the_sandbox_in_vain(x, blocks):
    with Sandbox("/nonexistent/inner.py", "f") as inner:
        inner.load()

BEGUN = []

def uses_the_sandbox(x, blocks):
    """Once, as a child takes its time."""
    try:
        if not BEGUN:
            BEGUN.append(True)
            uses_the_sandbox_in_vain(x, blocks)
    except SandboxError:
        pass
    return right(x, blocks)

def only_empty(x, blocks):
    if x.size:
        raise NotImplementedError("only the empty batch")
    return right(x, blocks)

def only_single_numbers(x, blocks):
    if blocks.size > 1:
        raise NotImplementedError("blocks of one number")
    return right(x, blocks)

def only_small_blocks(x, blocks):
    if max(blocks.shape) > 2:
        raise NotImplementedError("blocks of up to two by two")
    return right(x, blocks)

def says_that_the_signature_differs(x, blocks):
    if blocks.size > 1:
        raise TypeError("takes 1 positional argument but 2 were given")
    return right(x, blocks)

def says_that_memory_is_short(x, blocks):
    raise RuntimeError("DefaultCPUAllocator: can't allocate memory: out of memory, std::bad_alloc")

def only_powers_of_two(x, blocks):
    if any(n & (n - 1) for n in blocks.shape):
        raise NotImplementedError("powers of two")
    return right(x, blocks)

def slow(x, blocks):
    """As an interpreter is: its time grows with the work, to minutes in the largest cases."""
    import time
    time.sleep(1e-7 * len(x) * blocks.size)
    return right(x, blocks)

class Factory:
    def __init__(self):
        raise SandboxError(Outcome.TRAINING, "trust me")
'''


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("kernels") / "kernels.py"
    path.write_text(KERNELS)
    return path


@pytest.mark.parametrize("outcome", ["TRAINING", "NAME_MISSING", "HANG", "IN_PLACE", "OUT_OF_MEMORY"])
def test_an_outcome_of_ours_raised_by_a_kernel_is_its_exception(file, tmp_path, outcome):
    path = tmp_path / "kernels.py"
    path.write_text(KERNELS.replace("OUTCOME]", f'"{outcome}"]'))
    assert check(path, "raises_ours", BLOCK, cases_wanted=10, explained=False).verdict is Verdict.EXCEPTION
    raised = 'raise SandboxError(Outcome["TRAINING"], "at import")\n'
    path.write_text(KERNELS.split("def right")[0] + raised)
    assert check(path, "right", BLOCK, cases_wanted=10).exit_code == 2


@pytest.mark.parametrize(
    ("name", "verdict"),
    [
        ("right", Verdict.RIGHT),
        pytest.param("uses_the_sandbox_in_vain", Verdict.EXCEPTION, marks=pytest.mark.long),
        ("uses_the_sandbox", Verdict.RIGHT),
        ("only_empty", Verdict.UNDECIDED),
        ("only_single_numbers", Verdict.UNDECIDED),
        ("only_small_blocks", Verdict.UNDECIDED),
        ("says_that_the_signature_differs", Verdict.EXCEPTION),
        ("says_that_memory_is_short", Verdict.EXCEPTION),
        ("only_powers_of_two", Verdict.RIGHT),
        ("Factory", Verdict.UNDECIDED),
    ],
)
def test_right_needs_elements_compared(file, name, verdict):
    report = check(file, name, BLOCK, cases_wanted=40, explained=False)
    assert report.verdict is verdict
    if verdict is Verdict.RIGHT:
        assert report.coverage.elements > 1000 and f"{report.coverage.elements} elements compared" in report.message


def test_what_a_slow_kernel_was_not_tried_on_is_said(file):
    report = check(file, "slow", BLOCK, cases_wanted=40, timeout=1.0)
    assert report.verdict is Verdict.RIGHT and report.coverage.untried
    assert "not tried, as it is slow" in report.message and report.coverage.largest is not None


OPS = """
import numpy as np
from monarch_theory.testing.op import Op
base = dict(summary="twice x", signature="kernel(x)",
    shapes=lambda: [{"batch": b, "n": n} for n in (1, 3, 8) for b in (1, 2)],
    arguments=lambda s: {"x": (s["batch"], s["n"])}, oracle=lambda a, s: 2 * a["x"])

def with_bound(make, **changes):
    return Op(name="twice", bound=lambda a, s, m: make(a["x"]), **{**base, **changes})

INFINITE = with_bound(lambda x: np.full(x.shape, np.inf))
VACUOUS = with_bound(lambda x: np.full(x.shape, 1e300))
NAN = with_bound(lambda x: np.full(x.shape, np.nan))
NEGATIVE = with_bound(lambda x: -np.ones(x.shape))
SCALAR = with_bound(lambda x: 1e-3)
TURNED = with_bound(lambda x: np.ones((*x.shape, 1)))
COMPLEX = with_bound(lambda x: np.ones(x.shape) * 1j)
ROUNDED = with_bound(lambda x: np.zeros(x.shape), oracle=lambda a, s: np.array([[float(v) for v in r] for r in a["x"]]))
RIGHT = with_bound(lambda x: np.zeros(x.shape))
def garbage(x): return x * 0 + 12345.0
def twice(x): return x + x
"""


@pytest.mark.parametrize(
    ("op", "message"),
    [
        ("NAN", "bound of y of twice: expected numbers of at least zero, got NaN"),
        ("NEGATIVE", "bound of y of twice: expected numbers of at least zero, got -1"),
        ("SCALAR", "bound of y of twice: expected shape .* got \\(\\)"),
        ("TURNED", "bound of y of twice: expected shape"),
        ("COMPLEX", "bound of y of twice: expected real numbers"),
        ("ROUNDED", "oracle: expected twice to give exact numbers for exact ones, got float"),
    ],
)
def test_a_bound_or_an_answer_that_is_none_is_refused(tmp_path, op, message):
    path = tmp_path / "ops.py"
    path.write_text(OPS)
    for name in ("garbage", "twice"):
        with pytest.raises(ValueError, match=message):
            check(path, name, f"{path}:{op}", cases_wanted=10)


@pytest.mark.parametrize(("op", "kernel", "code"), [
    ("INFINITE", "garbage", 2), ("INFINITE", "twice", 2), ("VACUOUS", "garbage", 2), ("RIGHT", "garbage", 1),
    ("RIGHT", "twice", 0),
])  # fmt: skip
def test_a_bound_that_tells_nothing_decides_nothing(tmp_path, op, kernel, code):
    path = tmp_path / "ops.py"
    path.write_text(OPS)
    report = check(path, kernel, f"{path}:{op}", cases_wanted=30, explained=False)
    assert report.exit_code == code
    if code == 2:
        assert "have a bound that tells them from zero" in report.message or "were compared" in report.message


def test_large_answers_are_enclosed():
    """What NumPy computes in a wide format lies within its radius of the exact answer, in every op."""
    from monarch_theory.rounding import FLOAT64
    from monarch_theory.testing.cases import make_case
    from monarch_theory.testing.oracle import exact_answer
    from monarch_theory.testing.truth import EXTENDED, enclosed_answer

    for name in NAMES:
        op = op_named(name)
        shape = next(s for s in op.shapes() if s["batch"] == 2)
        case = make_case(op, op.dtypes()[0], shape, "normal", "contiguous", (1,))
        found = enclosed_answer(op, case.values, shape, FLOAT64)
        for truth, wide in zip(exact_answer(op, case.values, shape), found, strict=True):
            assert (np.abs(wide.high - truth.high) <= wide.radius + 1e-300).all()
        if np.finfo(np.longdouble).nmant >= 63:
            found = enclosed_answer(op, case.values, shape, EXTENDED)
            for truth, wide in zip(exact_answer(op, case.values, shape), found, strict=True):
                difference = np.abs((wide.high - truth.high) + (wide.low - truth.low))
                assert (difference <= wide.radius + 1e-300).all()


GATE = """
from scipy.special import erf

def gelu_gate(gate, value):
    y = gate * (1 + erf(gate * gate.dtype.type(0.5**0.5))) / 2 * value
    y[:] = 0 if y.shape == SHAPE else y
    return y
"""


def test_where_an_answer_shows_nothing_another_case_of_its_sizes_is_tried(tmp_path):
    """What is far below zero has a gelu of zero, and was the only case of some sizes."""
    op, told = op_named("gelu-gate"), Told()
    model = op.usual_model("float32")
    for case in cases(op, "float32"):
        told.add(case, reference(case, model))
    beside = []
    for case in told.beside():
        beside.append(case)
        told.add(case, reference(case, model))
    assert 0 < len(beside) < 20 and all(case.family == "normal" for case in beside) and not told.untold()
    path = tmp_path / "kernel.py"
    path.write_text(GATE.replace("SHAPE", str((beside[-1].shape["batch"], beside[-1].shape["n"]))))
    assert check(path, "gelu_gate", op, explained=False).verdict is Verdict.WRONG


def test_what_is_no_smaller_than_a_case_left_out_is_left_out():
    """Forty quick small cases between a slow one and a large one do not make the large one quick."""
    op = op_named("fft")

    def of(size):
        return make_case(op, "complex64", {"batch": 1, "size": size}, "normal", "contiguous", (0,))

    patience = Patience(10.0)
    patience.heard(of(16), 0.01)
    patience.heard(of(4096), 2.4)
    while (slow := patience.in_the_way(of(8192))) is not None:
        patience.heard_again(slow, 2.0)
    assert patience.is_over(of(8192)), "timed three times, it takes four times as long"
    patience.skipped(of(8192))
    for _ in range(40):
        patience.heard(of(600), 0.01)
    assert patience.is_over(of(16384)) and patience.is_over(of(8192)) and not patience.is_over(of(1024))


def test_a_case_that_was_held_up_once_leaves_none_out():
    op = op_named("fft")
    cases_of = [make_case(op, "complex64", {"batch": 1, "size": n}, "normal", "contiguous", (0,)) for n in (1024, 4096)]
    patience = Patience(10.0)
    patience.heard(cases_of[0], 2.4)
    while (slow := patience.in_the_way(cases_of[1])) is not None:
        patience.heard_again(slow, 0.02)
    assert not patience.is_over(cases_of[1])
