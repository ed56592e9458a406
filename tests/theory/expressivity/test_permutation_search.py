"""The permutation search is a heuristic: what it returns is never worse, and is what it says it is."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from monarch_theory.domains import FLOAT64
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.permutations import search_permutations
from monarch_theory.expressivity.projection import project
from monarch_theory.monarch import Convention, random_monarch
from monarch_theory.strategies import radices


@settings(max_examples=30)
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
