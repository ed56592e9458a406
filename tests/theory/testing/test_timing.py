"""Times are of right kernels alone, and the known ways to look faster than one is do not help."""

from dataclasses import replace

import pytest

from monarch_theory.sandbox.confinement import walls_here
from monarch_theory.testing.check import check
from monarch_theory.testing.exploits.corpus import PRELUDE
from monarch_theory.testing.judge import Verdict
from monarch_theory.testing.report import as_dict, as_text
from monarch_theory.testing.timing import Times

BLOCK = "block-diagonal-multiply"

KERNELS = {
    "honest": "def kernel(x, blocks): return right(x, blocks)",
    "into_out": "def kernel(x, blocks, out): out[...] = right(x, blocks)",
    "wrong": "def kernel(x, blocks): return zeros(x, blocks)",
    "sleeps": "import time\ndef kernel(x, blocks):\n    time.sleep(0.004)\n    return right(x, blocks)",
    "stops_the_clock": """
import sys, time
time.perf_counter = time.monotonic = lambda: 0.0
for module in list(sys.modules.values()):
    if hasattr(module, "CLOCK"):
        module.CLOCK = lambda: 0.0
real_sleep = time.sleep

def kernel(x, blocks):
    real_sleep(0.004)
    return right(x, blocks)
""",
    "remembers_answers": """
import time
memo = {}

def kernel(x, blocks):
    key = (x.shape, blocks.shape, x.tobytes(), blocks.tobytes())
    if key not in memo:
        time.sleep(0.004)
        memo[key] = right(x, blocks)
    return memo[key].copy()
""",
    "knows_the_clock": """
def kernel(x, blocks):
    fresh = np.empty(64, np.float32)
    return right(x, blocks) if np.isnan(fresh).all() else zeros(x, blocks)
""",
    "finishes_later_when_timed": """
import threading, time

def kernel(x, blocks):
    if np.isnan(np.empty(64, np.float32)).all():
        return right(x, blocks)
    y, x, blocks = zeros(x, blocks), x.copy(), blocks.copy()

    def fill():
        time.sleep(0.02)
        y[...] = right(x, blocks)

    threading.Thread(target=fill, daemon=True).start()
    return y
""",
}


@pytest.fixture
def timed(tmp_path):
    def run(name, **options):
        path = tmp_path / f"{name}.py"
        path.write_text(PRELUDE + KERNELS[name])
        return check(path, "kernel", BLOCK, cases_wanted=8, timed=True, explained=False, **options)

    return run


@pytest.fixture
def peer(tmp_path):
    def path_of(name):
        path = tmp_path / f"peer_{name}.py"
        path.write_text(PRELUDE + KERNELS[name])
        return f"{path}:kernel"

    return path_of


def test_times_go_from_small_to_large_beside_a_peer_and_the_limit(timed, peer):
    report = timed("honest", peer=peer("sleeps"))
    rows = report.timing.rows
    assert report.verdict is Verdict.RIGHT and 2 <= len(rows) <= 5
    assert [row.entries for row in rows] == sorted({row.entries for row in rows})
    assert all(row.peer.median > 0.004 > row.limit.median > 0 for row in rows)
    assert all(row.kernel.spread[0] <= row.kernel.median <= row.kernel.spread[1] for row in rows)
    found = as_dict(report)["time"]
    assert found["clock"] == "the call" and found["gemm_flops"] > 0 and len(found["load"]) == 2
    assert "load" in as_text(report) and "limit" in as_text(report) and "peer" in as_text(report)


def test_a_kernel_that_writes_into_out_is_timed(timed):
    assert timed("into_out").timing.rows


def test_there_is_no_time_without_a_verdict_of_right(timed):
    report = timed("wrong")
    assert report.verdict is Verdict.WRONG and report.timing is None and as_dict(report)["time"] is None


@pytest.mark.parametrize("name", ["sleeps", "remembers_answers"])
def test_work_is_counted(timed, name):
    assert all(row.kernel.median >= 0.004 for row in timed(name).timing.rows)


@pytest.mark.skipif(bool(walls_here().lacking()), reason=walls_here().lacking())
def test_the_clock_of_a_kernel_that_is_not_trusted_is_the_judges(timed):
    report = timed("stops_the_clock", untrusted=True)
    assert report.verdict is Verdict.RIGHT, report.message
    assert report.timing.clock == "the request"
    assert all(row.kernel.median >= 0.004 for row in report.timing.rows)


@pytest.mark.parametrize("name", ["knows_the_clock", "finishes_later_when_timed"])
def test_what_is_wrong_only_when_timed_is_wrong(timed, name):
    report = timed(name)
    assert report.verdict is Verdict.WRONG and report.timing is None
    assert report.failure.cause.name == "knows the clock"


@pytest.mark.parametrize(("name", "words"), [("wrong", "peer: expected a kernel that is right"), (None, "peer: exp")])
def test_a_peer_has_to_be_right(timed, peer, name, words):
    with pytest.raises(ValueError, match=words):
        timed("honest", peer=peer(name) if name else "nowhere.py:kernel")


def test_a_peer_is_for_times_alone(tmp_path):
    with pytest.raises(ValueError, match="peer: expected one only where time is measured"):
        check(tmp_path / "k.py", "kernel", BLOCK, peer="other.py:kernel")


def test_a_kernel_that_was_interpreted_has_no_time(timed):
    report = replace(timed("honest"), timing=None, untimed="Triton's interpreter ran it")
    assert "not measured: Triton's" in as_text(report)


def test_median_and_spread():
    times = Times(tuple(float(k) for k in range(11)))
    assert times.median == 5.0 and times.spread == (1.0, 9.0)
