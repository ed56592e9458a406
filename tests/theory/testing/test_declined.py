"""A kernel that does not take empty batches or a third factor is not wrong; one that fails elsewhere still is."""

import pytest

from monarch_theory.testing.check import check
from monarch_theory.testing.judge import Verdict

pytestmark = pytest.mark.usefixtures("kernel_at_hand")

KERNELS = '''
import numpy as np

def of_two_factors(x, R, L):
    """Right, of order 2 only, and unable to reshape an empty batch."""
    u = x.reshape(len(x), R.shape[2], R.shape[0])
    v = np.einsum("jsi,bij->bsj", R, u)
    return np.einsum("stj,bsj->bts", L, v).reshape(len(x), -1)

def without_its_last_output(x, R, L):
    y = of_two_factors(x, R, L)
    y[..., -1] = 0
    return y

def of_equal_radices(x, R, L):
    b = len(R)
    return of_two_factors(x, R.reshape(b, b, b), L.reshape(b, b, b))
'''


@pytest.fixture(scope="module")
def file(tmp_path_factory):
    path = tmp_path_factory.mktemp("kernels") / "kernels.py"
    path.write_text(KERNELS)
    return path


def test_empty_batches_and_other_orders_are_declined(file):
    report = check(file, "of_two_factors", "monarch-multiply", cases_wanted=80)
    assert report.verdict is Verdict.RIGHT and report.refused > 0 and report.cases > 30
    assert "it declined" in report.message


def test_a_wrong_value_is_found_past_the_cases_that_are_declined(file):
    report = check(file, "without_its_last_output", "monarch-multiply", cases_wanted=80)
    assert report.verdict is Verdict.WRONG
    assert report.failure is not None and report.failure.cause.name == "dropped tail"


def test_an_exception_on_a_common_shape_is_a_verdict(file):
    report = check(file, "of_equal_radices", "monarch-multiply", cases_wanted=80)
    assert report.verdict is Verdict.EXCEPTION
    smallest = report.failure.smallest.case
    assert all(a.size for a in smallest.arrays.values())
    assert check(file, "of_equal_radices", "monarch-multiply", order=2, square=True, cases_wanted=40).exit_code == 0
