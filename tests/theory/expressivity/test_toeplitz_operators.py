"""Toeplitz operators by products alone: members are found, near ones are not taken for them, at any size."""

import numpy as np
import pytest
from scipy.linalg import circulant, toeplitz
from scipy.sparse.linalg import LinearOperator, aslinearoperator

from monarch_theory.expressivity import toeplitz_operators
from monarch_theory.expressivity.families import FAMILIES
from monarch_theory.expressivity.spectra import Spectra
from monarch_theory.expressivity.toeplitz_operators import toeplitz_membership_of

RNG = np.random.default_rng(0)
MEMBERS = {
    "toeplitz": lambda rows, columns: toeplitz(RNG.standard_normal(rows), RNG.standard_normal(columns)),
    "causal-toeplitz": lambda rows, columns: np.tril(toeplitz(RNG.standard_normal(rows))),
    "circulant": lambda rows, columns: circulant(RNG.standard_normal(rows)),
}
SHAPES = [(1, 1), (2, 2), (7, 7), (64, 64), (5, 23), (23, 5), (1, 6), (6, 1)]


def nearest(family, matrix):
    """Relative distance of the nearest member, which the family knows of a dense matrix."""
    named = next(one for one in FAMILIES if one.name == family)
    return named.nearest(Spectra.of([matrix]), 10**6).distance


@pytest.mark.parametrize("factor", [1, 2 - 1j, 1e-200, 1e150])
@pytest.mark.parametrize("family", MEMBERS)
def test_members_and_matrices_near_them(family, factor):
    for rows, columns in SHAPES if family == "toeplitz" else [shape for shape in SHAPES if shape[0] == shape[1]]:
        member = MEMBERS[family](rows, columns)
        found = toeplitz_membership_of(member * factor, family, accuracy=1e-12)
        assert found.member is True and found.floor <= 1e-12
        assert np.allclose(toeplitz(found.column / factor, found.row / factor), member)
        noise = RNG.standard_normal(member.shape)
        noise *= np.linalg.norm(member) / np.linalg.norm(noise)
        for size in (1e-9, 1e-3, 1.0):
            other = member + size * noise
            far = nearest(family, other)
            found = toeplitz_membership_of(other * factor, family, accuracy=1e-12)
            assert found.member is (far < 1e-14)
            assert found.floor <= far * (1 + 1e-9) + 1e-15 and far <= found.farthest + 1e-12


def test_what_is_not_causal_or_does_not_wrap_is_told_apart():
    member = MEMBERS["toeplitz"](30, 30)
    for family in ("causal-toeplitz", "circulant"):
        assert toeplitz_membership_of(member, family, accuracy=1e-9).member is False
    upper = np.triu(member)
    assert toeplitz_membership_of(upper, "causal-toeplitz", accuracy=1e-9).member is False


def test_a_member_that_is_multiplied_wrongly_is_not_a_yes_and_no_displacement_is_no_no(monkeypatch):
    matrix = RNG.standard_normal((20, 20))
    assert toeplitz_membership_of(matrix, accuracy=1e-9).member is False
    monkeypatch.setattr(toeplitz_operators, "HIGH", 1e24)  # a bound so wide that it says nothing
    assert toeplitz_membership_of(matrix, accuracy=1e-9).member is None
    monkeypatch.undo()
    seen = toeplitz_operators.matmul_toeplitz
    monkeypatch.setattr(toeplitz_operators, "matmul_toeplitz", lambda member, x: 1.01 * seen(member, x))
    assert toeplitz_membership_of(MEMBERS["toeplitz"](20, 20), accuracy=1e-9).member is not True


def test_products_do_not_grow_with_the_size():
    taps, n = np.exp(-np.arange(40.0)), 2**15

    def filtered(x):
        return np.stack([np.convolve(column, taps)[:n] for column in x.T], axis=1)

    operator = LinearOperator((n, n), matvec=None, matmat=filtered, dtype=float)
    found = toeplitz_membership_of(operator, "causal-toeplitz", accuracy=1e-10)
    assert found.member is True and found.products < 100 and found.failure < 1e-6


@pytest.mark.parametrize(
    ("operator", "options", "message"),
    [
        (np.ones((3, 4)), {"family": "circulant"}, r"operator: expected a square operator, as circulant .* \(3, 4\)"),
        (LinearOperator((16, 16), matvec=np.abs, dtype=float), {}, "operator is not linear"),
        (np.full((16, 16), np.nan), {}, "operator: expected"),
        (np.eye(16), {"accuracy": -1.0}, r"accuracy: expected a number in \[0, 1\)"),
        (np.eye(16), {"family": "hankel"}, "family: expected toeplitz, causal-toeplitz, circulant, got 'hankel'"),
    ],
)
def test_bad_input_is_one_line_that_names_it(operator, options, message):
    with pytest.raises(ValueError, match=message):
        toeplitz_membership_of(operator, **({"accuracy": 1e-9} | options))


def test_zero_is_a_member_and_integers_are_read():
    found = toeplitz_membership_of(np.zeros((16, 16)), accuracy=0.0)
    assert found.member is True and found.distance == found.farthest == 0
    assert toeplitz_membership_of(aslinearoperator(toeplitz(np.arange(9))), accuracy=1e-12).member is True
