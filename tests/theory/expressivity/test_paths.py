"""Every class is a path: what one pass finds of all orders is what asking every class finds."""

from itertools import product
from math import isclose

import numpy as np
import pytest

from monarch_theory.expressivity.classes import MonarchClass, factorisations
from monarch_theory.expressivity.paths import floor_of, least_cost, paths
from monarch_theory.expressivity.spectra import Spectra
from monarch_theory.monarch import Convention

SHAPES = [(12, 18), (16, 8), (8, 24)]


def classes(shape, order, rank):
    pairs = product(factorisations(shape[0], order), factorisations(shape[1], order))
    return [MonarchClass(columns, rows, convention, rank) for rows, columns in pairs for convention in Convention]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("rank", [1, 2])
def test_least_floor_of_every_order_is_that_of_all_its_classes(shape, rank):
    spectra = Spectra.of([np.random.default_rng(0).standard_normal(shape)])
    budget = int(0.6 * shape[0] * shape[1] * rank)
    found = list(paths(spectra, range(2, 4), width=rank, bond=rank, budget=budget))
    assert all(path.kind.parameters <= budget for path in found)
    for order in (2, 3):
        within = [kind for kind in classes(shape, order, rank) if kind.parameters <= budget]
        floors = [path.floor for path in found if path.kind.order == order]
        assert bool(within) == bool(floors)
        if within:
            assert isclose(min(floors), min(floor_of(spectra, kind, rank) for kind in within), rel_tol=1e-12)


@pytest.mark.parametrize("shape", SHAPES)
def test_least_cost_is_that_of_the_cheapest_class(shape):
    every = [kind.parameters for order in (2, 3) for kind in classes(shape, order, 1)]
    assert least_cost(shape, range(2, 4)) == min(every)


def test_conventions_share_what_they_do_not_move():
    """A side that one slice takes whole is dealt out in one way."""
    spectra = Spectra.of([np.random.default_rng(1).standard_normal((16, 16))])
    list(paths(spectra, range(2, 5), width=1, bond=1, budget=256))
    dealt_whole = [
        (layout.left == 1 and layout.dealt[0]) or (layout.right == 1 and layout.dealt[1]) for layout, _ in spectra.known
    ]
    assert dealt_whole and not any(dealt_whole)


@pytest.mark.parametrize("order", [2, 3, 4])
@pytest.mark.parametrize("rank", [1, 2])
def test_splits_of_no_class_of_the_order_are_not_asked(order, rank):
    """Their slices are the largest: of a long path none has few rows and few columns on one side."""
    shape, budget = (16, 24), 300 * rank
    spectra = Spectra.of([np.random.default_rng(2).standard_normal(shape)])
    list(paths(spectra, range(order, order + 1), width=rank, bond=rank, budget=budget))
    expected = Spectra.of(spectra.matrices)
    for kind in classes(shape, order, rank):
        if kind.parameters <= budget:
            floor_of(expected, kind, rank)
    assert {layout for layout, _ in spectra.known} == {layout for layout, _ in expected.known} != set()
