"""The public strategies draw what they promise."""

from math import prod

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.domains import COMPLEX64, FLOAT32, FLOAT64, INTEGERS, RATIONALS, SYMBOLIC, Cyclotomic, PrimeField
from monarch_theory.monarch import Convention
from monarch_theory.strategies import arrays, batches, monarchs, op_cases, radices, vectors
from monarch_theory.testing.cases import LAYOUTS

EVERY_DOMAIN = (INTEGERS, RATIONALS, PrimeField(17), Cyclotomic(8), SYMBOLIC, FLOAT32, FLOAT64, COMPLEX64)


@given(radices(max_size=30, min_order=2, max_order=3))
def test_radices_are_bounded(drawn):
    assert 2 <= len(drawn) <= 3 and all(r >= 1 for r in drawn) and prod(drawn) <= 30


@given(monarchs(EVERY_DOMAIN, max_size=6).flatmap(lambda M: st.tuples(st.just(M), vectors(M, batches()))))
def test_matrices_and_vectors_fit_together(pair):
    matrix, x = pair
    assert matrix.multiply(x).shape == (*x.shape[:-1], matrix.shape[0])
    assert max(matrix.shape) <= 6


@given(monarchs((RATIONALS, PrimeField(17), FLOAT64), max_size=8, invertible=True))
def test_invertible_matrices_are_inverted(matrix):
    exact = matrix if matrix.domain.exact else matrix.over(RATIONALS)
    identity = exact.domain.eye(exact.shape[0])
    assert exact.domain.equal(exact.inverse().multiply(exact.dense(), axis=0), identity)


@given(monarchs(INTEGERS, square=True, conventions=[Convention.DAO], input_radices=(2, 3)))
def test_fixed_radices_and_conventions(matrix):
    assert matrix.input_radices == matrix.output_radices == (2, 3)
    assert matrix.convention is Convention.DAO


@given(arrays(FLOAT32, (2, 2)))
def test_floats_are_in_their_domain(a):
    assert a.dtype == np.float32 and np.isfinite(a).all()


@given(op_cases("long-convolution", "float32", nonfinite=True), op_cases("embedding", "bfloat16"))
def test_calls_of_ops_are_those_of_a_check(convolution, lookup):
    for case in (convolution, lookup):
        shapes = {name: a.shape for name, a in case.arrays.items()}
        assert shapes == {name: tuple(size) for name, size in case.op.arguments(case.shape).items()}
        assert len(case.layouts) == len(case.arrays) and all(layout in LAYOUTS for layout in case.layouts)
    assert lookup.poisoned is None and lookup.arrays["tokens"].dtype == np.int64


def test_a_dtype_an_op_is_not_checked_in_is_refused():
    with pytest.raises(ValueError, match="dtype: expected one of float64, float32, bfloat16, float16 for rms-norm"):
        op_cases("rms-norm", "complex64")
