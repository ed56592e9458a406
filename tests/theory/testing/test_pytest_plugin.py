"""The pytest plugin, in a test run of its own."""

import os
import subprocess
import sys
from pathlib import Path

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


def test_marked_kernels_and_the_fixture(tmp_path):
    (tmp_path / "test_suite.py").write_text(SUITE)
    root = Path(__file__).parents[3]
    environment = {**os.environ, "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(root)}
    command = [sys.executable, "-m", "pytest", "-p", "monarch_theory.testing.pytest_plugin", "-q", "test_suite.py"]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert "3 passed" in done.stdout and "2 failed" in done.stdout, done.stdout + done.stderr
    assert "cause     sign: answer negated" in done.stdout
    assert "sys.exit(int(wrong))" in done.stdout


def test_the_plugin_imports_nothing_heavy():
    code = "import sys, monarch_theory.testing.pytest_plugin; print('numpy' in sys.modules, 'flint' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
