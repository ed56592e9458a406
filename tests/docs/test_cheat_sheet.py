"""The cheat sheet: what it says of classes is so, and it prints on two pages."""

import re
from pathlib import Path

import numpy as np
import pytest
import scipy.linalg

from monarch_theory.causality import degree_caps
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.monarch import Convention

SHEET = (Path(__file__).parents[2] / "docs" / "cheat-sheet.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("convention", [Convention.M2, Convention.DAO], ids=lambda c: c.name)
def test_what_is_in_which_class(convention):
    rng = np.random.default_rng(0)
    fourier = scipy.linalg.dft(16)
    blocks = rng.integers(-3, 4, (4, 4, 4))
    named = {
        "the Fourier matrix": (fourier, Convention.M2),
        "its inverse": (fourier.conj() / 16, Convention.M2),
        "the identity": (np.eye(16, dtype=int), Convention.DAO),
        "block-diagonal matrices": (scipy.linalg.block_diag(*blocks), Convention.DAO),
        "Kronecker products": (np.kron(blocks[0], blocks[1]), Convention.DAO),
        "Walsh–Hadamard": (scipy.linalg.hadamard(16), Convention.DAO),
    }
    said = " ".join(SHEET.split())
    assert all(name in said for name in named)
    kind = MonarchClass((4, 4), convention=convention)
    assert {name: membership_of(matrix, kind).member for name, (matrix, _) in named.items()} == {
        name: home is convention for name, (_, home) in named.items()
    }


@pytest.mark.parametrize("b", [2, 4, 6])
def test_counts_and_caps(b):
    kind = MonarchClass((b, b))
    assert (kind.parameters, kind.dimension) == (2 * b**3, 2 * b**3 - b**2)
    r, ell = degree_caps((b, b))
    j = np.arange(b * b).reshape(b, b)
    assert (r == np.where(j < b * b // 2, b // 2 - 1, b - 1)).all() and (ell == b - 1).all()


def test_commands_it_names_exist():
    from monarch_theory.command.rooms import rooms

    assert set(re.findall(r"`monarch (\w+)", SHEET)) <= {room.name for room in rooms()}
