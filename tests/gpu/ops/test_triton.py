"""The Triton kernels: interpreted against the exact reference, and compiled ahead for GPUs that need not be here."""

from inspect import signature
from itertools import product
from typing import Any

import numpy as np
import pytest

from monarch_theory.monarch import Convention

torch = pytest.importorskip("torch")
pytest.importorskip("triton", reason="triton is not installed")

from monarch_gpu.ops import torch as reference  # noqa: E402
from monarch_gpu.ops import triton as ops  # noqa: E402

KERNELS = {
    "monarch-multiply": ops.monarch_multiply,
    "long-convolution": ops.long_convolution,
    "circular-convolution": lambda u, k: ops.long_convolution(u, k, causal=False),
}


def adapted(kernel: Any, dtype: str, device: str = "cpu") -> Any:
    def run(*arrays: np.ndarray, **options: Any) -> np.ndarray:
        inputs = [torch.from_numpy(np.array(a)).to(device, getattr(torch, dtype)) for a in arrays]
        y = kernel(*inputs, **options)
        assert y.dtype == getattr(torch, dtype)
        return y.cpu().double().numpy()

    return run


SIZES = [
    ("float32", 600), ("float16", 150), pytest.param("bfloat16", 150, marks=pytest.mark.long),
    *(pytest.param(dtype, 6_000, marks=pytest.mark.long) for dtype in ("float32", "bfloat16", "float16")),
]  # fmt: skip
"""Half formats differ in how they are loaded and stored, which the smallest shapes show."""


@pytest.mark.parametrize(("dtype", "largest"), SIZES)
@pytest.mark.parametrize("name", KERNELS)
def test_interpreted_kernels_are_within_their_bound(
    name: str, dtype: str, largest: int, hold_to_reference: Any
) -> None:
    hold_to_reference(name, adapted(KERNELS[name], dtype), dtype, largest=largest)


@pytest.mark.parametrize("convention", Convention)
def test_layouts_conventions_and_ragged_tiles(convention: Convention) -> None:
    generator = torch.Generator().manual_seed(0)
    right, left = (torch.randint(-3, 4, s, generator=generator).float() for s in ((17, 33, 20), (33, 18, 17)))
    x = torch.randint(-3, 4, (2, 340, 9), generator=generator).float()
    for axis in (0, 1, -1):
        moved = x.movedim(1, axis)
        strided = torch.stack([moved, moved], -1)[..., 0]
        expected = reference.monarch_multiply(moved, right, left, convention=convention, axis=axis)
        assert torch.equal(ops.monarch_multiply(strided, right, left, convention=convention, axis=axis), expected)


def test_gates_and_skip_are_each_optional() -> None:
    u, gate, pre_gate = torch.randn(3, 3, 2, 9, generator=torch.Generator().manual_seed(0))
    k, skip = torch.rand(2, 9), torch.rand(2)
    for choice in range(8):
        named = {"gate": gate, "skip": skip, "pre_gate": pre_gate}
        given = {name: t for bit, (name, t) in enumerate(named.items()) if choice >> bit & 1}
        for causal in (True, False):
            got = ops.long_convolution(u, k, causal=causal, **given)
            wide = {name: t.double() for name, t in given.items()}
            expected = reference.long_convolution(u.double(), k.double(), causal=causal, **wide)
            scale = u.norm() * (pre_gate.abs().max() + 1) * k.norm() * (gate.abs().max() + 1)
            assert (got - expected).abs().max() <= 400 * 2.0**-24 * scale


def test_signals_of_a_convolution_do_not_disturb_one_another() -> None:
    u, k = torch.rand(3, 2, 9), torch.rand(2, 9)
    alone = ops.long_convolution(u[1:2], k)
    u[0], u[2, 0, 0] = 1e12, float("nan")
    together = ops.long_convolution(u, k)
    assert torch.equal(together[1], alone[0]) and not together[2, 1].isnan().any()


def test_gradients_are_those_of_the_torch_operators() -> None:
    generator = torch.Generator().manual_seed(0)
    shapes = ((5, 6), (3, 4, 2), (4, 5, 3))
    arguments = [torch.randn(s, generator=generator, requires_grad=True) for s in shapes]
    for got, want in zip(
        torch.autograd.grad(ops.monarch_multiply(*arguments).sum(), arguments),
        torch.autograd.grad(reference.monarch_multiply(*arguments).sum(), arguments),
        strict=True,
    ):
        assert torch.equal(got, want)
    u, k, skip = (torch.randn(s, generator=generator, requires_grad=True) for s in ((3, 2, 9), (2, 9), (2,)))
    found = torch.autograd.grad(ops.long_convolution(u, k, skip=skip).sum(), (u, skip))
    wanted = torch.autograd.grad(reference.long_convolution(u, k, skip=skip).sum(), (u, skip))
    assert all(torch.equal(got, want) for got, want in zip(found, wanted, strict=True))


def test_dtypes_that_triton_lacks_are_refused_by_name() -> None:
    with pytest.raises(TypeError, match="x: expected dtype float32, bfloat16 or float16"):
        ops.monarch_multiply(torch.zeros(2, 4, dtype=torch.float64), *torch.zeros(2, 2, 2, 2, dtype=torch.float64))


def test_longer_signals_go_to_the_torch_operators() -> None:
    u, k = torch.rand(1, 600), torch.rand(600)
    assert torch.equal(ops.long_convolution(u, k), reference.long_convolution(u, k))


def test_compiled_ahead_for_a100_and_h100_without_spilling() -> None:
    usage = ops.resource_usage()
    kernels, targets, dtypes = ("multiply", "convolution"), ("sm_80", "sm_90"), ("fp32", "bf16")
    assert {(r.kernel, r.architecture, r.dtype) for r in usage} == set(product(kernels, targets, dtypes))
    for resources in usage:
        print(resources)
        assert resources.stack == 0, resources
        assert 0 < resources.registers <= 255 and 0 < resources.shared <= 163 * 1024, resources


def test_compiled_where_every_integer_is_one() -> None:
    """A launcher puts the number in the place of an argument that is one: there it is no tensor, and has no methods."""
    for kernel, pointers, constants in ops._specialised("fp32", 16):
        ones = dict.fromkeys(set(signature(kernel).parameters) - set(pointers) - set(constants), 1)
        assert ones and ops._compile(kernel, pointers, constants | ones, 90, "fp32").registers > 0


@pytest.mark.gpu
@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "float16"])
@pytest.mark.parametrize("name", KERNELS)
def test_on_a_gpu(name: str, dtype: str, hold_to_reference: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU: torch.cuda.is_available() is False")
    hold_to_reference(name, adapted(KERNELS[name], dtype, "cuda"), dtype, largest=40_000)
