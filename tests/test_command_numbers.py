"""Every number on the command line is looked at: what is out of range is one line and exit code 2, before any work."""

import inspect
from typing import get_args, get_type_hints

import pytest

from monarch_theory.command import door
from monarch_theory.command.ranges import RANGES, range_of
from monarch_theory.command.rooms import rooms


def numeric() -> list[tuple[str, str, str]]:
    """(command, option as it is written, name) of every option that takes a number."""
    found = []
    for room in rooms():
        if room.module.startswith("monarch_gpu") and not pytest.importorskip("torch"):
            continue
        function = room.load()
        hints = get_type_hints(function)
        for name in inspect.signature(function).parameters:
            inner = {hints[name], *get_args(hints[name]), *(t for a in get_args(hints[name]) for t in get_args(a))}
            if inner & {int, float}:
                found.append((room.name, f"--{name.replace('_', '-')}", name))
    return found


OPTIONS = numeric()
HOPELESS = ("nan", "inf", "-inf", "1e300", str(10**30), "-" + "9" * 30)


@pytest.mark.parametrize(("command", "option", "name"), OPTIONS, ids=[f"{c} {o}" for c, o, _ in OPTIONS])
def test_what_is_out_of_range_is_one_line(command, option, name, capsys):
    wrong = [*HOPELESS, *(["-1"] if range_of(name)[0] >= 0 else [])]
    for text in wrong:
        assert door.run([command, f"{option}={text}"]) == 2
        shown = capsys.readouterr()
        assert shown.out == "" and shown.err.count("\n") == 1, shown.err
        assert shown.err.startswith(f"monarch {command}: Invalid value for '{option}'"), shown.err


def test_every_option_with_a_number_has_a_range_and_every_range_an_option():
    assert {name for _, _, name in OPTIONS} == set(RANGES)
