"""Contracted digit by digit, in either direction: members come out as they are, and of others what is left is known."""

import numpy as np
import pytest

from monarch_theory.expressivity.alternation import product_of_factors
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.contraction import ascended, descended
from monarch_theory.expressivity.projection import near_member, project
from monarch_theory.monarch import Convention

KINDS = [
    MonarchClass((2, 2, 2)), MonarchClass((3, 2, 4), (2, 5, 3)), MonarchClass((2, 3, 2, 2), (3, 1, 2, 4)),
    MonarchClass((7, 1, 2), (1, 3, 5)),
]  # fmt: skip
ENDS = {"descended": (descended, -1), "ascended": (ascended, 0)}


def entries(rng, shape, complex_numbers):
    values = rng.standard_normal(shape)
    return values + 1j * rng.standard_normal(shape) if complex_numbers else values


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("complex_numbers", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_what_is_captured_is_what_is_near(kind, complex_numbers, end):
    contracted, last = ENDS[end]
    tensor = entries(np.random.default_rng(0), kind.output_radices + kind.input_radices, complex_numbers)
    factors = contracted(tensor, kind)
    missing = np.linalg.norm(tensor - product_of_factors(factors, kind))
    assert np.hypot(missing, np.linalg.norm(factors[last])) == pytest.approx(np.linalg.norm(tensor), rel=1e-12)
    ends = len(factors) + last if last < 0 else last
    for k, factor in enumerate(factors):  # of unit length along the digit that was contracted
        assert k == ends or np.allclose(np.linalg.norm(factor, axis=2 if last else 1), 1)


@pytest.mark.parametrize("end", ENDS)
@pytest.mark.parametrize("complex_numbers", [False, True])
@pytest.mark.parametrize("kind", KINDS)
def test_a_member_is_found(kind, complex_numbers, end):
    rng = np.random.default_rng(1)
    shapes = [factor.shape for factor in descended(np.ones(kind.output_radices + kind.input_radices), kind)]
    member = product_of_factors([entries(rng, shape, complex_numbers) for shape in shapes], kind)
    near = product_of_factors(ENDS[end][0](member, kind), kind)
    assert np.linalg.norm(member - near) <= 1e-12 * np.linalg.norm(member)


@pytest.mark.parametrize("convention", Convention)
@pytest.mark.parametrize("sweeps", [0, 1])
def test_the_near_member_is_one_in_every_convention(convention, sweeps):
    kind = MonarchClass((3, 2, 2), (2, 2, 3), convention)
    matrix = entries(np.random.default_rng(2), kind.shape, True)
    near = near_member(matrix, kind, sweeps=sweeps)
    assert project(near, kind).relative_distance < 1e-12
    assert np.linalg.norm(matrix - near) <= project(matrix, kind).guarantee * project(matrix, kind).distance * 1.05
