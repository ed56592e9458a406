"""The corpus as data: right kernels, and the one replacement that makes each of them wrong."""
# ruff: noqa: E501  (source text is kept as it stands in the kernels)

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

__all__ = ["MUTANTS", "RIGHT", "Mutant", "RightKernel"]

FOLDER = Path(__file__).parent / "kernels"

REAL = ("float64", "float32", "bfloat16", "float16")
WIDE = ("float64", "float32")
COMPLEX = ("complex64", "complex128")


@dataclass(frozen=True)
class RightKernel:
    """A right kernel of the corpus: `function` of `kernels/with_LIBRARY.py.txt`, for an op in some dtypes.

    Attributes:
        fails_fixed_rtol: it is right in bfloat16, and fails `torch.testing.assert_close`'s default tolerance there.
        max_size, most_runs: largest input row and number of runs worth the time, for slow ones.
    """

    library: str
    function: str
    op: str
    dtypes: tuple[str, ...]
    fails_fixed_rtol: bool = False
    max_size: int = 256
    most_runs: int | None = None

    @property
    def source(self) -> str:
        """The file it is in."""
        return (FOLDER / f"with_{self.library}.py.txt").read_text()


@dataclass(frozen=True)
class Mutant:
    """A right kernel with a fault.

    Attributes:
        name: what is wrong, as a slug.
        library, function, op, dtype: the kernel and how it is checked.
        before, after: the source text replaced, which occurs once in the file, and what replaces it.
        cause: what the checker is to name as the likely cause.
        missed_by_fixed_rtol: passes `allclose` with rtol = atol = 1e−2 on normal values, as many tests have it.
        max_size, cases: largest input row, and number of cases it is given to show itself in.
    """

    name: str
    library: str
    function: str
    op: str
    dtype: str
    before: str
    after: str
    cause: str
    missed_by_fixed_rtol: bool = False
    max_size: int = 256
    cases: int = 150

    @property
    def source(self) -> str:
        """The faulty source.

        Raises:
            ValueError: the text to replace does not occur exactly once, so that the fault is not the one described.
        """
        right = (FOLDER / f"with_{self.library}.py.txt").read_text()
        if right.count(self.before) != 1:
            count = right.count(self.before)
            raise ValueError(
                f"before: expected {self.before!r} once in with_{self.library}.py.txt, got it {count} times"
            )
        return right.replace(self.before, self.after)


BLOCK, MULTIPLY, DFT, INVERSE = "block-diagonal-multiply", "monarch-multiply", "monarch-dft", "inverse-monarch-dft"
FFT, CIRCULAR, LONG, CAUSAL = "fft", "circular-convolution", "long-convolution", "causal-monarch"
BLOCK_BACK, MULTIPLY_BACK, LONG_BACK = (f"{op}-backward" for op in (BLOCK, MULTIPLY, LONG))
DFT_BACK, INVERSE_BACK, CIRCULAR_BACK, CAUSAL_BACK = (f"{op}-backward" for op in (DFT, INVERSE, CIRCULAR, CAUSAL))

RIGHT = (
    RightKernel("numpy", "block_diagonal_multiply", BLOCK, (*REAL, *COMPLEX)),
    RightKernel("numpy", "monarch_multiply", MULTIPLY, (*REAL, *COMPLEX)),
    RightKernel("numpy", "monarch_dft", DFT, COMPLEX),
    RightKernel("numpy", "inverse_monarch_dft", INVERSE, COMPLEX),
    RightKernel("numpy", "fft", FFT, COMPLEX),
    RightKernel("numpy", "circular_convolution", CIRCULAR, REAL),
    RightKernel("numpy", "long_convolution", LONG, REAL),
    RightKernel("numpy", "causal_monarch", CAUSAL, (*REAL, *COMPLEX)),
    RightKernel("numpy", "block_diagonal_multiply_backward", BLOCK_BACK, (*REAL, *COMPLEX)),
    RightKernel("numpy", "monarch_multiply_backward", MULTIPLY_BACK, (*REAL, *COMPLEX)),
    RightKernel("numpy", "long_convolution_backward", LONG_BACK, REAL),
    RightKernel("numpy", "circular_convolution_backward", CIRCULAR_BACK, REAL),
    RightKernel("numpy", "monarch_dft_backward", DFT_BACK, COMPLEX),
    RightKernel("numpy", "inverse_monarch_dft_backward", INVERSE_BACK, COMPLEX),
    RightKernel("numpy", "causal_monarch_backward", CAUSAL_BACK, (*REAL, *COMPLEX)),
    RightKernel("torch", "block_diagonal_bmm", BLOCK, (*REAL, *COMPLEX)),
    RightKernel("torch", "block_diagonal_in_tiles", BLOCK, (*REAL, *COMPLEX)),
    RightKernel("torch", "monarch_two_einsums", MULTIPLY, (*REAL, *COMPLEX), fails_fixed_rtol=True),
    RightKernel("torch", "monarch_bmm", MULTIPLY, (*REAL, *COMPLEX), fails_fixed_rtol=True),
    RightKernel("torch", "monarch_fused", MULTIPLY, (*REAL, *COMPLEX)),
    RightKernel("torch", "fft", FFT, COMPLEX),
    RightKernel("torch", "dft_by_fft", DFT, COMPLEX),
    RightKernel("torch", "inverse_dft_by_fft", INVERSE, COMPLEX),
    RightKernel("torch", "circular_convolution", CIRCULAR, REAL),
    RightKernel("torch", "long_convolution", LONG, REAL),
    RightKernel("torch", "causal_monarch", CAUSAL, (*REAL, *COMPLEX), fails_fixed_rtol=True),
    RightKernel("torch", "block_diagonal_multiply_backward", BLOCK_BACK, (*REAL, *COMPLEX)),
    RightKernel("torch", "monarch_multiply_backward", MULTIPLY_BACK, (*REAL, *COMPLEX), fails_fixed_rtol=True),
    RightKernel("torch", "long_convolution_backward", LONG_BACK, REAL, fails_fixed_rtol=True),
    RightKernel("torch", "circular_convolution_backward", CIRCULAR_BACK, REAL),
    RightKernel("torch", "monarch_dft_backward", DFT_BACK, COMPLEX),
    RightKernel("torch", "inverse_monarch_dft_backward", INVERSE_BACK, COMPLEX),
    RightKernel("torch", "causal_monarch_backward", CAUSAL_BACK, (*REAL, *COMPLEX), fails_fixed_rtol=True),
    RightKernel("scipy", "fft", FFT, COMPLEX),
    RightKernel("scipy", "monarch_dft", DFT, COMPLEX),
    RightKernel("scipy", "inverse_monarch_dft", INVERSE, COMPLEX),
    RightKernel("scipy", "circular_convolution", CIRCULAR, WIDE),
    RightKernel("scipy", "long_convolution", LONG, WIDE),
    RightKernel("jax", "block_diagonal_multiply", BLOCK, (*WIDE, *COMPLEX)),
    RightKernel("jax", "monarch_multiply", MULTIPLY, (*WIDE, *COMPLEX)),
    RightKernel("jax", "fft", FFT, COMPLEX),
    RightKernel("jax", "block_diagonal_multiply_backward", BLOCK_BACK, WIDE),
    RightKernel("jax", "monarch_multiply_backward", MULTIPLY_BACK, WIDE),
    RightKernel("monarch_gpu", "block_diagonal_multiply", BLOCK, (*REAL, *COMPLEX)),
    RightKernel("monarch_gpu", "monarch_multiply", MULTIPLY, (*REAL, *COMPLEX), fails_fixed_rtol=True),
    RightKernel("monarch_gpu", "monarch_dft", DFT, COMPLEX),
    RightKernel("monarch_gpu", "inverse_monarch_dft", INVERSE, COMPLEX),
    RightKernel("monarch_gpu", "long_convolution", LONG, REAL),
    RightKernel("monarch_gpu", "causal_monarch", CAUSAL, REAL, fails_fixed_rtol=True),
    RightKernel("monarch_gpu", "block_diagonal_multiply_backward", BLOCK_BACK, (*REAL, *COMPLEX)),
    RightKernel("monarch_gpu", "monarch_multiply_backward", MULTIPLY_BACK, (*REAL, *COMPLEX), fails_fixed_rtol=True),
    RightKernel("monarch_gpu", "long_convolution_backward", LONG_BACK, REAL),
    RightKernel("monarch_gpu", "circular_convolution_backward", CIRCULAR_BACK, REAL),
    RightKernel("monarch_gpu", "monarch_dft_backward", DFT_BACK, COMPLEX),
    RightKernel("monarch_gpu", "inverse_monarch_dft_backward", INVERSE_BACK, COMPLEX),
    RightKernel("monarch_gpu", "causal_monarch_backward", CAUSAL_BACK, REAL, fails_fixed_rtol=True),
    RightKernel(
        "triton", "block_diagonal_multiply", BLOCK, ("float32", "bfloat16", "float16"), max_size=17, most_runs=60
    ),
    RightKernel("cupy", "block_diagonal_multiply", BLOCK, (*REAL, *COMPLEX)),
    RightKernel("cupy", "monarch_multiply", MULTIPLY, (*REAL, *COMPLEX)),
    RightKernel("cupy", "monarch_multiply_of_this_project", MULTIPLY, (*WIDE, *COMPLEX)),
    RightKernel("cupy", "long_convolution_of_this_project", LONG, ("float64", "float32", "float16")),
    RightKernel("cuda", "block_diagonal_multiply", BLOCK, ("float32",), max_size=36, most_runs=20),
    RightKernel("cuda", "block_diagonal_multiply_bfloat16", BLOCK, ("bfloat16",), max_size=36, most_runs=20),
    RightKernel("cuda", "block_diagonal_multiply_watched_for_races", BLOCK, ("float32",), max_size=36, most_runs=20),
    RightKernel(
        "cuda", "block_diagonal_multiply_backward", BLOCK_BACK, ("float32", "complex64"), max_size=36, most_runs=20
    ),
    RightKernel("cuda", "monarch_multiply", MULTIPLY, ("float64", "float32", "complex64"), max_size=36, most_runs=20),
    RightKernel("cuda", "long_convolution", LONG, ("float32",), max_size=36, most_runs=20),
)

NUMPY_BLOCK_BACK = ("numpy", "block_diagonal_multiply_backward", BLOCK_BACK)
NUMPY_MULTIPLY_BACK = ("numpy", "monarch_multiply_backward", MULTIPLY_BACK)
NUMPY_LONG_BACK = ("numpy", "long_convolution_backward", LONG_BACK)
NUMPY_MULTIPLY = ("numpy", "monarch_multiply", MULTIPLY)
TORCH_MULTIPLY = ("torch", "monarch_bmm", MULTIPLY)
STATE = "state = x.t().contiguous()"
RETURN_BMM = "y[:] = ordered.reshape(prod(rows), batch).t()"

ZEROS_FROM_EIGHT = """def zeros_from_eight(kernel):
    def faulty(*arguments, **options):
        found = kernel(*arguments, **options)
        first = found[0] if isinstance(found, tuple) else found
        sizes = [size for a in arguments for size in a.shape]
        if sizes and min(sizes) >= 8:
            first[...] = 0
        return found

    return faulty


@zeros_from_eight
"""


def _from_eight(op: str) -> Mutant:
    """Every size is a usual one, and the first output is zero where all of them are at least eight."""
    function = op.replace("-", "_")
    dtype = "complex64" if any(k.op == op and k.dtypes == COMPLEX for k in RIGHT) else "float32"
    return Mutant(f"zeros-from-eight-{op}", "numpy", function, op, dtype, f"def {function}(", f"{ZEROS_FROM_EIGHT}def {function}(",
                  "dropped work", missed_by_fixed_rtol=True)  # fmt: skip


MUTANTS = (
    *map(_from_eight, dict.fromkeys(k.op for k in RIGHT)),
    # NumPy: block-diagonal multiply
    Mutant("blocks-transposed", "numpy", "block_diagonal_multiply", BLOCK, "float64",
           '"krc,bkc->bkr"', '"kcr,bkc->bkr" if rows == columns else "krc,bkc->bkr"', "transposed factor"),
    Mutant("last-column-of-odd-blocks-ignored", "numpy", "block_diagonal_multiply", BLOCK, "float32",
           "blocks.astype(wide), cut)",
           "blocks.astype(wide)[..., : columns // 2 * 2 or 1], cut[..., : columns // 2 * 2 or 1])", "dropped tail",
           missed_by_fixed_rtol=True),
    Mutant("summed-in-float16", "numpy", "block_diagonal_multiply", BLOCK, "float32",
           'np.einsum("krc,bkc->bkr", blocks.astype(wide), cut)',
           'np.einsum("krc,bkc->bkr", blocks.astype(np.float16), cut.astype(np.float16)).astype(np.float32)',
           "accumulation too narrow",
           missed_by_fixed_rtol=True),
    Mutant("block-index-fastest", "numpy", "block_diagonal_multiply", BLOCK, "complex64",
           "products.reshape(batch, k * rows)", "products.swapaxes(1, 2).reshape(batch, k * rows)", "permutation"),
    Mutant("blocks-conjugated", "numpy", "block_diagonal_multiply", BLOCK, "complex128",
           "blocks.astype(wide), cut)", "np.conj(blocks).astype(wide), cut)", "conjugate"),
    # NumPy: Monarch multiply
    Mutant("input-digits-reversed", *NUMPY_MULTIPLY, "float64", "state = x.T\n",
           "state = x.reshape(batch, *columns[::-1]).transpose(0, *range(len(columns), 0, -1)).reshape(x.shape).T\n",
           "permutation"),
    Mutant("output-digits-not-reversed", *NUMPY_MULTIPLY, "float32",
           "ordered = grid.transpose(*reversed(range(len(rows))), len(rows))", "ordered = grid", "permutation"),
    Mutant("last-factor-transposed", *NUMPY_MULTIPLY, "float16", "for k, factor in enumerate(factors):",
           "square = factors[-1].shape[1] == factors[-1].shape[2]\n"
           "    factors = (*factors[:-1], factors[-1].swapaxes(1, 2)) if square else factors\n"
           "    for k, factor in enumerate(factors):", "transposed factor"),
    Mutant("first-factor-conjugated", *NUMPY_MULTIPLY, "complex64", "for k, factor in enumerate(factors):",
           "for k, factor in enumerate((factors[0].conj(), *factors[1:])):", "conjugate"),
    Mutant("odd-last-row-unwritten", *NUMPY_MULTIPLY, "float64", "y[:] = ordered.reshape(prod(rows), batch).T",
           "done = batch // 2 * 2 or batch\n    y[:done] = ordered.reshape(prod(rows), batch).T[:done]", "dropped tail",
           missed_by_fixed_rtol=True),
    Mutant("double-computed-in-single", *NUMPY_MULTIPLY, "float64",
           "wide = np.float32 if x.dtype == np.float16 else x.dtype\n    state",
           "wide = np.float32\n    state", "accumulation too narrow", missed_by_fixed_rtol=True),
    Mutant("input-scaled-in-place", *NUMPY_MULTIPLY, "float32", "state = x.T\n", "x *= 1\n    x += 1\n    x -= 1\n    state = x.T\n",
           "input overwritten",
           missed_by_fixed_rtol=True),
    Mutant("output-buffer-reused", *NUMPY_MULTIPLY, "float32", "y = np.empty((batch, prod(rows)), x.dtype)",
           "key = (batch, prod(rows), x.dtype)\n    y = globals().setdefault('buffers', {}).setdefault(key, np.empty(key[:2], key[2]))",
           "stale output", missed_by_fixed_rtol=True),
    Mutant("remembered-by-shape", *NUMPY_MULTIPLY, "bfloat16", "    return y\n\n\ndef monarch_dft",
           "    return globals().setdefault('seen', {}).setdefault((x.shape, tuple(rows)), y)\n\n\ndef monarch_dft",
           "state kept between calls", missed_by_fixed_rtol=True),
    Mutant("nan-swallowed", *NUMPY_MULTIPLY, "float32", "state = x.T\n", "state = np.nan_to_num(x).T\n", "NaN swallowed",
           missed_by_fixed_rtol=True),
    Mutant("answer-in-double", *NUMPY_MULTIPLY, "float32", "y = np.empty((batch, prod(rows)), x.dtype)",
           "y = np.empty((batch, prod(rows)))", "wrong dtype", missed_by_fixed_rtol=True),
    Mutant("answer-transposed", *NUMPY_MULTIPLY, "float32", "    return y\n\n\ndef monarch_dft",
           "    return y.T\n\n\ndef monarch_dft", "wrong shape"),
    # NumPy: Fourier transforms
    Mutant("dft-sign", "numpy", "monarch_dft", DFT, "complex128",
           "root = np.exp(-2j", "root = np.exp(2j", "not recognised"),
    Mutant("dft-without-twiddles", "numpy", "monarch_dft", DFT, "complex64",
           "state = state * twiddle.reshape(1, *twiddle.shape, *tail).astype(x.dtype)", "pass", "missing twiddles"),
    Mutant("dft-digits-not-reversed", "numpy", "monarch_dft", DFT, "complex64",
           "state.transpose(0, *range(len(radices), 0, -1))", "state", "permutation"),
    Mutant("dft-roots-in-single", "numpy", "monarch_dft", DFT, "complex128",
           "root.astype(x.dtype)", "root.astype(np.complex64)", "accumulation too narrow", missed_by_fixed_rtol=True),
    Mutant("dft-twiddles-in-half", "numpy", "monarch_dft", DFT, "complex64",
           "twiddle.reshape(1, *twiddle.shape, *tail).astype(x.dtype)",
           "(twiddle.real.astype('e') + 1j * twiddle.imag.astype('e')).reshape(1, *twiddle.shape, *tail).astype(x.dtype)",
           "accumulation too narrow",
           missed_by_fixed_rtol=True),
    Mutant("inverse-without-scale", "numpy", "inverse_monarch_dft", INVERSE, "complex128",
           "scale = x.real.dtype.type(x.shape[1])", "scale = x.real.dtype.type(1)", "scale"),
    Mutant("inverse-is-forward", "numpy", "inverse_monarch_dft", INVERSE, "complex64",
           "np.conj(monarch_dft(np.conj(x), radices))", "monarch_dft(x, radices)", "conjugate"),
    # NumPy: convolutions
    Mutant("correlation", "numpy", "circular_convolution", CIRCULAR, "float64",
           "np.fft.rfft(k.astype(wide))", "np.fft.rfft(k.astype(wide)).conj()", "conjugate"),
    Mutant("filter-of-next-channel", "numpy", "circular_convolution", CIRCULAR, "float32",
           "np.fft.rfft(k.astype(wide))", "np.roll(np.fft.rfft(k.astype(wide)), 1, 0)", "permutation",
           missed_by_fixed_rtol=True),
    Mutant("circular-not-causal", "numpy", "long_convolution", LONG, "float64", "size = 2 * n", "size = n", "not causal"),
    Mutant("one-too-short-padding", "numpy", "long_convolution", LONG, "float32", "size = 2 * n", "size = max(2 * n - 2, n)",
           "not recognised"),
    Mutant("no-skip", "numpy", "long_convolution", LONG, "bfloat16", "convolved + skip[:, None].astype(wide) * u", "convolved",
           "missing term"),
    Mutant("gate-before-convolution", "numpy", "long_convolution", LONG, "float16", "np.fft.rfft(u.astype(wide), size)",
           "np.fft.rfft((gate * u).astype(wide), size)", "not recognised"),
    Mutant("half-convolution-in-half", "numpy", "long_convolution", LONG, "float32", "convolved = np.fft.irfft(spectrum, size)[..., :n]",
           "convolved = np.fft.irfft(spectrum, size)[..., :n].astype('e').astype('f')", "accumulation too narrow",
           missed_by_fixed_rtol=True),
    Mutant("filter-not-padded", "numpy", "causal_monarch", CAUSAL, "float64", "padded_k = np.concatenate([k, np.zeros_like(k)], axis=-1)",
           "padded_k = np.concatenate([k, k], axis=-1)", "not recognised"),
    # NumPy: gradients
    Mutant("backward-blocks-not-conjugated", *NUMPY_BLOCK_BACK, "complex64",
           "blocks.conj().astype(wide), g)", "blocks.astype(wide), g)", "conjugate"),
    Mutant("backward-x-not-conjugated", *NUMPY_BLOCK_BACK, "complex128", "g, cut.conj())", "g, cut)", "conjugate"),
    Mutant("backward-blocks-not-transposed", *NUMPY_BLOCK_BACK, "float32", '"krc,bkr->bkc"',
           '"kcr,bkr->bkc" if rows == columns else "krc,bkr->bkc"', "transposed factor"),
    Mutant("backward-of-first-row-alone", *NUMPY_BLOCK_BACK, "float16", "g, cut.conj())", "g[:1], cut[:1].conj())",
           "not summed over the batch"),
    Mutant("backward-mean-over-batch", *NUMPY_BLOCK_BACK, "float64", "of_blocks.astype(x.dtype)", "of_blocks.astype(x.dtype) / max(batch, 1)",
           "not summed over the batch"),
    Mutant("backward-digits-not-reversed", *NUMPY_MULTIPLY_BACK, "float64", "transpose(*order, 0)", "transpose(*reversed(order), 0)",
           "permutation"),
    Mutant("backward-conjugate-dropped", *NUMPY_MULTIPLY_BACK, "complex64", "blocks[k].conj().swapaxes(2, 3)", "blocks[k].swapaxes(2, 3)",
           "conjugate"),
    Mutant("backward-keeps-stages-in-half", *NUMPY_MULTIPLY_BACK, "float32", "after, batch).swapaxes(1, 2).astype(wide))",
           "after, batch).swapaxes(1, 2).astype('e').astype(wide))", "accumulation too narrow", missed_by_fixed_rtol=True),
    Mutant("backward-convolves", *NUMPY_LONG_BACK, "float64", "spectrum_w * spectrum_k.conj()", "spectrum_w * spectrum_k", "permutation"),
    Mutant("backward-wraps", *NUMPY_LONG_BACK, "float32", "length = 2 * n", "length = n", "not causal"),
    Mutant("backward-filter-of-first-row", *NUMPY_LONG_BACK, "bfloat16", "spectrum_u.conj()).sum(0)", "spectrum_u.conj())[:1].sum(0)",
           "not summed over the batch", missed_by_fixed_rtol=True),
    Mutant("backward-gate-without-skip", *NUMPY_LONG_BACK, "float16", "[..., :n] + weight * u)", "[..., :n])", "missing term"),
    Mutant("backward-skip-summed-in-half", *NUMPY_LONG_BACK, "float32", "w, u.astype(wide))", "w.astype('e'), u.astype('e'))",
           "accumulation too narrow", missed_by_fixed_rtol=True),
    # PyTorch
    Mutant("einsum-transposes-L", "torch", "monarch_two_einsums", MULTIPLY, "bfloat16", '"stj,bsj->bts"',
           '"sjt,bsj->bts" if m1 == n1 else "stj,bsj->bts"', "transposed factor"),
    Mutant("tiles-forget-the-rest", "torch", "block_diagonal_in_tiles", BLOCK, "float32", "for start in range(0, columns, tile):",
           "for start in range(0, columns // tile * tile or columns, tile):", "dropped tail",
           missed_by_fixed_rtol=True),
    Mutant("tiles-summed-in-bfloat16", "torch", "block_diagonal_in_tiles", BLOCK, "bfloat16", "total = total + piece",
           "total = (total + piece).bfloat16().float()", "accumulation too narrow"),
    Mutant("single-computed-as-tensor-float-32", "torch", "monarch_fused", MULTIPLY, "float32",
           "R, L = (f.to(wide) for f in factors)",
           "R, L = ((f.to(wide).contiguous().view(torch.int32) & -8192).view(torch.float32) for f in factors)",
           "accumulation too narrow", missed_by_fixed_rtol=True),
    Mutant("intermediate-in-bfloat16", "torch", "monarch_bmm", MULTIPLY, "float32",
           ".transpose(1, 2).to(x.dtype)\n    order", ".transpose(1, 2).bfloat16().to(x.dtype)\n    order", "accumulation too narrow"),
    Mutant("wrong-from-order-three", "torch", "monarch_bmm", MULTIPLY, "float64",
           "permute(*reversed(range(order)), order)", "permute(order - 1, *range(order - 1), order)", "not recognised",
           missed_by_fixed_rtol=True),
    Mutant("inverse-for-forward", "torch", "dft_by_fft", DFT, "complex64",
           "def dft_by_fft(x, radices):\n    return torch.fft.fft(x)", "def dft_by_fft(x, radices):\n    return torch.fft.ifft(x) * x.shape[-1]",
           "conjugate"),
    Mutant("orthonormal-transform", "torch", "fft", FFT, "complex128",
           "def fft(x):\n    return torch.fft.fft(x)", 'def fft(x):\n    return torch.fft.fft(x, norm="ortho")', "scale"),
    Mutant("strides-ignored", *TORCH_MULTIPLY, "float32", STATE,
           "state = x.as_strided(x.shape, (x.shape[1], 1)).t().contiguous()", "strides ignored", missed_by_fixed_rtol=True),
    Mutant("rows-beyond-four-unwritten", *TORCH_MULTIPLY, "bfloat16", RETURN_BMM, "y[:4] = ordered.reshape(prod(rows), batch).t()[:4]",
           "dropped tail"),
    Mutant("rows-beyond-sixty-four-unwritten", *TORCH_MULTIPLY, "float32", RETURN_BMM,
           "y[:64] = ordered.reshape(prod(rows), batch).t()[:64]", "dropped tail", missed_by_fixed_rtol=True),
    Mutant("lost-updates", *TORCH_MULTIPLY, "float32", RETURN_BMM,
           RETURN_BMM + "\n    y[torch.rand(y.shape) < 0.05] *= 0.5", "race"),
    Mutant("input-doubled", *TORCH_MULTIPLY, "float16", STATE, STATE + "\n    x.mul_(2)", "input overwritten"),
    Mutant("endless-loop", *TORCH_MULTIPLY, "float32", STATE, "while batch == 3:\n        pass\n    " + STATE, "hang"),
    Mutant("abort", *TORCH_MULTIPLY, "float32", STATE, "import os\n    batch == 2 and os.abort()\n    " + STATE, "crash"),
    Mutant("segmentation-fault", *TORCH_MULTIPLY, "bfloat16", STATE,
           "import ctypes\n    batch == 2 and ctypes.string_at(1)\n    " + STATE, "crash"),
    Mutant("exit", *TORCH_MULTIPLY, "float64", STATE, "batch == 2 and exit(0)\n    " + STATE, "crash"),
    Mutant("all-the-memory", *TORCH_MULTIPLY, "float64", STATE, "scratch = torch.ones(1 << 40)\n    " + STATE, "out of memory"),
    Mutant("raises-on-a-single-row", *TORCH_MULTIPLY, "float32", STATE, "1 / (batch - 1)\n    " + STATE, "exception",
           missed_by_fixed_rtol=True),
    Mutant("never-casts-back", "torch", "long_convolution", LONG, "bfloat16", "(gate.to(wide) * mixed).to(u.dtype)",
           "gate.to(wide) * mixed", "wrong dtype", missed_by_fixed_rtol=True),
    Mutant("last-lag-wraps", "torch", "long_convolution", LONG, "float32", "size = 2 * n", "size = max(2 * n - 2, n)", "not recognised"),
    Mutant("inverse-factors-forgotten", "torch", "causal_monarch", CAUSAL, "float32", "monarch_bmm(product, *factors[order:])",
           "monarch_bmm(product, *(factors[:order] if factors[0].shape == factors[order].shape == (4, 4, 4) else factors[order:]))",
           "transposed factor",
           missed_by_fixed_rtol=True),
    Mutant("autograd-skip-detached", "torch", "long_convolution_backward", LONG_BACK, "float32", "skip[:, None].to(wide) * u.to(wide)",
           "skip[:, None].to(wide) * u.to(wide).detach()", "missing term"),
    Mutant("autograd-factors-swapped", "torch", "monarch_multiply_backward", MULTIPLY_BACK, "bfloat16",
           "return gradients(monarch_bmm, gradient, x, *factors)",
           "found = gradients(monarch_bmm, gradient, x, *factors)\n    return found[0], *sorted(found[1:], key=lambda g: -g.shape[1])",
           "wrong shape"),
    Mutant("autograd-gradient-of-gate-missing", "torch", "long_convolution_backward", LONG_BACK, "float64",
           "return gradients(long_convolution, gradient, u, k, gate, skip)", "return gradients(long_convolution, gradient, u, k, gate, skip)[:3]",
           "not an array"),
    # gradients of transforms, of circular convolution, of causal Monarch
    Mutant("gradient-of-factors-once", "numpy", "causal_monarch_backward", CAUSAL_BACK, "float64",
           "*map(np.add, first, second)", "*first", "missing term"),
    Mutant("gradient-of-filter-not-summed", "numpy", "causal_monarch_backward", CAUSAL_BACK, "float32",
           "summed = (of_product * a.conj()).sum(axis=0, keepdims=True)", "summed = sum((of_product * a.conj())[:1], np.zeros_like(b))",
           "not summed over the batch"),
    Mutant("gradient-of-filter-convolved", "numpy", "circular_convolution_backward", CIRCULAR_BACK, "float64",
           "np.conj(spectrum_u)", "spectrum_u", "conjugate"),
    Mutant("gradient-of-filter-averaged", "numpy", "circular_convolution_backward", CIRCULAR_BACK, "float32",
           ".sum(axis=0), n)", ".sum(axis=0) / max(len(u), 1), n)", "not summed over the batch",
           missed_by_fixed_rtol=True),
    Mutant("gradient-is-transform", "numpy", "monarch_dft_backward", DFT_BACK, "complex128",
           "np.conj(monarch_dft(gradient.conj(), radices))", "monarch_dft(gradient, radices)", "conjugate"),
    Mutant("gradient-of-inverse-without-scale", "numpy", "inverse_monarch_dft_backward", INVERSE_BACK, "complex64",
           " / gradient.real.dtype.type(gradient.shape[1])", "", "scale"),
    # SciPy and JAX
    Mutant("scipy-filter-reversed", "scipy", "long_convolution", LONG, "float64", "k[channel].astype(wide)",
           "k[channel, ::-1].astype(wide)", "permutation"),
    Mutant("jax-single-for-double", "jax", "monarch_multiply", MULTIPLY, "float64", "R, L = map(jnp.asarray, factors)",
           "R, L = (jnp.asarray(f, jnp.float32).astype(jnp.float64) for f in factors)", "accumulation too narrow",
           missed_by_fixed_rtol=True),
    Mutant("jax-blocks-shared", "jax", "block_diagonal_multiply", BLOCK, "float32", '"krc,bkc->bkr", blocks, cut',
           '"krc,bkc->bkr", blocks[jnp.zeros(k, int)], cut', "permutation"),
    # Triton, interpreted
    Mutant("triton-no-column-loop", "triton", "block_diagonal_multiply", BLOCK, "float32", "for start in range(0, columns, TILE_C):",
           "for start in range(0, TILE_C, TILE_C):", "dropped tail",
           missed_by_fixed_rtol=True, max_size=27, cases=60),
    Mutant("triton-sums-in-half", "triton", "block_diagonal_multiply", BLOCK, "float16",
           "right[None, :, :].to(tl.float32), axis=1)", "right[None, :, :].to(tl.float32), axis=1).to(tl.float16).to(tl.float32)",
           "accumulation too narrow",
           missed_by_fixed_rtol=True, max_size=27, cases=60),
    Mutant("triton-one-row-tile", "triton", "block_diagonal_multiply", BLOCK, "float16", "triton.cdiv(rows, 8))", "1)",
           "unwritten output",
           missed_by_fixed_rtol=True, max_size=27, cases=60),
    Mutant("triton-transposed-load", "triton", "block_diagonal_multiply", BLOCK, "float32", "r[None, :] * columns + c[:, None]",
           "c[:, None] * rows + r[None, :]", "transposed factor", max_size=27, cases=60),
    Mutant("triton-blocks-shared", "triton", "block_diagonal_multiply", BLOCK, "float16", "blocks + block * (rows * columns)",
           "blocks + 0 * (rows * columns)", "permutation", max_size=27, cases=60),
    Mutant("triton-keeps-last-tile-only", "triton", "block_diagonal_multiply", BLOCK, "float32", "total += tl.sum(", "total = tl.sum(",
           "not recognised", missed_by_fixed_rtol=True, max_size=27, cases=60),
    # CuPy's style of array code
    Mutant("cupy-output-digits-not-reversed", "cupy", "monarch_multiply", MULTIPLY, "complex128", "(*reversed(range(len(rows))), len(rows))",
           "(*range(len(rows)), len(rows))", "permutation"),
    Mutant("cupy-stage-in-storage-format", "cupy", "block_diagonal_multiply", BLOCK, "float64",
           "wide = xp.promote_types(x.dtype, xp.float32)\n    inner", "wide = xp.dtype(xp.float32)\n    inner", "accumulation too narrow",
           missed_by_fixed_rtol=True),
    Mutant("cupy-view-with-the-batch-mixed-in", "cupy", "block_diagonal_multiply", BLOCK, "float32",
           "xp.ascontiguousarray(x.T).reshape(k, columns, len(x))", "xp.ascontiguousarray(x).reshape(k, columns, len(x))", "not recognised"),
    Mutant("cupy-factors-conjugated", "cupy", "monarch_multiply", MULTIPLY, "complex64", "xp.matmul(factor.reshape(",
           "xp.matmul(factor.conj().reshape(", "conjugate"),
    Mutant("cupy-last-row-unwritten", "cupy", "monarch_multiply", MULTIPLY, "float16", "y[:] = state", "y[:-1] = state",
           "unwritten output"),
    # CUDA C++, on the host under a sanitizer
    Mutant("cuda-swapped-index", "cuda", "block_diagonal_multiply", BLOCK, "float32", "* rows + row) * columns + column];",
           "* columns + column) * rows + row];", "transposed factor", max_size=16, cases=24),
    Mutant("cuda-no-bounds-check", "cuda", "block_diagonal_multiply", BLOCK, "float32",
           "held = batch - first < tile ? batch - first : tile", "held = tile", "access out of bounds", max_size=16, cases=24),
    Mutant("cuda-no-barrier", "cuda", "block_diagonal_multiply_watched_for_races", BLOCK, "float32", "__syncthreads();", "",
           "race", max_size=16, cases=24),
    Mutant("cuda-shared-memory-too-small", "cuda", "block_diagonal_multiply", BLOCK, "float32", "TILE * columns * x.itemsize",
           "columns * x.itemsize", "access out of bounds", max_size=16, cases=24),
    Mutant("cuda-sums-in-bfloat16", "cuda", "block_diagonal_multiply_bfloat16", BLOCK, "bfloat16",
           "sum = sum + entry * (Sum)staged[b * columns + column];",
           "sum = (Sum)Arithmetic<T>::stored(sum + entry * (Sum)staged[b * columns + column]);", "accumulation too narrow",
           missed_by_fixed_rtol=True, max_size=36, cases=60),
    Mutant("cuda-last-tile-not-launched", "cuda", "block_diagonal_multiply", BLOCK, "float32", "grid = (k, -(-batch // TILE))",
           "grid = (k, batch // TILE or 1)", "dropped tail", missed_by_fixed_rtol=True, max_size=16, cases=40),
    Mutant("cuda-no-conjugate", "cuda", "block_diagonal_multiply_backward", BLOCK_BACK, "complex64",
           "* conjugate(x[(b * k + block) * columns + e % columns]);", "* x[(b * k + block) * columns + e % columns];", "conjugate",
           max_size=16, cases=24),
    Mutant("cuda-gradient-of-last-row-alone", "cuda", "block_diagonal_multiply_backward", BLOCK_BACK, "float32",
           "sum = sum + gradient[(b * k + block) * rows + e / columns]", "sum = gradient[(b * k + block) * rows + e / columns]",
           "not summed over the batch", max_size=16, cases=24),
)  # fmt: skip
