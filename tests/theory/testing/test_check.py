"""From a kernel's file to a report: verdict, cause, smallest case, script."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from monarch_theory.rounding import default_model
from monarch_theory.testing import reproduce
from monarch_theory.testing.cases import cases
from monarch_theory.testing.check import check, dtype_named, op_from
from monarch_theory.testing.diagnose import Observation, diagnose
from monarch_theory.testing.judge import Verdict, judge, reference
from monarch_theory.testing.kernel import Run
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.report import as_dict, as_text, draw, histogram, script
from monarch_theory.testing.reproduce import exit_code, fails

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

FILE = Path(__file__).parent / "misbehaving_kernels.py"
BLOCK = "block-diagonal-multiply"

FAULTY = """
import numpy as np

def without_last_columns(x, blocks):
    k, rows, columns = blocks.shape
    keep = columns // 4 * 4 or columns
    cut = x.reshape(len(x), k, columns)[..., :keep]
    y = np.einsum("krc,bkc->bkr", blocks[..., :keep], cut)
    return y.reshape(len(x), k * rows)

def transposed(x, blocks):
    k, rows, columns = blocks.shape
    turned = blocks.swapaxes(1, 2) if rows == columns else blocks
    y = np.einsum("krc,bkc->bkr", turned, x.reshape(len(x), k, columns))
    return y.reshape(len(x), k * rows)
"""

OWN_OP = """
from monarch_theory.rounding import add, exactly, store
from monarch_theory.testing.op import Op

OP = Op(
    name="add",
    summary="elementwise sum",
    signature="kernel(x, y): both (batch, n), giving (batch, n)",
    shapes=lambda: [{"batch": b, "n": n} for n in (1, 2, 7, 64) for b in (0, 1, 3)],
    arguments=lambda shape: {name: (shape["batch"], shape["n"]) for name in ("x", "y")},
    oracle=lambda a, shape: a["x"] + a["y"],
    bound=lambda a, shape, model: store(add(exactly(a["x"]), exactly(a["y"]), model), model.storage).error,
)

def right(x, y):
    return x + y

def wrong(x, y):
    return x - y
"""


@pytest.fixture(scope="module")
def faulty(tmp_path_factory):
    path = tmp_path_factory.mktemp("kernels") / "faulty.py"
    path.write_text(FAULTY)
    return path


def test_a_right_kernel_is_right_and_says_on_what_evidence():
    report = check(FILE, "right", BLOCK, "float16", cases_wanted=80, max_size=64)
    assert (report.verdict, report.exit_code, report.cases) == (Verdict.RIGHT, 0, 80)
    assert 0 < report.worst.ratio <= 1 and report.worst.element.keys() == {"batch", "block", "row"}
    text = as_text(report)
    assert "measured against the exact answer" in text and "error in ulps" in text and "deterministic bound" in text
    assert as_dict(report)["evidence"] == "measured" and as_dict(report)["failure"] is None and script(report) == ""


@pytest.mark.parametrize(
    ("name", "cause", "shape"),
    [
        pytest.param(
            "without_last_columns",
            "dropped tail",
            {"batch": 1, "blocks": 1, "rows": 1, "columns": 5},
            marks=pytest.mark.long,
        ),
        ("transposed", "transposed factor", {"batch": 1, "blocks": 2, "rows": 2, "columns": 2}),
    ],
)
def test_a_wrong_kernel_is_shrunk_named_and_reproduced(faulty, tmp_path, name, cause, shape):
    report = check(faulty, name, BLOCK, "float32", seed=3)
    assert (report.verdict, report.exit_code) == (Verdict.WRONG, 1)
    assert report.failure.cause.name == cause
    smallest = report.failure.smallest.case
    assert dict(smallest.shape) == shape
    # the data and the blocks are down to a few ones
    assert all(set(np.unique(a)) <= {-3.0, -2.0, -1.0, 0.0, 1.0, 2.0, 3.0} for a in smallest.arrays.values())
    assert sum(np.count_nonzero(a) for a in smallest.arrays.values()) <= 4
    found = as_dict(report)
    assert json.loads(json.dumps(found))["failure"]["shape"] == json.loads(json.dumps(shape))
    assert as_dict(check(faulty, name, BLOCK, "float32", seed=3)) | {"seconds": 0} == found | {"seconds": 0}
    reproduction = tmp_path / "reproduce.py"
    reproduction.write_text(script(report))
    done = subprocess.run([sys.executable, str(reproduction)], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and "expected" in done.stdout and not done.stderr


def test_the_script_passes_once_the_kernel_is_mended(tmp_path):
    path = tmp_path / "kernel.py"
    path.write_text(FAULTY)
    report = check(path, "transposed", BLOCK, "float64")
    path.write_text(FAULTY.replace("blocks.swapaxes(1, 2) if rows == columns else blocks", "blocks"))
    reproduction = tmp_path / "reproduce.py"
    reproduction.write_text(script(report))
    assert subprocess.run([sys.executable, str(reproduction)], capture_output=True, check=False).returncode == 0


@pytest.mark.parametrize(
    ("name", "verdict", "code"),
    [
        ("unwritten", Verdict.UNWRITTEN, 1),
        ("writes_input", Verdict.MODIFIED, 1),
        ("reuses", Verdict.STALE, 1),
        ("aborts", Verdict.CRASH, 1),
        ("exits", Verdict.CRASH, 1),
        ("really_exits", Verdict.CRASH, 1),
        ("returns_rows", Verdict.NOT_AN_ARRAY, 1),
        ("too_wide", Verdict.WRONG_DTYPE, 1),
        ("half_of_out", Verdict.UNWRITTEN, 1),
        ("returns_its_input", Verdict.WRONG, 1),
        ("loops", Verdict.HANG, 2),
        ("refuses", Verdict.UNDECIDED, 2),
        ("nowhere", Verdict.UNDECIDED, 2),
    ],
)
def test_other_verdicts_and_their_exit_codes(name, verdict, code):
    report = check(FILE, name, BLOCK, "float32", cases_wanted=20, timeout=1.0)
    assert (report.verdict, report.exit_code) == (verdict, code)
    assert code != 1 or reproduce.exit_code(script(report), 60) == 1


@pytest.mark.parametrize(
    ("wrong_at", "cause"),
    [
        ("calls <= 3", "state kept between calls"),
        ("y.size < 8 or calls % 4 < 2", "state kept between calls"),
        ("calls > 40", "state kept between calls"),
        ("calls <= 3 or np.random.random() < 0.5", "race"),
    ],
)
def test_state_and_races_are_told_apart_though_they_first_show_as_a_wrong_value(tmp_path, wrong_at, cause):
    path = tmp_path / "racing.py"
    path.write_text(f"""
import numpy as np
calls = 0

def kernel(x, blocks):
    global calls
    calls += 1 if x.size else 0
    y = np.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), blocks.shape[0], blocks.shape[2])).reshape(len(x), -1)
    if y.size and ({wrong_at}):
        y[-1, -1] = 2 * y[-1, -1] + 1
    return y
""")
    report = check(path, "kernel", BLOCK, "float64")
    assert report.exit_code == 1 and report.failure.cause.name == cause


@pytest.mark.parametrize(
    "name", ["remembers_blocks_by_shape", "remembers_answers_by_parameters", "wrong_at_every_third_call"]
)
def test_state_is_found_and_named_whatever_it_depends_on(name):
    report = check(FILE, name, BLOCK, "float32", cases_wanted=60)
    assert report.exit_code == 1 and report.failure.cause.name == "state kept between calls"
    assert report.failure.reproduced


@pytest.mark.parametrize("name", ["clipped_at_1e9", "clipped_at_1e12", "loses_small_data"])
def test_values_of_any_size_are_tried(name):
    assert check(FILE, name, BLOCK, "float32", explained=False).verdict is Verdict.WRONG


def test_one_wrong_value_is_no_rounding():
    report = check(FILE, "one_wrong_when_long", BLOCK, "float32", shape={"columns": 40})
    assert report.verdict is Verdict.WRONG and report.failure.cause.name == "not recognised"


def test_a_few_wrong_values_are_not_said_to_be_rounding(tmp_path):
    path = tmp_path / "kernel.py"
    path.write_text(f"""{FAULTY}
def off_where_alone(x, blocks):
    k, rows, columns = blocks.shape
    y = np.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), k, columns)).reshape(len(x), k * rows)
    return y * (1 + 2.0**-12 * (y.size == 1))
""")
    report = check(path, "off_where_alone", BLOCK, "float64")
    assert report.verdict is Verdict.WRONG and report.failure.cause.name != "accumulation too narrow"


def test_a_script_that_does_not_fail_says_so(tmp_path):
    """Of a kernel that is wrong only where it is judged, as some depend on more than the script can give them."""
    path = tmp_path / "judged.py"
    path.write_text("""
import sys
import numpy as np

def kernel(x, blocks):
    k, rows, columns = blocks.shape
    y = np.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), k, columns)).reshape(len(x), k * rows)
    return y + ("monarch_theory.sandbox" in sys.modules)
""")
    report = check(path, "kernel", BLOCK, "float32", cases_wanted=20)
    assert report.verdict is Verdict.WRONG and report.failure.reproduced is False
    text = script(report)
    assert "Not reproduced by this script" in text and "Exits with 1 while" not in text
    done = subprocess.run([sys.executable, "-"], input=text, capture_output=True, text=True)
    assert done.returncode == 2 and "Not reproduced by this script" in done.stdout


@pytest.mark.parametrize(
    ("change", "cause", "detail"),
    [
        ("np.clip(blocks, -100, 100)", "clamped", "numbers of blocks larger than 100 are taken for it"),
        ("blocks * (np.arange(blocks.shape[1]) < 8)[:, None]", "dropped tail", "of blocks"),
    ],
)
def test_what_is_done_to_a_parameter_alone_is_named(tmp_path, change, cause, detail):
    path = tmp_path / "kernel.py"
    path.write_text(f"""
import numpy as np

def kernel(x, blocks):
    k, rows, columns = blocks.shape
    blocks = {change}
    return np.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), k, columns)).reshape(len(x), k * rows)
""")
    # a single block entry that is clamped is scaled as well
    report = check(path, "kernel", BLOCK, "float32", shape={"rows": 16})
    assert report.verdict is Verdict.WRONG and report.failure.cause.name == cause
    assert detail in report.failure.cause.detail


def test_one_wrong_number_is_not_said_to_be_clamped():
    """Some limit of some argument explains any number that is too small."""
    case = next(case for case in cases(op_named(BLOCK), "float64", count=20) if case.family == "normal")
    model = default_model("float64")
    expected = reference(case, model)
    wrong = expected[0].truth.high.copy()
    wrong.flat[np.argmax(np.abs(wrong))] *= 0.9
    run = Run(outputs=(wrong,), dtypes=("float64",))
    seen = Observation(case, run, expected, judge(case, run, expected))
    assert seen.judgement.verdict is Verdict.WRONG and diagnose([seen], [], model).name != "clamped"


WAYS = {
    "scaled": lambda y: 1.5 * y,
    "cut off": lambda y: np.clip(y, -np.median(np.abs(y)), np.median(np.abs(y))),
    "no tail": lambda y: np.where(np.arange(y.shape[-1]) < y.shape[-1] // 2, y, 0),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(
    "name", [pytest.param("monarch-multiply", marks=pytest.mark.long), "monarch-multiply-backward"]
)
def test_a_cause_is_sought_among_failures_that_have_other_arguments(name, way):
    """Matrices of two factors fail beside those of three: which comes first is chance."""
    model, failures = default_model("float64"), []
    of_two, of_three = (cases(op_named(name), "float64", count=20, order=order, max_size=12) for order in (2, 3))
    for case in (*of_two, *of_three):
        orders = [len(seen.case.arrays) for seen in failures]
        if case.family != "normal" or case.poisoned or len(case.arrays) in orders:
            continue
        truths = reference(case, model)
        outputs = tuple(
            WAYS[way](truth.truth.high) if truth.truth.high.size > 1 else truth.truth.high for truth in truths
        )
        run = Run(outputs=outputs, dtypes=("float64",) * len(outputs))
        judgement = judge(case, run, truths)
        if judgement.failed and judgement.output == 0:
            failures.append(Observation(case, run, truths, judgement))
    assert len({len(seen.case.arrays) for seen in failures}) >= 2
    for k in range(len(failures)):
        assert diagnose(failures[k:] + failures[:k], [], model).name


def test_a_fault_of_ours_while_the_cause_is_sought_leaves_the_verdict(monkeypatch):
    monkeypatch.setattr("monarch_theory.testing.check.diagnose", lambda *arguments: {}["factor2"])
    report = check(FILE, "unwritten", BLOCK, "float32", cases_wanted=20)
    assert report.exit_code == 1 and report.failure.cause.name == "not named"
    assert "a fault of monarch" in as_text(report) and "KeyError" in as_text(report)


def test_an_ignored_out_is_shown_by_the_script():
    report = check(FILE, "beside_out", BLOCK, "float32", cases_wanted=20)
    assert report.verdict is Verdict.UNWRITTEN and report.failure.reproduced


def test_a_stale_answer_is_shown_by_a_script_that_calls_twice():
    report = check(FILE, "remembers", BLOCK, "float32", cases_wanted=40)
    assert report.failure.cause.name == "state kept between calls"
    assert reproduce.exit_code(script(report), 60) == 1


@pytest.mark.parametrize(
    ("name", "guard"), [("loops", "signal.alarm(1)"), ("eats_memory", "setrlimit(resource.RLIMIT_DATA")]
)
def test_scripts_end_what_would_not_end(name, guard):
    report = check(FILE, name, BLOCK, "float32", cases_wanted=1, timeout=1.0, memory=2.0)
    assert guard in script(report)


def test_a_nan_that_does_not_come_out_is_shown_by_the_script(tmp_path):
    path = tmp_path / "kernel.py"
    turned = "turned = blocks.swapaxes(1, 2) if rows == columns else"
    path.write_text(FAULTY.replace(turned, "x, turned = np.nan_to_num(x),"))
    report = check(path, "transposed", BLOCK, "float32", max_size=16)
    assert report.failure.cause.name == "NaN swallowed"
    assert reproduce.exit_code(script(report), 60) == 1


def test_an_op_of_ones_own_is_one_short_file(tmp_path):
    path = tmp_path / "own.py"
    path.write_text(OWN_OP)
    assert check(path, "right", f"{path}:OP", "bf16", cases_wanted=12).verdict is Verdict.RIGHT
    report = check(path, "wrong", f"{path}:OP", "float32", cases_wanted=12)
    assert report.verdict is Verdict.WRONG and report.failure.smallest.case.shape == {"batch": 1, "n": 1}
    with pytest.raises(ValueError, match="to define an Op named right"):
        op_from(f"{path}:right")


@pytest.mark.parametrize(
    ("line", "instead", "message"),
    [
        ("OP = Op(", "OP = Op(,", "op: expected a file that runs, got SyntaxError"),
        ('a["x"] + a["y"],', 'a["x"] + a["z"],', "oracle: expected add to have one for .*, got KeyError: 'z'"),
        ('a["x"] + a["y"],', '(a["x"], a["y"]),', "oracle: expected add to give 1 arrays"),
        ("add(exactly", "subtract(exactly", "bound: expected add to have one for .*, got NameError"),
    ],
)
def test_an_op_that_does_not_work_is_no_verdict_on_the_kernel(tmp_path, line, instead, message):
    path = tmp_path / "own.py"
    path.write_text(OWN_OP.replace(line, instead))
    kernel = tmp_path / "kernel.py"
    kernel.write_text("def right(x, y): return x + y")
    with pytest.raises(ValueError, match=message):
        check(kernel, "right", f"{path}:OP", cases_wanted=5)


def test_claiming_more_than_the_kernel_keeps_is_found_out():
    """`right` sums float16 in float32 and rounds once: right as claimed, not as a double-precision kernel."""
    assert check(FILE, "right", BLOCK, "float64", cases_wanted=40, max_size=64).verdict is Verdict.RIGHT
    report = check(FILE, "right", BLOCK, "float16", accumulate="float64", cases_wanted=30, max_size=64)
    assert report.model.accumulation.name == "float64"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"op": "monarch-divide"}, "op: expected one of"),
        ({"op": "nowhere.py:OP"}, "op: expected a file"),
        ({"dtype": "int8"}, "dtype: expected one of"),
        ({"bound": "certain"}, "bound: expected deterministic or probabilistic"),
        ({"cases_wanted": 0}, "cases: expected an integer of at least 1"),
        ({"failure_probability": 2.0}, "failure: expected a probability"),
        ({"timeout": 0.0}, "timeout: expected a positive"),
        ({"memory": -1.0}, "memory: expected a positive"),
        ({"accumulate": "float8"}, "dtype: expected one of"),
    ],
)
def test_bad_arguments_are_named(arguments, message):
    with pytest.raises(ValueError, match=message):
        check(FILE, "right", **{"op": BLOCK, **arguments})


def test_the_probabilistic_bound_is_the_sharper_one_for_long_sums():
    model = default_model("float32")
    long = next(case for case in cases(op_named(BLOCK), "float32", count=600) if case.shape["columns"] == 1024)
    (expected,) = reference(long, model)
    assert (expected.probabilistic < expected.deterministic / 2).all()


def test_real_precision_names_the_complex_dtype_of_a_transform():
    assert dtype_named("fp64", op_named("fft")) == "complex128"


def test_the_histogram_is_drawn(tmp_path):
    report = check(FILE, "right", BLOCK, "float32", cases_wanted=10, max_size=16)
    draw(report, tmp_path / "ulps.png")
    assert (tmp_path / "ulps.png").read_bytes().startswith(b"\x89PNG")
    assert sum(histogram(report.ulps)[1]) == report.ulps.size


@pytest.mark.parametrize(
    ("text", "verdict", "shown"),
    [
        ("import sys; sys.exit(1)", Verdict.WRONG, True),
        ("import sys; sys.exit(0)", Verdict.WRONG, False),
        ("import sys; sys.exit(2)", Verdict.WRONG, False),
        ("raise ValueError('of the script')", Verdict.WRONG, False),
        ("import a_module_that_is_not_there", Verdict.UNSTABLE, False),
        ("raise ValueError('of the kernel')", Verdict.EXCEPTION, True),
        ("import os; os.abort()", Verdict.WRONG, False),
        ("import os; os.abort()", Verdict.CRASH, True),
    ],
)
def test_a_script_that_ends_by_an_exception_has_shown_nothing_else(text, verdict, shown, monkeypatch):
    monkeypatch.setattr("monarch_theory.testing.reproduce.exit_code", exit_code)  # in a Python of its own
    assert fails(text, verdict, 10.0) is shown
