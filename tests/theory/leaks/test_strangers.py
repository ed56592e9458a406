"""No verdict is wrong on models as one meets them, at an odd length and at an even one."""

import pytest

pytest.importorskip("torch")

from strangers import FLOATS, ON_ARRAYS, ON_TENSORS, ON_TOKENS, TOKENS, ByFirst, Cache, Counting, Mapped, N

from monarch_theory.leaks import check_callable

VERDICT = {True: "causal", False: "not causal", None: "undecided"}


@pytest.mark.parametrize(("name", "causal", "function"), ON_TENSORS, ids=[row[0] for row in ON_TENSORS])
def test_models_of_floats(name, causal, function):
    report = check_callable(Mapped(function).eval(), N + 1, budget=6.0, **FLOATS)
    assert report.verdict == VERDICT[causal], report


@pytest.mark.parametrize(("name", "causal", "function"), ON_TOKENS, ids=[row[0] for row in ON_TOKENS])
def test_models_of_tokens(name, causal, function):
    report = check_callable(Mapped(function).eval(), N, budget=6.0, **TOKENS)
    assert report.verdict == VERDICT[causal], report


@pytest.mark.parametrize(("name", "causal", "function", "options"), ON_ARRAYS, ids=[row[0] for row in ON_ARRAYS])
def test_functions_of_arrays(name, causal, function, options):
    report = check_callable(function, N, budget=6.0, **options)
    assert report.verdict == VERDICT[causal], report


@pytest.mark.parametrize(
    ("module", "verdict"),
    [
        (Cache(True), "causal"),
        (Cache(False), "causal"),
        (Counting(), "causal"),
        (ByFirst(0.0), "causal"),
        (ByFirst(1.0), "not causal"),
    ],
    ids=["cache cleared", "cache kept", "counting", "kept by the first place", "kept by the first place, leaks"],
)
def test_models_that_keep_state(module, verdict):
    """Each call is the first of a copy; the module itself is left as it is."""
    report = check_callable(module.eval(), N, budget=6.0, **FLOATS)
    assert report.verdict == verdict, report
    assert getattr(module, "keys", None) is None and not getattr(module, "calls", 0) and not getattr(module, "kept", {})
