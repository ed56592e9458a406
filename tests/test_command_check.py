"""`monarch check`, `mutants` and `campaign`: exit codes, and JSON that is nothing but JSON."""

import json
from pathlib import Path

import pytest
from command_line import asked as run
from command_line import conforms

from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.mutants import corpus
from monarch_theory.testing.mutants.run import Caught

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

FILE = Path(__file__).parent / "theory" / "testing" / "misbehaving_kernels.py"
BLOCK = ["--op", "block-diagonal-multiply"]


@pytest.mark.parametrize(("name", "code"), [("right", 0), ("unwritten", 1), ("refuses", 2), ("nowhere", 2)])
def test_exit_codes_and_json(name, code):
    done = run("check", f"{FILE}:{name}", *BLOCK, "--cases", 20, "--json")
    assert done.exit_code == code
    found = json.loads(done.stdout)
    assert {"verdict", "evidence", "op", "dtype", "cases", "worst", "failure", "seed"} <= found.keys()


def test_text_names_the_cause_and_ends_with_the_script(tmp_path):
    done = run("check", f"{FILE}:unwritten", *BLOCK, "--png", tmp_path / "ulps.png")
    assert "output partly unwritten" in done.stdout and "reproduces it" in done.stdout and "import numpy" in done.stdout
    assert (tmp_path / "ulps.png").exists()
    done = run("check", f"{FILE}:unwritten", *BLOCK, "--script", tmp_path / "script.py")
    assert "import numpy" not in done.stdout and "sys.exit" in (tmp_path / "script.py").read_text()


KERNELS = """
import numpy as np
from monarch_theory.monarch import Monarch
from monarch_theory.domains import FLOAT64
def right(x, *factors):
    dense = Monarch(tuple(np.asarray(factor, float) for factor in factors), FLOAT64).dense()
    return (x.astype(float) @ np.asarray(dense, float).T).astype(x.dtype)
def off(x, *factors):
    y = right(x, *factors)
    y[..., -1:] *= y.dtype.type(1.0625)
    return y
"""


@pytest.mark.parametrize("dtype", ["float32", pytest.param("float16", marks=pytest.mark.long), "float64"])
def test_a_wrong_multiply_has_a_certificate(dtype, tmp_path):
    (tmp_path / "kernels.py").write_text(KERNELS)
    file, options = tmp_path / "wrong.json", ["--dtype", dtype, "--cases", 12, "--certificate"]
    assert run("check", f"{tmp_path / 'kernels.py'}:off", *options, file).exit_code == 1
    again = run("recheck", file)
    assert again.exit_code == 0 and "wrong: entry" in again.stdout
    done = run("check", f"{tmp_path / 'kernels.py'}:right", *options, tmp_path / "right.json")
    assert done.exit_code == 0 and not (tmp_path / "right.json").exists() and "was not written" in done.output


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["kernels.py"], "kernel: expected FILE.py:NAME"),
        ([f"{FILE}:right", *BLOCK, "--certificate", "wrong.json"], "--certificate: expected --op monarch-multiply"),
        ([f"{FILE}:right", "--op", "nothing"], "op: expected one of"),
        ([f"{FILE}:right", "--dtype", "int8"], "dtype: expected one of"),
        ([f"{FILE}:right", "--order", "9"], "shapes: expected"),
        ([f"{FILE}:right", "--array", "foo"], "array: expected one of auto, numpy, torch"),
        ([f"{FILE}:right", "--shape", "batch"], "shape: expected NAME=SIZE"),
        ([f"{FILE}:right", *BLOCK, "--shape", "n=3"], "shape: expected sizes among batch, blocks"),
    ],
)
def test_bad_arguments_are_refused_by_name(arguments, words):
    done = run("check", *arguments)
    assert done.exit_code == 2 and words in done.stderr


def test_the_ops_are_listed():
    done = run("check", "--list")
    assert done.exit_code == 0 and "long-convolution" in done.stdout and "kernel(x, *factors)" in done.stdout


def test_sizes_are_chosen():
    done = run("check", f"{FILE}:right", *BLOCK, "--cases", 10, "--shape", "batch=5,columns=6", "--json")
    assert done.exit_code == 0 and "batch 5" in json.loads(done.stdout)["coverage"]["largest"]


def test_an_op_is_checked_by_itself(tmp_path):
    assert run("check-op", "block-diagonal-multiply", "--dtype", "float16", "--cases", 12).exit_code == 0
    path = tmp_path / "ops.py"
    path.write_text("""
import numpy as np
from monarch_theory.testing.op import Op

def op(bound):
    return Op(name="third", summary="", signature="", shapes=lambda: [{"batch": 2, "n": 4}],
              arguments=lambda s: {"x": (2, 4)}, oracle=lambda a, s: a["x"] / 3, bound=bound)

NOTHING = op(lambda a, s, m: np.zeros((2, 4)))
ANYTHING = op(lambda a, s, m: np.full((2, 4), np.inf))
RIGHT = op(lambda a, s, m: m.storage.unit_roundoff * np.abs(a["x"]) + m.storage.underflow)
""")
    for name, code in (("NOTHING", 1), ("ANYTHING", 2), ("RIGHT", 0), ("absent", 2)):
        assert run("check-op", f"{path}:{name}", "--cases", 12).exit_code == code


def test_a_library_without_mutants_is_refused():
    done = run("mutants", "--library", "typo")
    assert done.exit_code == 2 and "library: expected one of" in done.stderr


@pytest.mark.long
def test_mutants_counts(monkeypatch):
    """Of one mutant; all of them are long."""
    scipy = [mutant for mutant in corpus.MUTANTS if mutant.library == "scipy"]
    monkeypatch.setattr(corpus, "MUTANTS", tuple(scipy[:1]))
    done = run("mutants", "--library", "scipy", "--runs", 4, "--json")
    found = json.loads(done.stdout)
    conforms("mutants", found)
    assert done.exit_code == 0
    assert found["mutants"] == found["caught"] > 0 and found["clean_runs"] >= 4 and found["false_alarms"] == 0
    assert found["causes_named"] == found["mutants"] and found["causes_unknown"] == 0 and found["causes_wrong"] == []


def test_a_cause_that_is_not_the_mutants_own_is_counted_as_wrong():
    mutant = next(m for m in corpus.MUTANTS if m.cause == "permutation")
    verdict = Verdict.WRONG
    said = [Caught(mutant, verdict, cause, "", 1) for cause in ("permutation", "scale", "not recognised", "NaN")]
    assert [c.cause_is_right for c in said] == [True, False, False, False]
    assert [c.cause_is_wrong for c in said] == [False, True, False, False]
    # what escapes has no cause
    assert not Caught(mutant, Verdict.RIGHT, "", "", 1).cause_is_wrong


def test_campaign_reports(tmp_path):
    kernels = (f"{FILE}:right", f"{FILE}:unwritten")
    done = run("campaign", *kernels, *BLOCK, "--max-size", 16, "--cases", 10, "--json", "--trusted")
    found = json.loads(done.stdout)
    conforms("campaign", found)
    assert done.exit_code == 1 and (found["tasks"], found["right"], found["wrong"]) == (2, 1, 1)
    assert run("campaign", "nowhere.py:f").exit_code == 2
    record = tmp_path / "record.jsonl"
    record.write_text("damaged\n")
    done = run("campaign", *kernels, *BLOCK, "--record", record)
    assert (
        done.exit_code == 2
        and done.stderr.startswith("monarch campaign: record: expected")
        and done.stderr.count("\n") == 1
    )
    done = run("campaign", *kernels, *BLOCK, "--scheduler", "tcp://127.0.0.1:8786")
    assert done.exit_code == 2 and done.stderr.startswith("monarch campaign: scheduler: expected tls://")
