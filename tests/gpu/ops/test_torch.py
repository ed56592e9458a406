"""The Torch primitives against the exact reference, and against everything PyTorch asks of an operator."""

from math import prod
from typing import Any

import numpy as np
import pytest

from monarch_theory.domains import COMPLEX128, FLOAT64
from monarch_theory.monarch import Convention, block_counts, random_monarch

torch = pytest.importorskip("torch")

from monarch_gpu.ops import torch as ops  # noqa: E402

KERNELS = {
    "block-diagonal-multiply": ops.block_diagonal_multiply,
    "monarch-multiply": ops.monarch_multiply,
    "monarch-dft": ops.monarch_dft,
    "inverse-monarch-dft": ops.inverse_monarch_dft,
    "circular-convolution": lambda u, k: ops.long_convolution(u, k, causal=False),
    "long-convolution": ops.long_convolution,
    "causal-monarch": ops.causal_monarch,
}
REAL = ("float64", "float32", "bfloat16", "float16")
COMPLEX = ("complex64", "complex128")
DTYPES = {
    "block-diagonal-multiply": REAL + COMPLEX,
    "monarch-multiply": REAL + COMPLEX,
    "monarch-dft": COMPLEX,
    "inverse-monarch-dft": COMPLEX,
    "circular-convolution": REAL,
    "long-convolution": REAL,
    "causal-monarch": REAL + COMPLEX,
}


def tensors(arrays: Any, dtype: str) -> list:
    return [torch.from_numpy(np.array(a)).to(getattr(torch, dtype)) for a in arrays]


def as_numpy(tensor: Any) -> np.ndarray:
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64).numpy()


def adapted(kernel: Any, dtype: str) -> Any:
    def run(*arrays: np.ndarray, **options: Any) -> np.ndarray:
        y = kernel(*tensors(arrays, dtype), **options)
        assert y.dtype == getattr(torch, dtype)
        return as_numpy(y)

    return run


@pytest.mark.parametrize(("name", "dtype"), [(name, dtype) for name in KERNELS for dtype in DTYPES[name]])
def test_every_shape_within_its_bound(name: str, dtype: str, hold_to_reference: Any) -> None:
    largest = 40_000 if dtype == "float32" or name == "block-diagonal-multiply" else 3_000
    hold_to_reference(name, adapted(KERNELS[name], dtype), dtype, largest=largest)


def test_a_transposed_block_is_outside_the_bound(hold_to_reference: Any) -> None:
    def transposed(x: Any, *factors: Any) -> Any:
        return ops.monarch_multiply(x, *factors[:-1], factors[-1].transpose(1, 2).contiguous())

    square = lambda shape: shape["input_radices"] == shape["output_radices"] == (4, 4) and shape["batch"] > 0  # noqa: E731
    with pytest.raises(AssertionError, match="times its bound"):
        hold_to_reference("monarch-multiply", adapted(transposed, "float32"), "float32", wanted=square)


@pytest.mark.parametrize("convention", Convention)
@pytest.mark.parametrize("radices", [((4,), (3,)), ((2, 3), (4, 5)), ((2, 3, 4), (3, 1, 2)), ((2, 2, 3, 2),) * 2])
def test_conventions_axes_and_strides_agree_with_the_theory(convention: Convention, radices: tuple) -> None:
    columns, rows = radices
    matrix = random_monarch(columns, FLOAT64, np.random.default_rng(1), output_radices=rows, convention=convention)
    factors = [torch.from_numpy(f.copy()) for f in matrix.factors]
    x = np.random.default_rng(2).integers(-4, 5, size=(2, prod(columns), 3, 2)).astype(float)
    integers = [torch.from_numpy(np.rint(f)) for f in matrix.factors]
    exact = type(matrix)(tuple(np.rint(f) for f in matrix.factors), FLOAT64, convention)
    for axis in (0, 1, 2, -1):
        moved = np.moveaxis(x, 1, axis)
        strided = torch.from_numpy(np.repeat(moved, 2, axis=-1).copy())[..., ::2]
        y = ops.monarch_multiply(strided, *integers, convention=convention, axis=axis)
        np.testing.assert_array_equal(y.numpy(), exact.multiply(moved, axis=axis))
    single = ops.monarch_multiply(torch.from_numpy(x[0, :, 0, 0].copy()), *factors, convention=convention)
    assert single.shape == (prod(rows),)


def test_a_dft_along_another_axis_is_that_of_torch_fft() -> None:
    x = torch.randn(2, 24, 3, dtype=torch.complex128, generator=torch.Generator().manual_seed(0))
    y = ops.monarch_dft(x, (2, 3, 4), axis=1)
    bound = 200 * 2.0**-53 * x.abs().sum(1, keepdim=True)
    assert ((y - torch.fft.fft(x, dim=1)).abs() <= bound).all()
    assert ((ops.inverse_monarch_dft(y, (4, 6), axis=1) - x).abs() <= bound).all()


# Gradients


def small(shape: tuple, dtype: Any = torch.float64, seed: int = 0) -> Any:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(shape, dtype=dtype, generator=generator, requires_grad=True)


def factors_for(columns: tuple, rows: tuple, dtype: Any = torch.float64) -> list:
    counts = block_counts(rows, columns)
    return [small((c, m, n), dtype, seed=k) for k, (c, m, n) in enumerate(zip(counts, rows, columns, strict=True))]


CONVOLUTION = {"gate": (2, 3, 5), "skip": (3,), "pre_gate": (2, 3, 5)}


def convolve(u: Any, k: Any, gate: Any, skip: Any, pre_gate: Any) -> Any:
    return ops.long_convolution(u, k, gate, skip, pre_gate=pre_gate)


GRADIENT_CASES = {
    "block diagonal": (ops.block_diagonal_multiply, lambda t: [small((2, 6), t), small((2, 4, 3), t)]),
    "block diagonal, axis 0": (
        lambda x, blocks: ops.block_diagonal_multiply(x, blocks, axis=0),
        lambda t: [small((6, 2), t), small((2, 4, 3), t)],
    ),
    "order 1": (ops.monarch_multiply, lambda t: [small((2, 3), t), *factors_for((3,), (2,), t)]),
    "order 2": (ops.monarch_multiply, lambda t: [small((2, 6), t), *factors_for((2, 3), (3, 2), t)]),
    "order 3, axis 0": (
        lambda x, *f: ops.monarch_multiply(x, *f, axis=0),
        lambda t: [small((12, 2), t), *factors_for((2, 3, 2), (1, 2, 3), t)],
    ),
    "order 2, DAO": (
        lambda x, *f: ops.monarch_multiply(x, *f, convention=Convention.DAO),
        lambda t: [small((2, 6), t), *factors_for((2, 3), (3, 2), t)],
    ),
    "order 2, DAO transposed, axis 0": (
        lambda x, *f: ops.monarch_multiply(x, *f, convention=Convention.DAO_TRANSPOSED, axis=0),
        lambda t: [small((6, 2), t), *factors_for((2, 3), (3, 2), t)],
    ),
    "causal Monarch": (
        ops.causal_monarch,
        lambda t: [small((2, 2), t), small((2,), t), *factors_for((2, 2), (2, 2), t), *factors_for((2, 2), (2, 2), t)],
    ),
    "long convolution": (
        convolve,
        lambda t: [small((2, 3, 5), t), small((3, 5), t), *map(small, CONVOLUTION.values())],
    ),
}
COMPLEX_CASES = ("block diagonal", "order 2", "causal Monarch")


@pytest.mark.parametrize("name", GRADIENT_CASES)
def test_gradcheck(name: str) -> None:
    function, arguments = GRADIENT_CASES[name]
    assert torch.autograd.gradcheck(function, arguments(torch.float64))


@pytest.mark.parametrize("name", COMPLEX_CASES)
def test_gradcheck_complex(name: str) -> None:
    function, arguments = GRADIENT_CASES[name]
    assert torch.autograd.gradcheck(function, arguments(torch.complex128))


@pytest.mark.parametrize("transform", [ops.monarch_dft, ops.inverse_monarch_dft])
def test_gradcheck_of_the_transforms(transform: Any) -> None:
    x = [small((2, 12), torch.complex128)]
    assert torch.autograd.gradcheck(lambda x: transform(x, (2, 3, 2)), x)
    assert torch.autograd.gradgradcheck(lambda x: transform(x, (2, 3, 2)), x)


@pytest.mark.parametrize("name", ["order 2", "order 3, axis 0", "long convolution"])
def test_gradgradcheck(name: str) -> None:
    function, arguments = GRADIENT_CASES[name]
    assert torch.autograd.gradgradcheck(function, arguments(torch.float64))


def test_the_backward_pass_saves_what_it_needs_and_no_more() -> None:
    x, factors = small((64, 5)), factors_for((8, 8), (8, 8))
    saved: list = []
    with torch.autograd.graph.saved_tensors_hooks(lambda t: saved.append(t.numel()) or t, lambda t: t):
        ops.monarch_multiply(x, *factors, axis=0)
    assert sum(saved) == x.numel() + sum(f.numel() for f in factors) + 64 * 5


def test_only_the_gradients_asked_for_are_computed() -> None:
    x, (right, left) = small((64, 5)), factors_for((8, 8), (8, 8))
    left = left.detach()
    ops.monarch_multiply(x, right, left, axis=0).sum().backward()
    assert x.grad is not None and right.grad is not None and left.grad is None


# What PyTorch asks of an operator


@pytest.mark.parametrize(
    ("radices", "convention", "batch_first", "keep"),
    [
        (((3,), (2,)), Convention.M2, True, True),
        (((2, 3), (3, 4)), Convention.M2, False, True),
        (((2, 3), (3, 4)), Convention.DAO, True, False),
        (((2, 3), (3, 4)), Convention.DAO_TRANSPOSED, False, False),
        pytest.param(((2, 3, 2), (1, 2, 3)), Convention.M2, True, True, marks=pytest.mark.long),
    ],
)
def test_opcheck_multiply(radices: tuple, convention: Convention, batch_first: bool, keep: bool) -> None:
    columns, rows = radices
    factors = [f.detach().repeat(2, 1, 1).requires_grad_() for f in factors_for(columns, rows)]
    x = small((2, 4, prod(columns)) if batch_first else (2, prod(columns), 4))
    torch.library.opcheck(torch.ops.monarch.multiply.default, (x, factors, convention.value, batch_first, keep))


@pytest.mark.parametrize("adjoint", [False, True])
def test_opcheck_fourier(adjoint: bool) -> None:
    x = small((12 if adjoint else 6, 3), torch.complex128)
    torch.library.opcheck(torch.ops.monarch.fourier.default, (x, [2, 3, 2], 1, adjoint))


def test_vmap_over_signals_over_factors_and_over_both() -> None:
    x, factors = small((3, 2, 6)).detach(), [f.detach() for f in factors_for((2, 3), (3, 2))]
    stacks = [torch.stack([f * (c + 1) for c in range(3)]) for f in factors]
    for axis, shape in ((-1, (3, 2, 6)), (0, (3, 6, 2))):
        signals = x.reshape(shape)
        run = lambda x, *f, axis=axis: ops.monarch_multiply(x, *f, axis=axis)  # noqa: E731
        for dims, arguments in (
            ((0, None, None), (signals, *factors)),
            ((None, 0, None), (signals[0], stacks[0], factors[1])),
            ((0, 0, 0), (signals, *stacks)),
        ):
            picked = [[a if d is None else a[c] for a, d in zip(arguments, dims, strict=True)] for c in range(3)]
            expected = torch.stack([run(*row) for row in picked])
            torch.testing.assert_close(torch.vmap(run, in_dims=dims)(*arguments), expected, rtol=1e-13, atol=1e-13)


def test_vmap_of_convolution() -> None:
    u, k = small((4, 3, 5)).detach(), small((3, 5)).detach()
    mapped = torch.vmap(ops.long_convolution, in_dims=(0, None))(u, k)
    torch.testing.assert_close(mapped, ops.long_convolution(u, k), rtol=1e-12, atol=1e-12)


def test_lazily_conjugated_arguments() -> None:
    x = small((2, 6), torch.complex128).detach()
    factors = [f.detach() for f in factors_for((2, 3), (3, 2), torch.complex128)]
    for function in (ops.monarch_multiply, torch.compile(ops.monarch_multiply, fullgraph=True, backend="aot_eager")):
        y = function(x.conj(), *(f.conj() for f in factors))
        torch.testing.assert_close(y, ops.monarch_multiply(x, *factors).conj(), rtol=1e-13, atol=1e-13)
    y = ops.monarch_dft(x.conj(), (2, 3))
    torch.testing.assert_close(y, ops.monarch_dft(x.conj().resolve_conj(), (2, 3)), rtol=1e-13, atol=1e-13)


@pytest.mark.parametrize("dtype", [torch.bfloat16, torch.float16])
def test_autocast_runs_in_the_dtype_of_the_region_and_gradients_return_in_their_own(dtype: Any) -> None:
    x, factors = small((2, 6), torch.float32), factors_for((2, 3), (3, 2), torch.float32)
    with torch.autocast("cpu", dtype=dtype):
        y = ops.monarch_multiply(x, *factors)
    assert y.dtype == dtype
    narrow = ops.monarch_multiply(x.detach().to(dtype), *(f.detach().to(dtype) for f in factors))
    assert torch.equal(y, narrow)
    y.sum().backward()
    assert x.grad.dtype == factors[0].grad.dtype == torch.float32


def test_autocast_takes_the_mixed_dtypes_that_other_layers_leave() -> None:
    x, k, blocks = small((2, 6), torch.float32), small((6,), torch.float32), small((2, 4, 3), torch.float32)
    factors = factors_for((2, 3), (2, 3), torch.float32)
    narrow = x.detach().bfloat16()
    with torch.autocast("cpu", dtype=torch.bfloat16):
        assert torch.equal(ops.monarch_multiply(narrow, *factors), ops.monarch_multiply(x, *factors))
        assert ops.block_diagonal_multiply(narrow, blocks).dtype == torch.bfloat16
        assert ops.causal_monarch(narrow[:, :3], k[:3], *factors, *factors).dtype == torch.bfloat16
        convolved = ops.long_convolution(narrow, k, skip=torch.tensor(0.5))
        kept = ops.monarch_multiply(x.double(), *(f.double() for f in factors))
    assert torch.equal(convolved, ops.long_convolution(narrow.float(), k, skip=torch.tensor(0.5)))
    assert kept.dtype == torch.float64
    with pytest.raises(TypeError, match="k: expected dtype"):
        ops.long_convolution(narrow, k)


def test_autocast_of_a_whole_model_trains() -> None:
    from monarch_gpu.configs import preset
    from monarch_gpu.models import build_model

    model = build_model(preset("gpt", "tiny"))
    tokens = torch.randint(0, 256, (2, 16), generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", dtype=torch.bfloat16):
        logits = model(tokens)
    logits.float().square().mean().backward()
    assert all(p.grad is not None and p.grad.dtype == p.dtype and p.grad.isfinite().all() for p in model.parameters())


def test_compile_in_one_graph_forward_and_backward() -> None:
    def model(x: Any, u: Any, k: Any, *factors: Any) -> Any:
        y = ops.monarch_multiply(x, *factors, axis=0).tanh()
        return y.sum() + (ops.long_convolution(u, k) * 2).sum()

    arguments = [small((6, 4)), small((2, 3, 5)), small((3, 5)), *factors_for((2, 3), (3, 2))]
    compiled = torch.compile(model, fullgraph=True, backend="aot_eager")
    expected = torch.autograd.grad(model(*arguments), arguments)
    for got, want in zip(torch.autograd.grad(compiled(*arguments), arguments), expected, strict=True):
        torch.testing.assert_close(got, want, rtol=1e-12, atol=1e-12)


@pytest.mark.long
def test_compile_with_the_default_backend() -> None:
    x, factors = small((6, 4)).detach(), [f.detach() for f in factors_for((2, 3), (3, 2))]
    compiled = torch.compile(ops.monarch_multiply, fullgraph=True)
    torch.testing.assert_close(compiled(x.t(), *factors), ops.monarch_multiply(x.t(), *factors))


# What is refused, by name


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f, x: ops.monarch_multiply(x), ValueError, "factors: expected at least one"),
        (lambda f, x: ops.monarch_multiply(x, f[0][:2], f[1]), ValueError, r"factors\[0\]: expected 3 blocks"),
        (lambda f, x: ops.monarch_multiply(x[:, :5], *f), ValueError, "x: expected length 6 along axis -1"),
        (lambda f, x: ops.monarch_multiply(x, *f, axis=2), ValueError, "axis: expected an axis"),
        (lambda f, x: ops.monarch_multiply(x, f[0], f[1].float()), TypeError, r"factors\[1\]: expected dtype"),
        (lambda f, x: ops.monarch_multiply(x, *f, convention="PLPR"), TypeError, "convention: expected a Convention"),
        (lambda f, x: ops.monarch_multiply(x.long(), *[g.long() for g in f]), TypeError, "x: expected a floating"),
        (lambda f, x: ops.block_diagonal_multiply(x, f[0][0]), ValueError, "blocks: expected shape"),
        (lambda f, x: ops.monarch_dft(x, (2, 3)), TypeError, "x: expected dtype complex64"),
        (lambda f, x: ops.monarch_dft(x.to(torch.complex64), (2, 2)), ValueError, "x: expected length 4"),
        (lambda f, x: ops.long_convolution(x, x[0, :4]), ValueError, "k: expected shape"),
        (lambda f, x: ops.long_convolution(x, x[0], skip=x[0]), ValueError, r"skip: expected shape \(\)"),
        (lambda f, x: ops.long_convolution(x, x[0], x[:1]), ValueError, r"gate: expected shape \(2, 6\)"),
        (lambda f, x: ops.long_convolution(x, x[0], radices=(2, 3)), ValueError, "radices: expected a product of at l"),
        (lambda f, x: ops.causal_monarch(x, x[0], *f, *f), ValueError, "factors: expected M and its inverse"),
        (lambda f, x: ops.causal_monarch(x, x[0], f[0]), ValueError, "factors: expected those of M, then"),
    ],
)
def test_bad_input_is_refused_by_name(call: Any, error: type, message: str) -> None:
    factors = [f.detach() for f in factors_for((2, 3), (2, 4))]
    with pytest.raises(error, match=message):
        call(factors, small((2, 6)).detach())


def test_nan_and_infinity_reach_the_outputs_that_depend_on_them_and_no_others() -> None:
    matrix = random_monarch((2, 3), COMPLEX128, np.random.default_rng(0))
    factors = [torch.from_numpy(f.real.copy()) for f in matrix.factors]
    x = torch.zeros(3, 6, dtype=torch.float64)
    x[1, 2] = float("nan")
    y = ops.monarch_multiply(x, *factors)
    assert y[1].isnan().all() and not y[[0, 2]].isnan().any()


def test_signals_of_a_convolution_do_not_disturb_one_another() -> None:
    u, k = small((3, 2, 9)).detach(), small((2, 9)).detach()
    alone = ops.long_convolution(u[1:2], k)
    u[0], u[2, 0, 0] = 1e12, float("nan")
    together = ops.long_convolution(u, k)
    bound = 200 * 2.0**-53 * u[1].norm() * k.norm()
    assert (together[1] - alone[0]).abs().max() <= bound and not together[2, 1].isnan().any()


@pytest.mark.gpu
@pytest.mark.parametrize("name", KERNELS)
def test_on_a_gpu(name: str, hold_to_reference: Any) -> None:
    if not torch.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU: torch.cuda.is_available() is False")
    dtype = DTYPES[name][1 if DTYPES[name][0] == "float64" else 0]

    def run(*arrays: np.ndarray, **options: Any) -> np.ndarray:
        return as_numpy(KERNELS[name](*(t.cuda() for t in tensors(arrays, dtype)), **options).cpu())

    hold_to_reference(name, run, dtype, largest=3_000)
