"""The front door in Python: what makes no sense is refused by name, as at the command line."""

import re

import numpy as np
import pytest

import monarch_theory as mt
from monarch_theory.domains import PrimeField
from monarch_theory.expressivity.classes import MonarchClass

EYE, CLASS = np.eye(4), MonarchClass((2, 2))
OPERATOR = mt.MonarchOperator(mt.fourier((2, 2), PrimeField(5)))


def past(x):
    return np.cumsum(x)


REFUSED = [
    ("kind", lambda: mt.is_member(EYE, (2, 2))),
    ("kind", lambda: mt.project(EYE, None)),
    ("domain", lambda: mt.is_member(EYE, CLASS, domain="float64")),
    *(("accuracy", lambda a=a: mt.is_member(EYE, CLASS, accuracy=a)) for a in ("a", 1j, [0.1], np.nan, True)),
    ("operator", lambda: mt.decide_causality(mt.fourier((2, 2), PrimeField(5)))),
    ("operator", lambda: mt.decide_causality(None)),
    ("M0", lambda: mt.MonarchOperator(EYE)),
    ("M2", lambda: mt.MonarchOperator(OPERATOR.M0, M2=EYE)),
    *(("seed", lambda s=s: mt.decide_causality(OPERATOR, seed=s)) for s in (-1, 1.5, "a", None, True)),
    *(("route", lambda r=r: mt.decide_causality(OPERATOR, route=r)) for r in ("random", "", 3)),
    *(
        (name, lambda given=given: mt.check_kernel("nowhere.py", "f", "block-diagonal-multiply", **given))
        for name, given in [
            ("cases", {"cases_wanted": 1.5}),
            ("cases", {"cases_wanted": True}),
            ("seed", {"seed": -1}),
            ("seed", {"seed": "a"}),
            ("timeout", {"timeout": np.inf}),
            ("timeout", {"timeout": 1e300}),
            ("failure", {"failure_probability": 1e-3}),
            ("intermediate", {"intermediate": "bf16"}),
            ("order", {"order": 2}),
        ]
    ),
]


@pytest.mark.parametrize(("name", "call"), REFUSED, ids=[f"{name} {k}" for k, (name, _) in enumerate(REFUSED)])
def test_what_makes_no_sense_is_refused_by_name(name, call):
    with pytest.raises((ValueError, TypeError), match=f"^{name}: expected "):
        call()


UNDECIDED = [
    ("shape", {"shape": (4,)}),
    ("vocab", {"vocab": 5}),
    ("vocab", {"vocab": 2.5, "dtype": "int64"}),
    ("vocab", {"vocab": 129, "dtype": "int8"}),
    ("tokens", {"tokens": (1,)}),
    ("tokens", {"tokens": (99,), "dtype": "int64"}),
    ("tokens", {"tokens": (1.0,), "dtype": "int64"}),
    ("seed", {"seed": 1.5}),
    ("budget", {"budget": np.nan}),
    ("budget", {"budget": "a"}),
    ("lookahead", {"lookahead": 1.5}),
    ("stride", {"stride": 2}),
    ("map_size", {"map_size": -1}),
]


@pytest.mark.parametrize(("name", "given"), UNDECIDED, ids=[str(given) for _, given in UNDECIDED])
def test_a_callable_is_not_judged_by_what_was_not_asked(name, given):
    report = mt.check_callable(past, 4, **given)
    assert (report.verdict, report.outcome) == ("undecided", "bad input"), report
    assert re.match(f"{name}: expected ", report.reason), report.reason


def test_what_is_no_function_is_refused_and_what_a_vocabulary_allows_is_taken():
    assert mt.check_callable(3, 4).reason == "function: expected a callable, got int"
    assert mt.check_callable(past, 4, dtype="int8", vocab=128, tokens=(127,)).verdict == "causal"
    assert mt.check_callable(past, 4, dtype="bool").verdict == "causal"
