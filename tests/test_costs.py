"""The list of what tests cost counts this process and its children, those that still run included."""

import subprocess
import sys

import pytest
from costs import Cost, by_folder, dear, spent
from daily import COLLECTED, DEAR_ROWS, function_of

BUSY = "import sys, time\nwhile time.process_time() < 0.2: pass\nprint(flush=True); sys.stdin.read()"


def test_a_child_counts_while_it_lives_and_after():
    before = spent()
    with subprocess.Popen([sys.executable, "-c", BUSY], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as child:
        assert child.stdout.readline() == b"\n"
        alive = spent() - before
        child.communicate()
    assert spent() - before >= 0.15 and (sys.platform != "linux" or alive >= 0.15)


def test_the_dearest_come_first_and_the_rest_is_left_out():
    costs = [Cost("tests/a/x.py::one", "call", 1.0), Cost("tests/b/y.py::two", "setup", 3.0),
             Cost("tests/a/x.py::three", "call", 2.5)]  # fmt: skip
    assert [cost.test for cost in dear(costs)] == ["tests/b/y.py::two", "tests/a/x.py::three"]
    assert by_folder(costs) == [("tests/a", 3.5), ("tests/b", 3.0)]


def test_a_dear_row_is_a_test_and_a_cheaper_one_of_its_function_is_asked_daily(request):
    config = request.config
    if config.getoption("lf", False) or any("::" in argument for argument in config.args):
        pytest.skip("files are not collected whole")
    collected = config.stash[COLLECTED]
    files = {test.partition("::")[0] for test in collected}
    listed = [row for row in DEAR_ROWS if row.partition("::")[0] in files]
    assert [row for row in listed if row not in collected] == []
    daily = {function_of(test) for test, long in collected.items() if not long}
    assert {function_of(row) for row in listed} <= daily
