"""What leaks is never proved, of models as one meets them."""

import pytest
import torch
from strangers import ON_TENSORS, ON_TOKENS, WIDTH, Mapped

from monarch_gpu.dependence import prove_causal

N = 8
FLOATS, TOKENS = torch.zeros(1, N, WIDTH, dtype=torch.float64), torch.zeros(1, N, dtype=torch.int64)
LEAKING = [
    *((name, function, FLOATS) for name, causal, function in ON_TENSORS if causal is False),
    *((name, function, TOKENS) for name, causal, function in ON_TOKENS if causal is False),
]


@pytest.mark.parametrize(("name", "function", "x"), LEAKING, ids=[row[0] for row in LEAKING])
def test_what_leaks_is_not_proved(name, function, x):
    assert not prove_causal(Mapped(function).eval(), [x], 1).proved


@pytest.mark.parametrize("name", ["scan by doubling", "retention in chunks", "linear attention", "median of the past"])
def test_what_does_not_leak_may_be(name):
    function = next(function for row, _, function in ON_TENSORS if row == name)
    assert prove_causal(Mapped(function).eval(), [FLOATS], 1).proved
