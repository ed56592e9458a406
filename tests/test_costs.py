"""The list of what tests cost counts this process and its children, those that still run included."""

import subprocess
import sys
from types import SimpleNamespace

import pytest
from costs import Cost, by_folder, dear, spent
from daily import COLLECTED, DEAR_ROWS, MINUTES, function_of, longest_first

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


def test_what_takes_minutes_is_a_long_test(request):
    config = request.config
    if config.getoption("lf", False) or any("::" in argument for argument in config.args):
        pytest.skip("files are not collected whole")
    collected = config.stash[COLLECTED]
    files = {test.partition("::")[0] for test in collected}
    rows = {test: long for test, long in collected.items() if function_of(test) in MINUTES}
    assert {function_of(test) for test in rows} == {each for each in MINUTES if each.partition("::")[0] in files}
    assert all(rows.values())


@pytest.mark.parametrize(("rest", "longest"), [(10, 3), (7, 4), (0, 3), (1, 4), (5, 0)])
def test_each_of_two_workers_begins_with_what_takes_minutes(rest, longest):
    dear_ones = [f"{MINUTES[k % 4]}[{k}]" for k in range(longest)]
    names = [f"tests/x.py::test[{k}]" for k in range(rest)]
    items = [SimpleNamespace(nodeid=name) for name in (*names[: rest // 2], *dear_ones, *names[rest // 2 :])]
    longest_first(items)
    found = [item.nodeid for item in items]
    assert sorted(found) == sorted([*names, *dear_ones]) and [name for name in found if name in names] == names
    ours = [k for k, name in enumerate(found) if name in dear_ones]
    begun = -(-longest // 2)
    assert ours[:begun] == list(range(begun))
    start = max(len(found) // 2, begun)  # as xdist shares them out
    assert ours[begun:] == list(range(start, start + longest - begun))
