"""Mixed radix: digits and indices are inverse to each other, permutations permute, bad radices are named."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from monarch_theory.digits import check_radices, digits_of, index_of, reversal, stride_permutation

RADICES = st.lists(st.integers(1, 5), min_size=1, max_size=4)


@given(RADICES)
def test_digits_and_index_are_inverse(radices):
    for index in range(int(np.prod(radices))):
        assert index_of(digits_of(index, radices), radices) == index


@given(RADICES)
def test_reversal_reverses_digits(radices):
    permutation = reversal(radices)
    assert sorted(permutation) == list(range(len(permutation)))
    for place, index in enumerate(permutation):
        assert digits_of(place, radices[::-1]) == digits_of(int(index), radices)[::-1]


@given(RADICES)
def test_reversal_twice_is_the_identity(radices):
    assert (reversal(radices)[reversal(radices[::-1])] == np.arange(np.prod(radices))).all()


def test_stride_permutation_is_a_transpose():
    x = np.arange(12)
    assert (x[stride_permutation((3, 4), (1, 0))] == x.reshape(3, 4).T.reshape(-1)).all()


@pytest.mark.parametrize("radices", [[], [0, 2], [2, -1], [2.0], [True, 2], 4, "22", None])
def test_bad_radices_are_named(radices):
    with pytest.raises(ValueError, match="radices: expected"):
        check_radices(radices)


def test_a_wrong_product_is_named():
    with pytest.raises(ValueError, match=r"radices: expected a product of 12, got \(2, 5\)"):
        check_radices((2, 5), size=12)
