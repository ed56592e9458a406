"""What leaks is never proved, of models as one meets them."""

import pytest
import torch
from strangers import ON_TENSORS, ON_TOKENS, WIDTH, Mapped
from together import Together

from monarch_gpu.dependence import prove_causal
from monarch_theory.leaks.dependence import latest

N = 8
FLOATS, TOKENS = torch.zeros(1, N, WIDTH, dtype=torch.float64), torch.zeros(1, N, dtype=torch.int64)
LEAKING = {
    (name, x): function
    for rows, x in ((ON_TENSORS, FLOATS), (ON_TOKENS, TOKENS))
    for name, causal, function in rows
    if causal is False
}
WITHOUT_A_GRAPH = {
    "steps until all are done", "a branch by the sum of all", "kinds of tokens", "noise seeded by all tokens",
    "compiled, leaks", "compiled whole, leaks", "flexible attention, one ahead",
}  # fmt: skip
"""What the data decides, or what is compiled, is no one graph with others."""

UNDER_A_CONDITION = "mask of -1e9, which large scores overcome"


@pytest.mark.parametrize("x", [FLOATS, TOKENS], ids=["floats", "tokens"])
def test_what_leaks_is_not_proved(x):
    names = [name for name, given in LEAKING if given is x and name not in WITHOUT_A_GRAPH]
    pairs = Together({name: LEAKING[name, x] for name in names}, x).pairs(latest)
    assert len(pairs) >= 7 and not [name for name in pairs if pairs[name] is None]


@pytest.mark.parametrize("name", [*sorted(WITHOUT_A_GRAPH), UNDER_A_CONDITION, "chunks of positions, seen whole"])
def test_what_leaks_is_not_proved_on_its_own(name):
    (x,) = (x for leaking, x in LEAKING if leaking == name)
    assert not prove_causal(Mapped(LEAKING[name, x]).eval(), [x], 1).proved


def test_what_does_not_leak_may_be():
    names = ["scan by doubling", "retention in chunks", "linear attention", "median of the past"]
    functions = {name: function for name, _, function in ON_TENSORS if name in names}
    assert Together(functions, FLOATS).pairs(latest) == dict.fromkeys(functions)
