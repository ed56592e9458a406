"""Strided products, and the stages made of them: exact on integers, within the bound elsewhere, no byte beside them."""

import itertools
import logging
import os
import subprocess
import sys
from collections.abc import Iterator
from math import prod
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from monarch_theory.domains import FLOAT64
from monarch_theory.monarch import Convention, random_monarch

torch = pytest.importorskip("torch")

from monarch_gpu.ops import torch as ops  # noqa: E402
from monarch_gpu.ops.torch import multiply as products  # noqa: E402
from monarch_gpu.ops.torch.cpu import stages, strided  # noqa: E402

ORDERS = [((8,), (9,)), ((8, 9), (9, 8)), ((4, 16), (4, 16)), ((2, 3, 4), (3, 2, 5)), ((2, 2, 3, 2), (2, 2, 3, 2))]

SIZES = [  # blocks, rows, inner, columns: whole tiles, remainders, several panels, depths, sheets and chunks
    ((), 12, 16, 64), ((3,), 13, 5, 33), ((2, 2), 1, 1, 1), ((1,), 25, 1300, 40), ((2,), 650, 7, 70),
    ((5, 1, 2), 11, 17, 96), ((2,), 24, 130, 130), ((1,), 3, 40, 16), ((1,), 600, 300, 33), ((20, 2), 14, 5, 300),
]  # fmt: skip

LARGE = [  # blocks, rows, inner, columns, axes of a from the outermost in: c, b or a larger than any cache keeps
    (9, 700, 5, 704, "bmk"), (8, 3, 600, 1000, "bmk"), (40, 330, 520, 336, "bkm"), (80, 150, 360, 70, "mbk"),
    (31, 700, 200, 70, "mbk"),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _needs_a_compiler() -> None:
    if strided.library() is None:
        pytest.skip("needs a C++ compiler and, on x86, AVX2")


@pytest.fixture(autouse=True)
def _two_threads() -> Iterator[None]:
    """What runs in parallel is tested so, whatever the other tests are given."""
    threads = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(threads)


@pytest.fixture
def everywhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """Stages serve products of any size."""
    monkeypatch.setattr(products, "SMALLEST", 0)


NOT_COMPILED = 3


def forget() -> None:
    strided.library.cache_clear()
    strided._function.cache_clear()


def integers(shape: tuple[int, ...], dtype: Any, seed: int) -> Any:
    return torch.from_numpy(np.random.default_rng(seed).integers(-3, 4, shape)).to(dtype)


def inside(shape: tuple[int, ...], order: tuple[int, ...], dtype: Any, filled: float) -> tuple[Any, Any]:
    """A tensor whose axes lie in memory in the given order, apart from one another, in a buffer full of one number."""
    wide = [shape[axis] + (3 if axis != order[-1] else 5) for axis in order]
    buffer = torch.full(wide, filled, dtype=dtype)
    view = buffer[tuple(slice(1, 1 + shape[axis]) for axis in order)]
    return buffer, view.permute(*(order.index(axis) for axis in range(len(shape))))


def operand(slot: int, tensor: Any, axes: tuple[str, ...]) -> strided.Operand:
    return slot, dict(zip(axes, tensor.stride(), strict=True))


def wrong_products(dtype: Any) -> list[str]:
    """The cases in which the kernel does not give the exact product of integers, or writes beside it."""
    found = []
    for case, (blocks, m, k, n) in enumerate(SIZES):
        names = tuple(f"block{d}" for d in range(len(blocks)))
        last = len(blocks) + 1
        lead = tuple(range(len(blocks)))
        for a_order, b_order in itertools.product(((*lead, last - 1, last), (last, *lead, last - 1)), repeat=2):
            _, a = inside((*blocks, m, k), a_order, dtype, float("nan"))
            _, b = inside((*blocks, k, n), b_order, dtype, float("nan"))
            buffer, c = inside((*blocks, m, n), (last - 1, *lead, last), dtype, 7.5)
            a.copy_(integers(a.shape, dtype, case))
            b.copy_(integers(b.shape, dtype, case + 1))
            sizes = dict(zip((*names, "m", "k", "n"), (*blocks, m, k, n), strict=True))
            operands = (operand(0, a, (*names, "m", "k")), operand(1, b, (*names, "k", "n")))
            out = operand(2, c, (*names, "m", "n"))
            product = strided.plan(sizes, *operands, out, row="m", inner="k", column="n", blocks=names)
            strided.run((strided.Product * 1)(product), dtype, [t.data_ptr() for t in (a, b, c)])
            if not torch.equal(c, (a.double() @ b.double()).to(dtype)):
                found.append(f"{blocks} {m}x{k}x{n} {a_order} {b_order}: wrong")
            c.fill_(7.5)
            if not (buffer == 7.5).all():
                found.append(f"{blocks} {m}x{k}x{n}: written beside it")
    return found


def wrong_large_products(dtype: Any) -> list[str]:
    """The cases in which a large product of integers is not exact, its result on a whole line of memory or not."""
    found = []
    for blocks, m, k, n, order in LARGE:
        sizes = {"b": blocks, "m": m, "k": k, "n": n}
        a = torch.einsum(f"{order}->bmk", integers(tuple(sizes[axis] for axis in order), dtype, 1))
        b = integers((blocks, n, k), dtype, 2).transpose(1, 2)
        for offset in (0, 1):
            c = torch.empty(blocks * m * n + offset, dtype=dtype)[offset:].view(blocks, m, n)
            operands = [
                operand(slot, t, tuple(axes)) for slot, (t, axes) in enumerate(((a, "bmk"), (b, "bkn"), (c, "bmn")))
            ]
            product = strided.plan(sizes, *operands, row="m", inner="k", column="n", blocks=["b"])
            strided.run((strided.Product * 1)(product), dtype, [t.data_ptr() for t in (a, b, c)])
            if not torch.equal(c, a @ b):
                found.append(f"{blocks} {m}x{k}x{n} {order}, {offset} beside a line: wrong")
    return found


def wrong_transposes(dtype: Any) -> list[tuple[int, int, int]]:
    shapes = [(1, 16, 16), (2, 64, 50), (3, 5, 70), (1, 1, 9), (2, 33, 17)]
    tensors = [integers(shape, dtype, 0) for shape in shapes]
    return [tuple(x.shape) for x in tensors if not torch.equal(strided.transposed(x), x.transpose(1, 2))]


@pytest.mark.parametrize("dtype", [torch.float32, pytest.param(torch.float64, marks=pytest.mark.long)])
def test_products_of_integers_are_exact_in_any_layout_and_touch_nothing_else(dtype: Any) -> None:
    assert wrong_products(dtype) == []
    assert wrong_large_products(dtype) == []
    assert wrong_transposes(dtype) == []


FAULTS = {
    "sums started anew at every depth": ("k > 0 ? before : nullptr", "nullptr"),
    "sums started anew where less than a panel is left": (
        "if (t.before)\n        for",
        "if (false)\n        for",
    ),
    "halves interleaved from the wrong lane": ("n / 2 + I / 2)...", "n / 2 - 1 + I / 2)..."),
    "rows beyond the last whole tile dropped": ("i < tall; i += ROWS", "i + ROWS <= tall; i += ROWS"),
    "whole panels stored where there is no room": ("else if (width < Lanes<T>::width)", "else if (false)"),
    "block strides read in the wrong order": ("view.block[d]", "view.block[DIMS - 1 - d]"),
    "row and column of a exchanged": ("left, a_row, p.a.column", "left, p.a.column, a_row"),
    "pointers to every third row": ("t.a + 4 * q * a_row", "t.a + 3 * q * a_row"),
    "past the caches where the address does not allow it": ("return bits % BYTES == 0", "return true"),
    "one vector of a row twice past the caches": ("L::stream(c + v * L::count,", "L::stream(c,"),
    "panels over one another": ("panels + j * t.depth);", "panels + j * (t.depth - 1));"),
    "rows gathered of the first block only": ("gathered, source) != source", "gathered, source) < 0"),
    "rows of one chunk taken for those of the next": ("at.block * t.chunks + item % t.chunks", "at.block"),
    "sums kept in c and looked for elsewhere": ("kept = whole ? c : sums", "kept = c"),
}


def seen(source: str, folder: Path) -> bool:
    """Whether a kernel gives wrong products, or takes its process down, which is therefore a process of its own."""
    path = folder / "strided_products.cpp"
    path.write_text(source)
    environment = {**os.environ, "XDG_CACHE_HOME": str(folder)}
    done = subprocess.run([sys.executable, __file__, str(path)], env=environment, capture_output=True)
    assert done.returncode != NOT_COMPILED, done.stderr
    return done.returncode != 0


@pytest.mark.long
def test_the_kernel_itself_passes_where_its_faults_are_looked_for(tmp_path: Path) -> None:
    assert not seen(strided.SOURCE.read_text(), tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_in_the_kernel_is_seen(fault: str, tmp_path: Path) -> None:
    right, wrong = FAULTS[fault]
    source = strided.SOURCE.read_text()
    assert source.count(right) == 1
    assert seen(source.replace(right, wrong), tmp_path)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_stages_are_within_their_bound(dtype: str, everywhere: None, hold_to_reference: Any) -> None:
    def kernel(*arrays: np.ndarray) -> np.ndarray:
        return ops.monarch_multiply(*(torch.tensor(a, dtype=getattr(torch, dtype)) for a in arrays)).double().numpy()

    hold_to_reference("monarch-multiply", kernel, dtype)


@pytest.mark.parametrize("convention", Convention)
@pytest.mark.parametrize("radices", ORDERS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_stages_and_their_gradients_are_exact_on_integers(
    convention: Convention, radices: tuple, batch_first: bool, everywhere: None
) -> None:
    columns, rows = radices
    matrix = random_monarch(columns, FLOAT64, np.random.default_rng(1), output_radices=rows, convention=convention)
    factors = [torch.from_numpy(np.rint(f)).repeat(2, 1, 1).requires_grad_() for f in matrix.factors]
    shape = (2, 5, prod(columns)) if batch_first else (2, prod(columns), 5)
    x = integers(shape, torch.float64, 2).requires_grad_()

    def results(smallest: int) -> list[Any]:
        products.SMALLEST = smallest
        y = products.multiply(x, factors, convention.value, batch_first, True)[0]
        gradient = integers(y.shape, torch.float64, 3)
        return [y, *torch.autograd.grad(y, [x, *factors], gradient)]

    for by_stages, by_bmm in zip(results(0), results(10**9), strict=True):
        assert torch.equal(by_stages, by_bmm) and by_stages.is_contiguous()


def test_any_strides_of_the_argument(everywhere: None) -> None:
    factors = [integers(f, torch.float32, k) for k, f in enumerate([(9, 8, 8), (8, 9, 9)])]
    x = integers((72, 20), torch.float32, 5)
    expected = ops.monarch_multiply(x, *factors, axis=0)
    wide = torch.full((75, 47), float("nan"))
    wide[2:74, 1:41:2] = x
    for strided_x in (wide[2:74, 1:41:2], x.t().contiguous().t(), x.repeat(1, 2)[:, :20], x.flip(0).flip(0)):
        assert torch.equal(ops.monarch_multiply(strided_x, *factors, axis=0), expected)
        assert torch.equal(ops.monarch_multiply(strided_x.t(), *factors), expected.t())
    transposed = [f.transpose(1, 2).contiguous().transpose(1, 2) for f in factors]
    assert torch.equal(ops.monarch_multiply(x, *transposed, axis=0), expected)


def test_bits_do_not_depend_on_threads_nor_on_the_neighbours_in_the_batch() -> None:
    generator = torch.Generator().manual_seed(0)
    x, *factors = (torch.randn(s, generator=generator) for s in ((24, 1024), (32, 32, 32), (32, 32, 32)))
    torch.set_num_threads(3)
    together = ops.monarch_multiply(x, *factors)
    torch.set_num_threads(1)
    alone = ops.monarch_multiply(x, *factors)
    assert torch.equal(together, alone)
    x[3] = float("nan")
    poisoned = ops.monarch_multiply(x, *factors)
    assert poisoned[3].isnan().all() and torch.equal(poisoned[4:], together[4:])


def test_the_size_one_and_empty_batch(everywhere: None) -> None:
    factors = [integers((2, 3, 3), torch.float32, 0), integers((3, 2, 2), torch.float32, 1)]
    assert ops.monarch_multiply(torch.zeros(0, 6), *factors).shape == (0, 6)
    one = ops.monarch_multiply(torch.ones(1, 6), *factors)
    assert torch.equal(one[0], ops.monarch_multiply(torch.ones(6), *factors))


def test_transforms_of_functions_reach_the_operands_as_they_are(everywhere: None) -> None:
    x, *factors = (integers(s, torch.float64, 3) for s in ((4, 6), (2, 3, 3), (3, 2, 2)))
    expected = ops.monarch_multiply(x, *factors)
    assert torch.equal(torch.vmap(lambda row: ops.monarch_multiply(row, *factors))(x), expected)
    with torch.autograd.forward_ad.dual_level():
        dual = torch.autograd.forward_ad.make_dual(x, x)
        tangent = torch.autograd.forward_ad.unpack_dual(ops.monarch_multiply(dual, *factors)).tangent
    assert torch.equal(tangent, expected)
    jacobian = torch.autograd.functional.jacobian(lambda x: ops.monarch_multiply(x, *factors), x, vectorize=True)
    assert torch.equal(torch.einsum("boci,ci->bo", jacobian, x), expected)


def test_opcheck_of_the_gradients(everywhere: None) -> None:
    x, gradient = torch.randn(2, 72, 8), torch.randn(2, 72, 8)
    factors = [torch.randn(18, 8, 8), torch.randn(16, 9, 9)]
    _, state = stages.multiply(x, factors, (8, 9), (8, 9), "PLPRP", keep=True)
    for wanted in ((True, [True, False]), (False, [True, True])):
        arguments = (gradient, x, factors, [state], "PLPRP", False, *wanted)
        torch.library.opcheck(torch.ops.monarch.multiply_backward.default, arguments)


@pytest.mark.parametrize("setting", [("MONARCH_STRIDED", "0"), ("CXX", "false"), ("CXX", "no-such-compiler")])
def test_without_a_compiler_torch_bmm_serves(
    setting: tuple[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    x, *factors = (integers(s, torch.float32, 3) for s in ((16, 64), (8, 8, 8), (8, 8, 8)))
    expected = ops.monarch_multiply(x, *factors)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setenv(*setting)
    forget()
    with caplog.at_level(logging.INFO):
        assert strided.library() is None
        assert torch.equal(ops.monarch_multiply(x, *factors), expected)
    assert setting[0] == "MONARCH_STRIDED" or "torch.bmm serves" in caplog.text
    monkeypatch.undo()
    forget()


@pytest.mark.long
def test_a_cache_that_cannot_be_written_is_done_without(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    forget()
    assert strided.library() is not None and wrong_transposes(torch.float64) == []
    monkeypatch.undo()
    forget()


if __name__ == "__main__":
    strided.SOURCE = Path(sys.argv[1])
    if strided.library() is None:
        sys.exit(NOT_COMPILED)
    sys.exit(
        bool(wrong_products(torch.float32) or wrong_large_products(torch.float32) or wrong_transposes(torch.float32))
    )
