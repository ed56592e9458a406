"""`monarch choose`: what it counts is within the budget, and what it calls the least time is."""

import json
from dataclasses import replace

import pytest
from command_line import asked

from monarch_theory.expressivity.chooser import HARDWARE, Hardware, choices, given, largest, least_time
from monarch_theory.expressivity.families import families_for

SHAPES = [(16, 16), (12, 18), (7, 5), (24, 64)]


@pytest.mark.parametrize("shape", SHAPES)
def test_every_family_is_within_the_budget_or_said_to_be_out_of_it(shape):
    whole = shape[0] * shape[1]
    for budget in (whole // 8, whole // 3, whole):
        found, none = choices(shape, budget, 4, HARDWARE["h100"])
        assert all(0 < choice.setting.parameters <= budget for choice in found)
        assert sorted([*none, *(c.family.name for c in found)]) == sorted(f.name for f in families_for(shape))
        for name in none:
            family = next(f for f in families_for(shape) if f.name == name)
            assert family.largest is not None or family.smallest(shape) > budget
        assert [c.least for c in found] == sorted(c.least for c in found)


@pytest.mark.parametrize("shape", [(16, 16), (12, 18), (7, 5), (12, 16)])  # beyond them chains are too many to list
def test_a_familys_own_choice_is_one_of_its_settings(shape):
    for family in families_for(shape):
        chosen = largest(family, shape, shape[0] * shape[1])
        if family.largest is None or chosen is None:
            continue
        costs = {(s.label, s.parameters, s.multiplications) for s in family.settings(shape)}
        assert (chosen.label, chosen.parameters, chosen.multiplications) in costs, family.name


def test_the_least_time_is_bound_by_operations_or_by_memory():
    machine = replace(HARDWARE["a100"], bytes=1, flops=100.0, bandwidth=10.0)
    assert least_time((2, 3), 5, 5, 1, machine) == (5 + 5) / 10
    assert least_time((2, 3), 5, 1000, 1, machine) == 2 * 1000 / 100


def test_measured_times_rank_and_bad_sizes_are_one_line():
    answer = asked("choose", "--in", 16, "--out", 24, "--budget", 0.5, "--batch", 3, "--measure")
    assert answer.exit_code == 0 and "low rank" in answer.stdout and "measured on this machine" in answer.stdout
    for wrong, message in (
        (["--in", 8, "--out", 8, "--hardware", "tpu"], "--hardware: expected cpu, a100, h100, h200, got 'tpu'"),
        (["--in", 8, "--out", 8, "--budget", 2], "--budget: expected a share of at most 1, got 2.0"),
        (["--in", 7, "--out", 5, "--budget", 0.01], "--budget: expected room for one family, got 0 parameters"),
    ):
        answer = asked("choose", *wrong)
        assert answer.exit_code == 2 and message in answer.stderr and answer.stderr.count("\n") == 1


def test_what_is_from_memory_says_so_and_the_users_own_numbers_stand_in_its_place():
    assert all("from memory, not checked" in machine.source for machine in HARDWARE.values())
    sizes = ["--in", 16, "--out", 24, "--batch", 3, "--hardware", "h100", "--json"]
    found = [json.loads(asked("choose", *sizes, *own).stdout) for own in ([], ["--peak", 1, "--bandwidth", 0.001])]
    assert "from memory" in found[0]["hardware"]["source"] and found[1]["hardware"]["source"] == "numbers given"
    assert found[1]["dense"]["least"] == least_time((24, 16), 384, 384, 3, given(HARDWARE["h100"], 1e12, 1e6))
    assert given(HARDWARE["h100"], None, None) is HARDWARE["h100"]


def test_no_least_time_is_above_the_time_that_was_taken(monkeypatch):
    """A processor that was measured while others used it is faster a moment later."""
    slow = Hardware("cpu", "measured", "float32", 4, 1.0, 1.0)
    monkeypatch.setattr("monarch_theory.command.choose.this_machine", lambda: slow)
    sizes = ["--in", 16, "--out", 24, "--batch", 3, "--measure", "--json"]
    found = json.loads(asked("choose", *sizes).stdout)
    timed = [row for row in [found["dense"], *found["choices"]] if row["seconds"] is not None]
    assert len(timed) > 5 and all(row["least"] <= row["seconds"] for row in timed)
    assert least_time((24, 16), 384, 384, 3, slow) > found["dense"]["seconds"]  # as it was told before
    own = json.loads(
        asked("choose", "--in", 16, "--out", 24, "--batch", 3, "--measure", "--peak", 1e-6, "--json").stdout
    )
    assert own["dense"]["least"] == 2 * 384 * 3 / 1e6  # the user's own number stands
