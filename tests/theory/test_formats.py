"""What is decided by a format is read from its row, and the rows agree with one another."""

import ast
from pathlib import Path

import numpy as np
import pytest

from monarch_theory.formats import BFLOAT16, FLOAT32, FLOAT64, FORMATS, NAMES
from monarch_theory.leaks.dependence import recheck
from monarch_theory.sandbox.arithmetic import ROUNDOFF
from monarch_theory.sandbox.patterns import FRESH, MALLOC_PERTURB

ROOT = Path(__file__).parents[2]

ROWS = {
    "monarch_theory/formats.py",  # the row itself
    "monarch_theory/expressivity/checkpoints.py",  # what the format of the file calls it
    "monarch_theory/expressivity/chooser.py",  # of machines
    "monarch_theory/testing/mutants/algorithms.py",  # of mutants, here and below
    "monarch_theory/testing/mutants/corpus.py",
    "monarch_theory/testing/mutants/halves.py",
    "monarch_theory/testing/mutants/run.py",  # of torch's default tolerances
    "monarch_theory/testing/mutants/values.py",
    "monarch_gpu/ops/triton.py",  # Triton's name of what its products are in
    "monarch_gpu/precision.py",  # a default
}
"""Files that may name the format which NumPy lacks; another that does decides by its name what its row should say."""


def named(source: str) -> list[str]:
    """Names of the format among the strings of a source."""
    names = {BFLOAT16.name, f"torch.{BFLOAT16.name}", *BFLOAT16.aliases, *(a.upper() for a in BFLOAT16.aliases)}
    strings = (node.value for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Constant))
    return [value for value in strings if isinstance(value, str) and value in names]


def test_what_a_format_decides_stands_in_its_row():
    files = [file for package in ("monarch_theory", "monarch_gpu") for file in (ROOT / package).rglob("*.py")]
    found = {str(file.relative_to(ROOT)) for file in files if named(file.read_text(encoding="utf-8"))}
    assert found == ROWS
    assert named("held = 'float32' if dtype == 'bfloat16' else dtype") and named("low = {'torch.bfloat16'}")
    assert not named("held = carrier_of(dtype)  # bfloat16 too")


@pytest.mark.parametrize("row", FORMATS, ids=lambda row: row.name)
def test_a_row_agrees_with_itself_and_with_those_who_store_it(row):
    assert row.poison.bit_length() < row.bits and row.padding.bit_length() < row.bits  # positive, as both are signed
    assert FRESH[row.name].to_bytes(row.bits // 8) == bytes([MALLOC_PERTURB ^ 0xFF]) * (row.bits // 8)
    assert np.dtype(row.carrier).itemsize * 8 >= row.bits
    assert (row.carrier == row.name) == (np.dtype(row.carrier).itemsize * 8 == row.bits)
    torch = pytest.importorskip("torch", reason="the extra `torch` is not installed")
    theirs = torch.finfo(getattr(torch, row.name))
    assert (theirs.bits, theirs.max, theirs.eps) == (row.bits, row.largest, 2 * row.unit_roundoff)


def test_roundings_that_are_redrawn_are_those_of_the_rows():
    assert {name: unit for name, unit in ROUNDOFF.items() if name in NAMES} == {
        name: NAMES[name].unit_roundoff for name in ROUNDOFF if name in NAMES
    }
    assert set(ROUNDOFF) - set(NAMES) == {"complex32"}


def test_who_checks_certificates_alone_knows_the_same_largest_numbers():
    assert (BFLOAT16.largest, FLOAT32.largest, FLOAT64.largest) == recheck.LARGEST
