"""The permutation search is a heuristic: what it returns is never worse, and is what it says it is."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.domains import COMPLEX128, FLOAT64
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.permutations import search_permutations
from monarch_theory.expressivity.projection import project
from monarch_theory.monarch import Convention, random_monarch
from monarch_theory.strategies import radices


@given(
    radices(max_size=12, min_order=2, max_order=2),
    radices(max_size=12, min_order=2, max_order=2),
    st.sampled_from(Convention),
    st.integers(1, 2),
    st.integers(0, 1000),
)
def test_never_worse_and_reproducible(columns, rows, convention, rank, seed):
    kind = MonarchClass(columns, rows, convention, rank)
    matrix = np.random.default_rng(seed).standard_normal(kind.shape)
    found, again = (search_permutations(matrix, kind, np.random.default_rng(seed), steps=40) for _ in range(2))
    assert np.array_equal(found.rows, again.rows) and np.array_equal(found.columns, again.columns)
    assert sorted(found.rows) == list(range(kind.shape[0])) and sorted(found.columns) == list(range(kind.shape[1]))
    permuted = project(matrix[np.ix_(found.rows, found.columns)], kind)
    assert permuted.distance == found.projection.distance
    assert found.projection.relative_distance <= found.unpermuted_distance


@pytest.mark.parametrize("convention", Convention)
def test_it_finds_one_swap(convention):
    member = random_monarch((3, 3), FLOAT64, np.random.default_rng(0), convention=convention).dense()
    swapped = member[:, [4, 1, 2, 3, 0, 5, 6, 7, 8]]
    found = search_permutations(
        swapped, MonarchClass((3, 3), convention=convention), np.random.default_rng(3), steps=400
    )
    assert found.unpermuted_distance > 0.05
    assert found.projection.relative_distance < found.unpermuted_distance


@pytest.mark.parametrize("scale", [1e-200, 1e200])
def test_scale_changes_nothing(scale):
    matrix = np.random.default_rng(0).standard_normal((4, 4))
    found, scaled = (
        search_permutations(a, MonarchClass((2, 2)), np.random.default_rng(0), steps=50)
        for a in (matrix, matrix * scale)
    )
    assert np.array_equal(found.rows, scaled.rows) and np.array_equal(found.columns, scaled.columns)
    assert found.projection.relative_distance == pytest.approx(scaled.projection.relative_distance)


def test_bad_input_is_named():
    rng = np.random.default_rng(0)
    with pytest.raises(ValueError, match="order: expected 2"):
        search_permutations(np.eye(8), MonarchClass((2, 2, 2)), rng)
    with pytest.raises(ValueError, match="steps: expected a number of swaps that is not negative"):
        search_permutations(np.eye(4), MonarchClass((2, 2)), rng, steps=-1)


@pytest.mark.parametrize("convention", Convention)
@pytest.mark.parametrize("name", ["DFT", "random", "rectangle", "complex"])
def test_a_scrambled_member_is_found(name, convention):
    rng = np.random.default_rng(7)
    sizes = {"rectangle": ((4, 6), (3, 5))}.get(name, ((4, 4), (4, 4)))
    kind = MonarchClass(*sizes, convention)
    if name == "DFT":
        member = np.fft.fft(np.eye(16))  # in the order of the digits or not: any order is asked for
    else:
        domain = COMPLEX128 if name == "complex" else FLOAT64
        member = random_monarch(sizes[0], domain, rng, output_radices=sizes[1], convention=convention).dense()
    for _ in range(3):
        scrambled = member[np.ix_(rng.permutation(member.shape[0]), rng.permutation(member.shape[1]))]
        found = search_permutations(scrambled, kind, np.random.default_rng(0), steps=1)
        assert found.unpermuted_distance > 0.1 and found.projection.relative_distance < 1e-12
        noisy = scrambled + 1e-3 * rng.standard_normal(scrambled.shape)
        assert search_permutations(noisy, kind, np.random.default_rng(0), steps=1).projection.relative_distance < 1e-2


def test_without_a_clear_quotient_nothing_is_lost():
    """Zeros, equal columns and noise: no group is told, and the order given stands."""
    for matrix in (
        np.zeros((8, 8)),
        np.ones((8, 8)),
        np.eye(8)[::-1],
        np.random.default_rng(0).standard_normal((8, 8)),
    ):
        found = search_permutations(matrix, MonarchClass((2, 4)), np.random.default_rng(0), steps=5)
        assert found.projection.relative_distance <= found.unpermuted_distance
