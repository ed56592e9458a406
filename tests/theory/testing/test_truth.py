"""How the truth is found: exactly where that is quick, enclosed only where somebody may be trusted with it."""

from dataclasses import replace
from types import SimpleNamespace

import flint
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


def test_indices_stay_what_they_are():
    op = op_named("embedding")
    case = next(c for c in cases(op, op.dtypes()[0], count=20) if entries(op, c.shape) > 8)
    kinds = {name: array.dtype.kind for name, array in case.values.items()}
    assert "i" in kinds.values()
    seen = []
    spied = replace(op, oracle=lambda a, s: seen.append({k: v.dtype.kind for k, v in a.items()}) or op.oracle(a, s))
    truth.enclosed_answer(spied, case.values, case.shape, FLOAT64)
    assert seen == [kinds]


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="NumPy has no wider format than float64 here")
@pytest.mark.parametrize("name", ["long-convolution", "monarch-dft"])
def test_an_enclosure_is_the_wide_answer_in_two_parts(name):
    op = op_named(name)
    dtype = next(d for d in op.dtypes() if d in ("float64", "complex128"))
    case = next(c for c in cases(op, dtype, count=30) if c.family == "normal" and entries(op, c.shape) > 8)
    held = {k: a.astype({"f": np.longdouble, "c": np.clongdouble}[a.dtype.kind]) for k, a in case.values.items()}
    found = truth.enclosed_answer(op, case.values, case.shape, truth.EXTENDED)
    for one, wide in zip(found, op.answers(held, case.shape), strict=True):
        assert one.high.dtype == one.low.dtype == dtype
        assert (np.abs(one.high.astype(wide.dtype) + one.low - wide) <= 2.0**-100 * np.abs(wide)).all()
        assert one.low.any() and (np.abs(one.low) <= 2.0**-52 * np.abs(one.high)).all()


def test_an_answer_that_has_been_rounded_is_refused(case):
    for strange in (1.5, np.float64(2), "3"):
        answer = np.array([strange, 1], dtype=object)
        op = replace(OP, oracle=lambda a, s, answer=answer: answer)
        with pytest.raises(ValueError, match=f"exact numbers for exact ones, got {type(strange).__name__}"):
            truth._exact(op, case.values, case.shape)
    exact = np.array([1, flint.arb(2), flint.acb(3)], dtype=object)
    (found,) = truth._exact(replace(OP, oracle=lambda a, s: exact), case.values, case.shape)
    assert found.high.tolist() == [1, 2, 3]
