"""The page of commands names every command and every option, as the functions themselves have them."""

import inspect
import re

import pytest

from monarch_theory.command.rooms import rooms
from monarch_theory.command.schema import FIELDS

pytest.importorskip("sphinx", reason="needs the documentation tools: pip install '.[docs]'")
pytest.importorskip("torch", reason="the commands of monarch_gpu import torch")

from commands import page


@pytest.fixture(scope="module")
def sections():
    return dict(re.findall(r"^## monarch ([\w-]+)\n(.*?)(?=^## |\Z)", page(), flags=re.MULTILINE | re.DOTALL))


def test_every_command_has_a_section(sections):
    assert list(sections) == [room.name for room in rooms()]


@pytest.mark.parametrize("room", rooms(), ids=lambda room: room.name)
def test_every_option_has_a_row_that_says_what_it_means(room, sections):
    options, _, keys = sections[room.name].partition("With `--json`")
    rows = re.findall(r"^\| (`.*?) \| (.*?) \| (.*) \|$", options, flags=re.MULTILINE)
    assert bool(keys) == (room.name in FIELDS)
    # the context of the call is no option
    assert len(rows) == len(inspect.signature(room.load()).parameters.keys() - {"context"})
    assert all(meaning for _, _, meaning in rows)
    assert any(spelled == "`--json`" for spelled, _, _ in rows)


def test_defaults_are_those_of_the_functions(sections):
    assert "| `--n INTEGER` | `128` |" in sections["causal"]
    assert "| `--coq` or `--no-coq` | `True` |" in sections["prove"]
    assert "| `KERNELS …` |" in sections["campaign"]
