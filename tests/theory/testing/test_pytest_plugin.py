"""The pytest plugin, in a test run of its own inside this one: what is checked is forked as in other tests."""

import subprocess
import sys

import pytest

SUITE = """
import numpy as np
import pytest

def multiply(x, blocks):
    k, rows, columns = blocks.shape
    y = np.einsum("krc,bkc->bkr", blocks, x.reshape(len(x), k, columns))
    return y.reshape(len(x), k * rows)

@pytest.mark.monarch_kernel(op="block-diagonal-multiply", dtype="float32", cases=6)
@pytest.mark.monarch_kernel("block-diagonal-multiply", "float64", cases=6)
def right(x, blocks):
    return multiply(x, blocks)

@pytest.mark.monarch_kernel(op="block-diagonal-multiply", dtype="float32", cases=6)
def wrong(x, blocks):
    return -multiply(x, blocks)

def test_fixture(monarch_check):
    assert monarch_check(multiply, "block-diagonal-multiply", "float64", cases=6).cases == 6

def test_fixture_by_name(monarch_check):
    monarch_check("test_suite.py:wrong", "block-diagonal-multiply", cases=6)
"""


class Reports:
    """What came of the tests of a run, by outcome."""

    def __init__(self):
        self.passed, self.failed = [], []

    def pytest_runtest_logreport(self, report):
        if report.when == "call":
            getattr(self, report.outcome).append(report.longreprtext)


def test_marked_kernels_and_the_fixture(tmp_path, monkeypatch, kernel_at_hand):
    (tmp_path / "test_suite.py").write_text(SUITE)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTEST_DISABLE_PLUGIN_AUTOLOAD", "1")
    monkeypatch.setattr(sys, "path", [*sys.path])
    plugins = ["-p", "monarch_theory.testing.pytest_plugin", "-p", "no:faulthandler", "-p", "no:cacheprovider"]
    reports = Reports()
    code = pytest.main([*plugins, "-q", "--rootdir", str(tmp_path), "test_suite.py"], plugins=[reports])
    sys.modules.pop("test_suite", None)
    assert code == pytest.ExitCode.TESTS_FAILED
    assert (len(reports.passed), len(reports.failed)) == (3, 2), reports.failed
    assert all("cause     sign: answer negated" in text for text in reports.failed)
    assert all("sys.exit(int(wrong))" in text for text in reports.failed)


def test_the_plugin_imports_nothing_heavy():
    code = "import sys, monarch_theory.testing.pytest_plugin; print('numpy' in sys.modules, 'flint' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
