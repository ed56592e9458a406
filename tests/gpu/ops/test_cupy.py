"""The CuPy array code, run on NumPy arrays, against the exact reference and against PyTorch's gradients."""

from typing import Any

import numpy as np
import pytest

from monarch_gpu.ops import cupy as ops
from monarch_theory.domains import FLOAT64
from monarch_theory.monarch import Convention, random_monarch

KERNELS = {
    "block-diagonal-multiply": ops.block_diagonal_multiply,
    "monarch-multiply": ops.monarch_multiply,
    "monarch-dft": ops.monarch_dft,
    "inverse-monarch-dft": ops.inverse_monarch_dft,
    "circular-convolution": lambda u, k: ops.long_convolution(u, k, causal=False),
    "long-convolution": ops.long_convolution,
    "causal-monarch": ops.causal_monarch,
}
REAL, COMPLEX = ("float64", "float32", "float16"), ("complex64", "complex128")
BOTH = ("block-diagonal-multiply", "monarch-multiply", "causal-monarch")
DTYPES = {name: COMPLEX if "dft" in name else REAL + COMPLEX if name in BOTH else REAL for name in KERNELS}


def adapted(kernel: Any, dtype: str, library: Any = np) -> Any:
    def run(*arrays: np.ndarray, **options: Any) -> np.ndarray:
        y = kernel(*(library.asarray(a).astype(dtype) for a in arrays), **options)
        assert y.dtype == dtype
        y = y if library is np else y.get()
        return y.astype(np.complex128 if y.dtype.kind == "c" else np.float64)

    return run


@pytest.mark.parametrize(("name", "dtype"), [(name, dtype) for name in KERNELS for dtype in DTYPES[name]])
def test_every_shape_within_its_bound(name: str, dtype: str, hold_to_reference: Any) -> None:
    hold_to_reference(name, adapted(KERNELS[name], dtype), dtype, largest=3_000)


@pytest.mark.parametrize("convention", Convention)
@pytest.mark.parametrize("radices", [((4,), (3,)), ((2, 3), (4, 5)), ((2, 3, 4), (3, 1, 2))])
def test_conventions_and_axes_agree_with_the_theory(convention: Convention, radices: tuple) -> None:
    columns, rows = radices
    drawn = random_monarch(columns, FLOAT64, np.random.default_rng(1), output_radices=rows, convention=convention)
    matrix = type(drawn)(tuple(np.rint(2 * f) for f in drawn.factors), FLOAT64, convention)
    x = np.random.default_rng(2).integers(-4, 5, size=(2, matrix.shape[1], 3)).astype(float)
    for axis in (0, 1, -1):
        moved = np.moveaxis(x, 1, axis)
        strided = np.repeat(moved, 2, axis=-1)[..., ::2]
        y = ops.monarch_multiply(strided, *matrix.factors, convention=convention, axis=axis)
        np.testing.assert_array_equal(y, matrix.multiply(moved, axis=axis))


# Gradients, against those of the Torch operators, which gradcheck holds to finite differences


def check_gradients(function: Any, backward: Any, shapes: list, dtype: Any = np.float64) -> None:
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(0)
    imaginary = 1j if dtype is complex else 0
    arrays = [np.asarray(rng.standard_normal(s) + imaginary * rng.standard_normal(s)) for s in shapes]
    leaves = [torch.from_numpy(a).requires_grad_() for a in arrays]
    y = function(*leaves)
    gradient = rng.standard_normal(y.shape).astype(dtype)
    wanted = torch.autograd.grad(y, leaves, torch.from_numpy(gradient))
    found = backward(gradient, *arrays)
    for got, want in zip(found, wanted, strict=True):
        scale = float(want.abs().max())
        np.testing.assert_allclose(got, want.numpy(), rtol=0, atol=1000 * 2.0**-53 * (scale + 1))


@pytest.mark.parametrize("dtype", [float, complex])
@pytest.mark.parametrize("convention", Convention)
def test_gradients_of_the_monarch_product(convention: Convention, dtype: type) -> None:
    from monarch_gpu.ops import torch as reference

    def backward(gradient: np.ndarray, x: np.ndarray, *factors: np.ndarray) -> list:
        back, found = ops.monarch_multiply_backward(gradient, x, *factors, convention=convention, axis=1)
        return [back, *found]

    shapes = [(2, 12, 3), (6, 1, 2), (2, 2, 3), (2, 3, 2)]
    function = lambda x, *f: reference.monarch_multiply(x, *f, convention=convention, axis=1)  # noqa: E731
    check_gradients(function, backward, shapes, dtype)


@pytest.mark.parametrize("axis", [0, -1])
def test_gradients_of_the_block_diagonal_product(axis: int) -> None:
    from monarch_gpu.ops import torch as reference

    shape = (6, 2) if axis == 0 else (2, 6)
    check_gradients(
        lambda x, b: reference.block_diagonal_multiply(x, b, axis=axis),
        lambda g, x, b: ops.block_diagonal_multiply_backward(g, x, b, axis=axis),
        [shape, (2, 4, 3)],
    )


@pytest.mark.parametrize("causal", [True, False])
def test_gradients_of_the_long_convolution(causal: bool) -> None:
    from monarch_gpu.ops import torch as reference

    def function(u: Any, k: Any, gate: Any, skip: Any, pre_gate: Any) -> Any:
        return reference.long_convolution(u, k, gate, skip, pre_gate=pre_gate, causal=causal)

    def backward(gradient: Any, u: Any, k: Any, gate: Any, skip: Any, pre_gate: Any) -> list:
        found = ops.long_convolution_backward(gradient, u, k, gate, skip, pre_gate=pre_gate, causal=causal)
        return [found[name] for name in ("u", "k", "gate", "skip", "pre_gate")]

    check_gradients(function, backward, [(2, 3, 5), (3, 5), (2, 3, 5), (3,), (2, 3, 5)])


def test_gradients_of_the_causal_monarch_operator() -> None:
    from monarch_gpu.ops import torch as reference

    def backward(gradient: Any, u: Any, k: Any, *factors: Any) -> list:
        to_u, to_k, found = ops.causal_monarch_backward(gradient, u, k, *factors)
        return [to_u, to_k, *found]

    shapes = [(2, 3, 3), (3, 3), (3, 2, 2), (2, 3, 3), (2, 3, 3), (3, 2, 2)]
    check_gradients(reference.causal_monarch, backward, shapes)


def test_signals_of_a_convolution_do_not_disturb_one_another() -> None:
    u, k = np.random.default_rng(0).random((3, 2, 9)), np.random.default_rng(1).random((2, 9))
    alone = ops.long_convolution(u[1:2], k)
    u[0], u[2, 0, 0] = 1e12, np.nan
    together = ops.long_convolution(u, k)
    bound = 200 * 2.0**-53 * np.linalg.norm(u[1]) * np.linalg.norm(k)
    assert np.abs(together[1] - alone[0]).max() <= bound and not np.isnan(together[2, 1]).any()


# What is refused, by name


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f, x: ops.monarch_multiply(x.astype(int), *f.astype(int)), TypeError, "x: expected a floating"),
        (lambda f, x: ops.monarch_multiply(x, f[0], f[1].astype("f4")), TypeError, r"factors\[1\]: expected dtype"),
        (lambda f, x: ops.monarch_multiply(x[:, :3], *f), ValueError, "x: expected length 4"),
        (lambda f, x: ops.monarch_dft(x, (2, 2)), TypeError, "x: expected dtype complex64"),
        (lambda f, x: ops.long_convolution(x, x[0, :2]), ValueError, "k: expected shape"),
    ],
)
def test_bad_input_is_refused_by_name(call: Any, error: type, message: str) -> None:
    with pytest.raises(error, match=message):
        call(np.ones((2, 2, 2, 2)), np.ones((2, 4)))


@pytest.mark.gpu
@pytest.mark.parametrize("name", KERNELS)
def test_on_a_gpu(name: str, hold_to_reference: Any) -> None:
    library = pytest.importorskip("cupy", reason="needs CuPy")
    if not library.cuda.is_available():
        pytest.skip("needs an NVIDIA GPU: cupy.cuda.is_available() is False")
    dtype = "complex64" if "dft" in name else "float32"
    hold_to_reference(name, adapted(KERNELS[name], dtype, library), dtype, largest=10_000)
