"""A proof is of a graph: that it is the model's, and that no operator reads more than its operands show."""

import pytest
import torch
from torch import nn

from monarch_gpu.dependence import faithful, proof, prove_causal
from monarch_gpu.dependence.alongside import compared

N, D = 6, 4


def back(x):
    return x.flip(1)


def set_data(x):
    y = x.clone()
    y.data = back(x)
    return y


def set_weight(x):
    weight = nn.Parameter(torch.zeros_like(x))
    weight.data = back(x)
    return x + weight


def caught(x):
    try:
        return torch.from_numpy(x.numpy()[:, ::-1].copy())
    except RuntimeError:
        return x * 1


@torch.library.custom_op("tests::writes", mutates_args=())
def writes(x: torch.Tensor, y: torch.Tensor) -> torch.Tensor:
    y.copy_(x.flip(1))
    return x.clone()


@writes.register_fake
def _(x, y):
    return torch.empty_like(x)


def undeclared(x):
    y = torch.zeros_like(x)
    torch.ops.tests.writes(x, y)
    return y


class Buffered(nn.Module):
    """Its buffer is given other numbers past the export."""

    def __init__(self):
        super().__init__()
        self.register_buffer("seen", torch.zeros(1, N, D))

    def forward(self, x):
        self.seen.data = back(x)
        return x + self.seen


STRAYING = {
    "exporting": lambda x: x * 1 if torch.compiler.is_exporting() else back(x),
    "compiling": lambda x: x * 1 if torch.compiler.is_compiling() else back(x),
    "type": lambda x: back(x) if type(x) is torch.Tensor else x * 1,
    "except": caught,
    "data": set_data,
    "weight": set_weight,
    "undeclared": undeclared,
    "words": lambda x: x + len(repr(x[:, -1])),
    "buffer": Buffered(),
    "gradients": lambda x: back(x) if torch.is_grad_enabled() else x * 1,
}
"""What sees the future when it is called, and does not in its graph."""


@pytest.mark.parametrize("name", STRAYING)
def test_a_graph_that_is_not_the_models_proves_nothing(name):
    found = prove_causal(STRAYING[name], [torch.zeros(1, N, D)], 1)
    assert not found.proved and found.reason == "export"


def test_without_a_run_of_both_they_would_be_proved(monkeypatch):
    monkeypatch.setattr(proof, "strays", lambda *given: "")
    proved = [name for name, model in STRAYING.items() if prove_causal(model, [torch.zeros(1, N, D)], 1).proved]
    assert len(proved) >= len(STRAYING) - 2  # as versions of torch export them


class Inference(nn.Module):
    """Something in it has no gradient."""

    def __init__(self):
        super().__init__()
        self.weight = nn.Parameter(torch.ones(D))

    def forward(self, x):
        return self.weight.mul_(1.0) * x.cumsum(1)


def test_a_model_that_takes_no_gradients_is_proved_without_them():
    with pytest.raises(RuntimeError, match="in-place"):
        Inference()(torch.zeros(1, N, D))
    assert faithful._with_gradients(Inference(), [torch.zeros(1, N, D)], {}) is None
    assert prove_causal(Inference(), [torch.zeros(1, N, D)], 1).proved


def test_a_model_that_takes_a_gradient_itself_is_run_with_gradients_too():
    def energy(x):
        (descent,) = torch.autograd.grad((x := x.requires_grad_()).pow(2).cumsum(1).sum(), x)
        return descent

    found = faithful._with_gradients(energy, (torch.ones(1, N, D),), {})
    assert torch.equal(found[0, :, 0], 2 * torch.arange(N, 0, -1.0))


class Counting(nn.Module):
    """What it keeps of a call is its own."""

    def __init__(self):
        super().__init__()
        self.norm, self.calls = nn.BatchNorm1d(D), 0

    def forward(self, x):
        self.calls += 1
        return self.norm(x.transpose(1, 2)).transpose(1, 2) * self.calls


def test_a_proof_leaves_a_models_buffers_as_they_were():
    model = Counting()
    prove_causal(model, [torch.zeros(2, N, D)], 1)
    assert not model.norm.running_mean.any() and not model.norm.num_batches_tracked


@pytest.mark.parametrize(
    ("a", "b", "same"),
    [
        ([1.0, torch.nan, -torch.inf], [1.0, torch.nan, -torch.inf], True),
        ([1.0, 2.0, torch.nan], [1.0, 2.0, 3.0], False),
        ([1e9, 1.0, 1.0], [1e9, 1.1, 1.0], False),
        ([1e-9, 1.0, 1.0], [-1e-9, 1.0, 1.0], True),
        ([torch.inf, 1.0, 1.0], [-torch.inf, 1.0, 1.0], False),
    ],
)
def test_numbers_are_the_same_to_half_of_their_digits(a, b, same):
    share = torch.finfo(torch.float32).eps ** 0.5
    assert faithful._alike(torch.tensor(a), torch.tensor(b), share) is same


SIGNS = {
    "copysign": lambda x: torch.copysign(torch.ones_like(x), back(x) * 0),
    "signbit": lambda x: torch.signbit(back(x) * 0).float(),
    "atan2": lambda x: torch.atan2(back(x) * 0, -torch.ones_like(x)),
    "angle": lambda x: torch.angle(torch.complex(-torch.ones_like(x), back(x) * 0)),
    "root": lambda x: torch.sqrt(torch.complex(-torch.ones_like(x), back(x) * 0)).imag,
    "bits": lambda x: (back(x) * 0).view(torch.int32).clamp(-1, 1),
    "mask": lambda x: torch.signbit(torch.triu(torch.ones(N, N)).neg().mul(0).tril() @ x).float(),
}


@pytest.mark.parametrize("name", SIGNS)
def test_the_sign_of_a_zero_is_not_proved_away(name):
    assert not prove_causal(SIGNS[name], [torch.zeros(1, N, D)], 1).proved


def test_signs_of_what_no_zero_made_are_a_matter_of_their_operands():
    found = prove_causal(lambda x: torch.atan2(x.cumsum(1), 2 * x) + torch.signbit(torch.arange(N) * 0.0)[:, None],
                         [torch.zeros(1, N, D)], 1)  # fmt: skip
    assert found.proved


@pytest.mark.parametrize("name", SIGNS)
def test_nor_between_two_graphs(name):
    long, short = (
        proof.posed(lambda x: SIGNS[name](x) if name != "mask" else torch.signbit(back(x) * 0).float(),
                    [torch.zeros(1, n, D)], 1, "causal", lambda i, j: j <= i)
        for n in (N, N - 2)
    )  # fmt: skip
    assert not compared(long, short)["proved"]


def test_zeros_of_two_signs_are_two_constants():
    signs = torch.tensor([0.0, -0.0, 0.0, 0.0, 0.0, 0.0])[None, :, None]
    assert not prove_causal(lambda x: x + back(x) * torch.signbit(signs), [torch.zeros(1, N, D)], 1).proved


MEMORY = {
    "of all": lambda x: x.transpose(0, 1).contiguous()[:1].as_strided((N, D), (D, 1)).flip(0)[None],
    "behind": lambda x: x.transpose(0, 1).contiguous()[:1].as_strided((1, D), (D, 1), (N - 1) * D)[None] + 0 * x,
}


@pytest.mark.parametrize("name", MEMORY)
def test_memory_beyond_a_tensor_is_not_proved_away(name):
    assert not prove_causal(MEMORY[name], [torch.zeros(1, N, D)], 1).proved


@torch.library.custom_op("tests::into", mutates_args=("y",))
def into(x: torch.Tensor, y: torch.Tensor) -> None:
    y.copy_(x.flip(1))


def test_an_operator_that_only_writes_depends_on_all_it_is_given():
    def written(x):
        y = torch.zeros_like(x)
        torch.ops.tests.into(x, y)
        return y

    found = prove_causal(written, [torch.zeros(1, N, D)], 1)
    assert found.reason == "dependence" and found.without_rule


def test_weights_that_are_zero_hide_nothing_where_a_function_closes_over_them():
    layer = nn.Linear(D, D)
    nn.init.zeros_(layer.weight)
    found = prove_causal(lambda x: x + layer(back(x)), [torch.zeros(1, N, D)], 1)
    assert not found.proved and found.weights == 2
