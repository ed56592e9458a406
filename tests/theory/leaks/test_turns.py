"""Beside a proof the kinds of values take turns over the cuts: what that still finds, what it costs, what is said."""

import re
from dataclasses import replace

import numpy as np
import pytest

from monarch_theory.leaks.callables import ArrayModel, Report, check_model
from monarch_theory.leaks.contracts import causal
from monarch_theory.leaks.inputs import Inputs
from monarch_theory.leaks.proofs import settled

N = 256


def asked(f, n=N, dtype="float64", **options):
    return check_model(ArrayModel(f), Inputs.of("n", n, dtype), longest=60.0, in_turn=True, **options)


def after(seen, places=slice(None)):
    """A running sum; at some places the next input is seen, too."""

    def f(x):
        y = np.cumsum(x).astype(float)
        y[:-1][places] += seen(x[1:])[places]
        return y

    return f


def test_all_cuts_and_all_kinds_in_one_and_a_half_runs_a_cut():
    report = asked(np.cumsum)
    assert (report.verdict, report.cuts_tested) == ("causal", N - 1)
    assert report.evidence == "measured: bit-identical, each cut with one kind of values"
    assert report.forwards <= 1.5 * (N - 1)
    (note,) = (note for note in report.notes if "took turns" in note)
    assert re.match(r"\d+ kinds of values", note) and "4% of kinds and cuts" in note
    inputs = Inputs.of("n", N)
    assert f"{len(inputs.all_kinds) + 2 * len(inputs.magnitudes)} kinds of future" in report.covered


@pytest.mark.parametrize("n", [2, 3, 9, 40])
@pytest.mark.parametrize("dtype", ["float64", "float16", "int64"])
def test_short_sequences_see_every_kind_too(n, dtype):
    report = asked(np.cumsum if dtype != "float16" else lambda x: x, n, dtype)
    kinds = len(Inputs.of("n", n, dtype).all_kinds)
    assert (report.verdict, report.cuts_tested) == ("causal", n - 1)
    assert any(note.startswith(f"{kinds} kinds of values took turns") for note in report.notes)


@pytest.mark.parametrize("place", [0, 1, 77, 128, 200, N - 2])
def test_a_leak_at_one_place_is_found_whatever_the_kind_there(place):
    report = asked(after(lambda x: 1e-9 * x, slice(place, place + 1)))
    assert report.verdict == "not causal" and (report.witness.output, report.witness.input) == (place, place + 1)


KINDS = {
    "exact 0": lambda x: x == 0,
    "exact 1": lambda x: x == 1,
    "below 1e-6": lambda x: (np.abs(x) < 1e-6) & (x != 0),
    "beyond 1e6": lambda x: np.abs(x) > 1e6,
    "beyond 1e20": lambda x: np.abs(x) > 1e20,
    "equal neighbours": lambda x: np.append(x[1:] == x[:-1], False),
    "NaN where far from usual": lambda x: np.where(np.abs(x) > 1e6, np.nan, 0),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_leak_that_one_kind_of_values_shows_is_found_where_it_is_at_all_places(kind):
    assert asked(after(KINDS[kind])).verdict == "not causal"


def test_zeros_are_drawn_in_turn_too():
    """As it is at a few cuts, and with all-zero parameters drawn at random at all of them."""

    class Gated(ArrayModel):
        gate = 0.0

        def __init__(self):
            super().__init__(lambda x: np.cumsum(x) + self.gate * np.roll(x, -1))
            self.zeros = ("gate",)

        def fill(self, size):
            self.gate = size

    report = check_model(Gated(), Inputs.of("n", N), longest=60.0, in_turn=True)
    assert report.verdict == "not causal" and report.redrawn


def test_turns_settle_nothing_that_is_not_proved():
    report = asked(np.cumsum, 8)
    facts = {"outputs": ["output"], "output_axes": [0]}
    assert settled(report, facts, causal(8))
    assert not settled(report, facts | {"output_axes": [1]}, causal(4))
    assert not settled(replace(report, outcome="noise"), facts, causal(8))
    assert settled(asked(np.flip, 8), {"outputs": []}, causal(8))
    assert not settled(Report("undecided", "", "", "random"), {}, causal(8))
    rows = causal(16).rows(2, 0, 8)  # of which an axis of another length may be the one that is proved
    assert settled(report, facts, rows) and not settled(report, facts | {"outputs": ["a", "b"]}, rows)


@pytest.mark.parametrize("place", [1, 30, 77, 200])
def test_nan_are_tried_at_every_cut_where_the_code_asks_for_them(place):
    def f(x):
        y = np.cumsum(np.nan_to_num(x))
        y[place] += np.isnan(x[place + 1])
        return y

    report = asked(f)
    assert (report.verdict, report.witness.output, report.witness.input) == ("not causal", place, place + 1)
    causal = asked(lambda x: np.cumsum(np.nan_to_num(x)))
    assert causal.verdict == "causal" and causal.forwards <= 2.6 * N
    assert any("NaN were tried at every cut" in note for note in causal.notes)


def test_nan_come_before_other_kinds_where_the_code_asks_for_them(monkeypatch):
    """However little time there is for further kinds: here there is none."""
    monkeypatch.setattr("monarch_theory.leaks.cuts.RUNS_PER_CUT", 0.0)
    monkeypatch.setattr("monarch_theory.leaks.callables.SPARE", 0.0)

    def f(x):
        y = np.cumsum(np.nan_to_num(x, posinf=0.0, neginf=0.0))
        y[77] += np.isinf(x[78])
        return y

    report = check_model(ArrayModel(f), Inputs.of("n", N, "float64"), longest=60.0)
    assert (report.verdict, report.witness.output, report.witness.input) == ("not causal", 77, 78)
    assert "becomes infinite" in report.reason
