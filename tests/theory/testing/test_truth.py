"""How the truth is found: exactly where that is quick, enclosed only where somebody may be trusted with it."""

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from monarch_theory.rounding import FLOAT64, format_of
from monarch_theory.testing import truth
from monarch_theory.testing.cases import cases
from monarch_theory.testing.ops import op_named
from monarch_theory.testing.sizes import entries, sizes_of

OP = op_named("block-diagonal-multiply")


@pytest.fixture(scope="module")
def case():
    """One whose work is not its size, nor their sum."""
    return next(c for c in cases(OP, "float64", count=60) if entries(OP, c.shape) > 8 and work(c) > 4 * size(c))


def size(case):
    return entries(OP, case.shape)


def work(case):
    return size(case) * max(sizes_of(case.shape).values())


@pytest.fixture
def way(monkeypatch):
    """Calls of `true_answer`, each told as the way that was taken."""
    monkeypatch.setattr(truth, "_exact", lambda op, values, shape: "exact")
    monkeypatch.setattr(truth, "enclosed_answer", lambda op, values, shape, wide: wide)

    def taken(case, entries, work, dtype="float32", op=OP):
        monkeypatch.setattr(truth, "QUICK_ENTRIES", entries)
        monkeypatch.setattr(truth, "QUICK_WORK", work)
        return truth.true_answer(op, case.values, case.shape, dtype)

    return taken


def test_exact_up_to_the_entries_and_the_work_that_are_quick(case, way):
    assert way(case, size(case), work(case)) == "exact"
    assert way(case, size(case) - 1, work(case)) is FLOAT64
    assert way(case, size(case), work(case) - 1) is FLOAT64


def test_exact_at_any_size_where_nothing_encloses(case, way, monkeypatch):
    assert way(case, 0, 0, op=replace(OP, accepts=None)) == "exact"
    monkeypatch.setattr(truth, "wider_than", lambda storage: None)
    assert way(case, 0, 0) == "exact"


@pytest.mark.parametrize(("bits", "found"), [(52, None), (62, None), (63, truth.EXTENDED), (112, truth.EXTENDED)])
def test_extended_precision_is_used_where_the_machine_has_it(bits, found, monkeypatch):
    monkeypatch.setattr(np, "finfo", lambda dtype: SimpleNamespace(nmant=bits))
    assert truth.wider_than(format_of("float64")) is found
    assert truth.wider_than(format_of("float32")) is FLOAT64


def test_what_the_kernel_may_not_change_is_computed_in_the_wide_format(case):
    """Tokens stay integers, numbers become as wide as the radius says."""
    seen = []
    op = replace(OP, oracle=lambda a, s: seen.append({k: v.dtype for k, v in a.items()}) or OP.oracle(a, s))
    for wide, dtype in ((FLOAT64, np.float64), (truth.EXTENDED, np.longdouble)):
        if wide is truth.EXTENDED and np.finfo(np.longdouble).nmant < 63:
            continue
        truth.enclosed_answer(op, case.values, case.shape, wide)
        assert set(seen.pop().values()) == {np.dtype(dtype)}
