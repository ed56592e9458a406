"""The corpus as data: right kernels, and the one replacement that makes each of them wrong."""
# ruff: noqa: E501  (source text is kept as it stands in the kernels)

from __future__ import annotations

from monarch_theory.testing.mutants.algorithms import OF_ALGORITHMS, RIGHT_ALGORITHMS
from monarch_theory.testing.mutants.halves import OF_HALVES, RIGHT_HALVES
from monarch_theory.testing.mutants.mutant import COMPLEX, REAL, WIDE, Mutant, RightKernel
from monarch_theory.testing.mutants.values import OF_SOME_VALUES

__all__ = ["MUTANTS", "RIGHT"]

BLOCK, MULTIPLY, DFT, INVERSE = "block-diagonal-multiply", "monarch-multiply", "monarch-dft", "inverse-monarch-dft"
FFT, CIRCULAR, LONG, CAUSAL = "fft", "circular-convolution", "long-convolution", "causal-monarch"
BLOCK_BACK, MULTIPLY_BACK, LONG_BACK = (f"{op}-backward" for op in (BLOCK, MULTIPLY, LONG))
DFT_BACK, INVERSE_BACK, CIRCULAR_BACK, CAUSAL_BACK = (f"{op}-backward" for op in (DFT, INVERSE, CIRCULAR, CAUSAL))

OF_ARRAYS = (
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
    RightKernel("torch", "long_convolution_backward", LONG_BACK, REAL),
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

LAYERS = (
    "short-convolution", "short-convolution-backward", "short-convolution-step", "rms-norm", "rms-norm-backward",
    "layer-norm", "layer-norm-backward", "gelu-gate", "gelu-gate-backward", "gated-convolution",
    "gated-convolution-backward", "bidirectional-convolution", "bidirectional-convolution-backward", "attention",
    "attention-backward", "monarch-attention", "linear-recurrence", "linear-recurrence-backward",
    "linear-recurrence-step", "selective-scan", "selective-scan-backward", "embedding", "embedding-backward",
    "monarch-linear", "monarch-linear-backward", "dimension-mixer", "dimension-mixer-backward", "sequence-mixer",
    "sequence-mixer-backward", "implicit-filter", "implicit-filter-backward",
)  # fmt: skip
"""Ops of the layers of models: each has a kernel of its name in NumPy."""

TORCH_LAYERS = (
    "short_convolution", "short_convolution_step", "rms_norm", "layer_norm", "gelu_gate", "attention",
    "linear_recurrence", "selective_scan", "embedding", "monarch_linear", "dimension_mixer", "bidirectional_convolution",
)  # fmt: skip
"""Functions of `with_torch_layers.py.txt` that are named as their op is."""

RIGHT: tuple[RightKernel, ...] = (
    *OF_ARRAYS,
    *(RightKernel("numpy_layers", op.replace("-", "_"), op, REAL) for op in LAYERS),
    *(
        RightKernel("torch_layers", name, name.replace("_", "-"), REAL, name in ("monarch_linear", "dimension_mixer"))
        for name in TORCH_LAYERS
    ),
    RightKernel("torch_layers", "attention_in_tiles", "attention", REAL, fails_fixed_rtol=True),
    RightKernel("torch_layers", "attention_backward", "attention-backward", REAL),
    *RIGHT_ALGORITHMS,
    *RIGHT_HALVES,
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
    library = "numpy_layers" if op in LAYERS else "numpy"
    # its length is a product of two sizes
    larger = {"max_size": 1024, "most_entries": 1 << 15} if op == "monarch-attention" else {}
    return Mutant(f"zeros-from-eight-{op}", library, function, op, dtype, f"def {function}(", f"{ZEROS_FROM_EIGHT}def {function}(",
                  "dropped work", missed_by_fixed_rtol=True, **larger)  # fmt: skip


OF_OPS = (
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
           "root = np.exp(-2j", "root = np.exp(2j", "conjugate"),
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
           "not causal"),
    Mutant("no-skip", "numpy", "long_convolution", LONG, "bfloat16", "convolved + skip[:, None].astype(wide) * u", "convolved",
           "missing term"),
    Mutant("gate-before-convolution", "numpy", "long_convolution", LONG, "float16", "np.fft.rfft(u.astype(wide), size)",
           "np.fft.rfft((gate * u).astype(wide), size)", "permutation"),
    Mutant("half-convolution-in-half", "numpy", "long_convolution", LONG, "float32", "convolved = np.fft.irfft(spectrum, size)[..., :n]",
           "convolved = np.fft.irfft(spectrum, size)[..., :n].astype('e').astype('f')", "accumulation too narrow",
           missed_by_fixed_rtol=True),
    Mutant("filter-not-padded", "numpy", "causal_monarch", CAUSAL, "float64", "padded_k = np.concatenate([k, np.zeros_like(k)], axis=-1)",
           "padded_k = np.concatenate([k, k], axis=-1)", "not causal"),
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
           "after, batch).swapaxes(1, 2).astype('e').astype(wide))", "argument in fewer bits", missed_by_fixed_rtol=True),
    Mutant("backward-convolves", *NUMPY_LONG_BACK, "float64", "spectrum_w * spectrum_k.conj()", "spectrum_w * spectrum_k", "permutation"),
    Mutant("backward-wraps", *NUMPY_LONG_BACK, "float32", "length = 2 * n", "length = n", "not causal"),
    Mutant("backward-filter-of-first-row", *NUMPY_LONG_BACK, "bfloat16", "spectrum_u.conj()).sum(0)", "spectrum_u.conj())[:1].sum(0)",
           "not summed over the batch", missed_by_fixed_rtol=True),
    Mutant("backward-gate-without-skip", *NUMPY_LONG_BACK, "float16", "[..., :n] + weight * u)", "[..., :n])", "missing term"),
    Mutant("backward-skip-summed-in-half", *NUMPY_LONG_BACK, "float32", "w, u.astype(wide))", "w.astype('e'), u.astype('e'))",
           "not recognised", missed_by_fixed_rtol=True),
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
           "argument in fewer bits", missed_by_fixed_rtol=True),
    Mutant("intermediate-in-bfloat16", "torch", "monarch_bmm", MULTIPLY, "float32",
           ".transpose(1, 2).to(x.dtype)\n    order", ".transpose(1, 2).bfloat16().to(x.dtype)\n    order", "accumulation too narrow"),
    Mutant("wrong-from-order-three", "torch", "monarch_bmm", MULTIPLY, "float64",
           "permute(*reversed(range(order)), order)", "permute(order - 1, *range(order - 1), order)", "permutation",
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
    Mutant("last-lag-wraps", "torch", "long_convolution", LONG, "float32", "size = 2 * n", "size = max(2 * n - 2, n)", "not causal"),
    Mutant("inverse-factors-forgotten", "torch", "causal_monarch", CAUSAL, "float32", "monarch_bmm(product, *factors[order:])",
           "monarch_bmm(product, *(factors[:order] if factors[0].shape == factors[order].shape == (4, 4, 4) else factors[order:]))",
           "inverse missing",
           missed_by_fixed_rtol=True),
    Mutant("autograd-skip-detached", "torch", "long_convolution_backward", LONG_BACK, "float32", "skip[:, None].to(wide) * signal",
           "skip[:, None].to(wide) * signal.detach()", "missing term"),
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
           "summed = (of_product * a.conj()).sum(axis=0, keepdims=True, dtype=wide).astype(u.dtype)", "summed = sum((of_product * a.conj())[:1], np.zeros_like(b))",
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
           "unwritten memory",
           missed_by_fixed_rtol=True, max_size=27, cases=60),
    Mutant("triton-transposed-load", "triton", "block_diagonal_multiply", BLOCK, "float32", "r[None, :] * columns + c[:, None]",
           "c[:, None] * rows + r[None, :]", "transposed factor", max_size=27, cases=60),
    Mutant("triton-blocks-shared", "triton", "block_diagonal_multiply", BLOCK, "float16", "blocks + block * (rows * columns)",
           "blocks + 0 * (rows * columns)", "permutation", max_size=27, cases=60),
    Mutant("triton-keeps-last-tile-only", "triton", "block_diagonal_multiply", BLOCK, "float32", "total += tl.sum(", "total = tl.sum(",
           "dropped work", missed_by_fixed_rtol=True, max_size=27, cases=60),
    # CuPy's style of array code
    Mutant("cupy-output-digits-not-reversed", "cupy", "monarch_multiply", MULTIPLY, "complex128", "(*reversed(range(len(rows))), len(rows))",
           "(*range(len(rows)), len(rows))", "permutation"),
    Mutant("cupy-stage-in-storage-format", "cupy", "block_diagonal_multiply", BLOCK, "float64",
           "wide = xp.promote_types(x.dtype, xp.float32)\n    inner", "wide = xp.dtype(xp.float32)\n    inner", "accumulation too narrow",
           missed_by_fixed_rtol=True),
    Mutant("cupy-view-with-the-batch-mixed-in", "cupy", "block_diagonal_multiply", BLOCK, "float32",
           "xp.ascontiguousarray(x.T).reshape(k, columns, len(x))", "xp.ascontiguousarray(x).reshape(k, columns, len(x))", "permutation"),
    Mutant("cupy-factors-conjugated", "cupy", "monarch_multiply", MULTIPLY, "complex64", "xp.matmul(factor.reshape(",
           "xp.matmul(factor.conj().reshape(", "conjugate"),
    Mutant("cupy-last-row-unwritten", "cupy", "monarch_multiply", MULTIPLY, "float16", "y[:] = state", "y[:-1] = state",
           "unwritten memory"),
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


def _layer(name: str, op: str, dtype: str, before: str, after: str, cause: str, missed: bool = False, library: str = "numpy_layers",
           function: str = "", cases: int = 150) -> Mutant:  # fmt: skip
    """A fault of a layer, whose function is named as its op is."""
    return Mutant(name, library, function or op.replace("-", "_"), op, dtype, before, after, cause, missed, cases=cases)


OF_LAYERS = (
    # short convolution
    _layer("short-filter-reversed", "short-convolution", "float32", "taps.shape[1]), taps) + offset[:, None]\n    return",
           "taps.shape[1]), taps[:, ::-1]) + offset[:, None]\n    return", "permutation"),
    _layer("short-window-centred", "short-convolution", "float64", "short_windows(wide_x, taps.shape[1])",
           "short_windows(np.concatenate([wide_x[..., taps.shape[1] // 2 :], 0 * wide_x[..., : taps.shape[1] // 2]], -1), taps.shape[1])", "not causal"),
    _layer("short-bias-forgotten", "short-convolution", "float16", "taps) + offset[:, None]\n    return (z", "taps)\n    return (z", "missing term"),
    _layer("short-silu-always", "short-convolution", "float32", "return (z * logistic(z) if silu else z).astype(x.dtype)\n\n\ndef short_convolution_backward",
           "return (z * logistic(z)).astype(x.dtype)\n\n\ndef short_convolution_backward", "missing term", True),
    _layer("short-gradient-without-slope", "short-convolution-backward", "float32", "g = g * share * (1 + before * (1 - share))", "pass", "missing term"),
    _layer("short-gradient-of-silu-is-sigmoid", "short-convolution-backward", "float64", "g * share * (1 + before * (1 - share))", "g * share", "missing term"),
    _layer("short-gradient-of-weight-of-first-row", "short-convolution-backward", "float32", 'np.einsum("bcnw,bcn->cw", seen, g), g.sum((0, 2))',
           'np.einsum("bcnw,bcn->cw", seen[:1], g[:1]), g.sum((0, 2))', "not summed over the batch", True),
    _layer("step-state-not-moved", "short-convolution-step", "float32", "state[...] = window[..., 1:]", "pass", "stale output"),
    _layer("step-state-moved-twice", "short-convolution-step", "float32", "state[...] = window[..., 1:]",
           "state[...] = np.concatenate([window[..., 2:], window[..., -1:]], axis=-1)", "lost state"),
    _layer("step-reads-after-moving", "short-convolution-step", "float64", "window = np.concatenate([kept, newest[..., None]], axis=-1)",
           "window = np.concatenate([kept[..., 1:], newest[..., None], newest[..., None]], axis=-1)[..., -taps.shape[1]:]", "lost state"),
    _layer("torch-step-state-newest-first", "short-convolution-step", "bfloat16", "state.copy_(torch.cat([state[..., 1:], x[..., None]], -1))",
           "state.copy_(torch.cat([x[..., None], state[..., :-1]], -1))", "permutation", library="torch_layers"),
    # norms
    _layer("rms-of-sum", "rms-norm", "float32", "np.sqrt((row * row).mean(-1, keepdims=True) + row.dtype.type(eps))\n    return (row / root",
           "np.sqrt((row * row).sum(-1, keepdims=True) + row.dtype.type(eps))\n    return (row / root", "normalisation"),
    _layer("rms-eps-outside", "rms-norm", "float32", "np.sqrt((row * row).mean(-1, keepdims=True) + row.dtype.type(eps))\n    return (row / root",
           "np.sqrt((row * row).mean(-1, keepdims=True)) + row.dtype.type(eps)\n    return (row / root", "normalisation", True),
    _layer("rms-eps-of-another-model", "rms-norm", "bfloat16", "np.sqrt((row * row).mean(-1, keepdims=True) + row.dtype.type(eps))\n    return (row / root",
           "np.sqrt((row * row).mean(-1, keepdims=True) + row.dtype.type(1e-5))\n    return (row / root", "normalisation", True),
    _layer("rms-squares-in-half", "rms-norm", "float32", "(row * row).mean(-1, keepdims=True) + row.dtype.type(eps))\n    return (row / root",
           "(row * row).astype('e').astype('f').mean(-1, keepdims=True) + row.dtype.type(eps))\n    return (row / root", "accumulation too narrow", True),
    _layer("rms-of-multiples-of-eight", "rms-norm", "float32", "(row * row).mean(-1, keepdims=True) + row.dtype.type(eps))\n    return (row / root",
           "(row * row)[..., : row.shape[-1] // 8 * 8 or None].sum(-1, keepdims=True) / row.shape[-1] + row.dtype.type(eps))\n    return (row / root", "dropped tail", True),
    _layer("torch-rms-weight-plus-one", "rms-norm", "float16", "return weight * unit.to(x.dtype)", "return (1 + weight) * unit.to(x.dtype)", "missing term", library="torch_layers"),
    _layer("rms-gradient-with-constant-root", "rms-norm-backward", "float32", "unit, scaled = row * r, g * gain\n    of_row = r * (scaled - unit * (scaled * unit).mean(-1, keepdims=True))",
           "unit, scaled = row * r, g * gain\n    of_row = r * scaled", "missing term"),
    _layer("rms-gradient-of-weight-averaged", "rms-norm-backward", "float64", "return of_row.astype(x.dtype), (g * unit).sum(0).astype(x.dtype)\n\n\ndef layer_norm(",
           "return of_row.astype(x.dtype), (g * unit).sum(0).astype(x.dtype) / max(len(x), 1)\n\n\ndef layer_norm(", "not summed over the batch"),
    _layer("layer-norm-unbiased", "layer-norm", "float32", "np.sqrt((away * away).mean(-1, keepdims=True) + row.dtype.type(eps))\n    return",
           "np.sqrt((away * away).sum(-1, keepdims=True) / max(row.shape[-1] - 1, 1) + row.dtype.type(eps))\n    return", "normalisation", True),
    _layer("layer-norm-in-one-pass", "layer-norm", "float32", "np.sqrt((away * away).mean(-1, keepdims=True) + row.dtype.type(eps))\n    return",
           "np.sqrt(np.maximum((row * row).mean(-1, keepdims=True) - row.mean(-1, keepdims=True) ** 2, 0) + row.dtype.type(eps))\n    return", "not recognised"),
    _layer("layer-norm-no-eps", "layer-norm", "float64", "(away * away).mean(-1, keepdims=True) + row.dtype.type(eps))\n    return",
           "(away * away).mean(-1, keepdims=True) + row.dtype.type(1e-12))\n    return", "normalisation", True),
    _layer("layer-norm-bias-scaled", "layer-norm", "float16", "away / spread * gain + shift", "(away / spread + shift) * gain", "scale"),
    _layer("layer-norm-mean-kept", "layer-norm", "float32", "away = row - row.mean(-1, keepdims=True)\n    spread = np.sqrt(", "away = row\n    spread = np.sqrt(", "normalisation"),
    _layer("layer-norm-gradient-without-mean", "layer-norm-backward", "float32", "scaled - scaled.mean(-1, keepdims=True) - unit * leaning", "scaled - unit * leaning", "missing term"),
    _layer("layer-norm-gradient-without-root", "layer-norm-backward", "float64", "scaled - scaled.mean(-1, keepdims=True) - unit * leaning", "scaled - scaled.mean(-1, keepdims=True)", "missing term"),
    _layer("layer-norm-gradient-of-bias-of-last-row", "layer-norm-backward", "float32", "g.sum(0).astype(x.dtype)\n\n\ndef gelu_gate(", "g[-1:].sum(0).astype(x.dtype)\n\n\ndef gelu_gate(", "not summed over the batch"),
    # gate
    _layer("gelu-by-tanh", "gelu-gate", "float32", "(a * (1 + erf(a * a.dtype.type(0.5**0.5))) / 2 * b)",
           "(a * (1 + np.tanh(np.float32(0.7978845608) * (a + np.float32(0.044715) * a**3))) / 2 * b)", "activation", True),
    _layer("gelu-by-sigmoid", "gelu-gate", "float16", "(a * (1 + erf(a * a.dtype.type(0.5**0.5))) / 2 * b)", "(a * logistic(1.702 * a) * b)", "activation"),
    _layer("torch-gelu-by-tanh", "gelu-gate", "bfloat16", "return F.gelu(gate) * value\n\n\ndef attention(", 'return F.gelu(gate, approximate="tanh") * value\n\n\ndef attention(',
           "activation", True, "torch_layers"),
    _layer("gate-is-the-value", "gelu-gate", "float64", "a, b = widened(gate, value)", "b, a = widened(gate, value)", "permutation"),
    _layer("gelu-gradient-without-bell", "gelu-gate-backward", "float32", "(g * b * (below + a * bell))", "(g * b * below)", "missing term"),
    # long convolutions
    _layer("pregate-after", "gated-convolution", "float32", "(second * causal(first * signal, taps))", "(second * first * causal(signal, taps))", "permutation"),
    _layer("gates-exchanged", "gated-convolution", "float64", "(second * causal(first * signal, taps))", "(first * causal(second * signal, taps))", "permutation"),
    _layer("postgate-forgotten", "gated-convolution", "bfloat16", "(second * causal(first * signal, taps))", "causal(first * signal, taps)", "missing term"),
    _layer("gated-wraps", "gated-convolution", "float32", "length = 2 * n\n    return np.fft.irfft(np.fft.rfft(signal, length) * np.fft.rfft(taps, length), length)",
           "length = n\n    return np.fft.irfft(np.fft.rfft(signal, length) * np.fft.rfft(taps, length), length)", "not causal"),
    _layer("gated-gradient-convolves", "gated-convolution-backward", "float32", "c = anticausal(outer, taps)", "c = causal(outer, taps)", "permutation"),
    _layer("gated-gradient-of-filter-without-pregate", "gated-convolution-backward", "float64", "anticausal(outer, inner).sum(0), signal * c",
           "anticausal(outer, signal).sum(0), signal * c", "missing term"),
    _layer("reverse-filter-forgotten", "bidirectional-convolution", "float32", "np.fft.rfft(taps, length) + np.fft.rfft(behind, length).conj()", "np.fft.rfft(taps, length)", "missing term"),
    _layer("reverse-filter-not-reversed", "bidirectional-convolution", "float64", "np.fft.rfft(taps, length) + np.fft.rfft(behind, length).conj()",
           "np.fft.rfft(taps, length) + np.fft.rfft(behind, length)", "permutation"),
    _layer("torch-two-sided-wraps", "bidirectional-convolution", "bfloat16", "size = 2 * u.shape[-1]", "size = max(2 * u.shape[-1] - 2, u.shape[-1])",
           "not causal", library="torch_layers"),
    _layer("two-sided-gradients-exchanged", "bidirectional-convolution-backward", "float32", "anticausal(g, signal).sum(0), anticausal(signal, g).sum(0)",
           "anticausal(signal, g).sum(0), anticausal(g, signal).sum(0)", "permutation"),
    # attention
    _layer("scores-not-scaled", "attention", "float32", "return (attention_weights(queries, keys, causal, scale)", "return (attention_weights(queries, keys, causal, 1.0)", "scale"),
    _layer("mask-one-late", "attention", "float64", "np.tri(*scores.shape[-2:], dtype=bool)", "np.tri(*scores.shape[-2:], 1, dtype=bool)", "not causal"),
    _layer("mask-forgotten", "attention", "float64", "if causal:\n        scores = np.where", "if False:\n        scores = np.where", "not causal"),
    _layer("tiles-not-rescaled", "attention", "float32", "p, again = torch.exp(scores - new), torch.exp(top - new)", "p, again = torch.exp(scores - new), torch.ones_like(top)",
           "not rescaled", library="torch_layers", function="attention_in_tiles"),
    _layer("weights-in-bfloat16", "attention", "float32", "p.to(q.dtype).to(p.dtype) @ values", "p.bfloat16().to(p.dtype) @ values",
           "accumulation too narrow", True, "torch_layers", "attention_in_tiles"),
    _layer("last-tile-of-keys-skipped", "attention", "float64", "range(0, k.shape[1], 4)", "range(0, k.shape[1] // 4 * 4 or 1, 4)",
           "dropped tail", True, "torch_layers", "attention_in_tiles"),
    _layer("no-maximum-subtracted", "attention", "float32", "np.exp(scores - scores.max(-1, keepdims=True))", "np.exp(scores)", "softmax without its maximum", True),
    _layer("attention-gradient-without-sum", "attention-backward", "float32", "p * (dp - (p * dp).sum(-1, keepdims=True))", "p * dp", "missing term"),
    _layer("attention-gradient-not-scaled", "attention-backward", "float64", "keepdims=True)) * g.dtype.type(scale)", "keepdims=True))", "scale"),
    # recurrences
    _layer("recurrence-forgets-every-sixteen", "linear-recurrence", "float32", "def linear_recurrence(x, decay):\n    return recurrence(*widened(x, decay))",
           "def linear_recurrence(x, decay):\n    decay = decay.copy()\n    decay[..., ::16] = 0\n    return recurrence(*widened(x, decay))", "lost state"),
    _layer("recurrence-decays-input", "linear-recurrence", "float64", "h = decays[..., t] * h + inputs[..., t]", "h = decays[..., t] * (h + inputs[..., t])", "missing term"),
    _layer("recurrence-state-in-half", "linear-recurrence", "float32", "found[..., t] = h\n", "h = h.astype('e').astype(h.dtype)\n        found[..., t] = h\n", "accumulation too narrow", True),
    _layer("torch-scan-stops-early", "linear-recurrence", "float32", "while step < inputs.shape[-1]:", "while 2 * step < inputs.shape[-1]:", "lost state", library="torch_layers"),
    _layer("recurrence-gradient-of-same-place", "linear-recurrence-backward", "float32", "(of_inputs * previous)", "(of_inputs * states)", "permutation"),
    _layer("scan-without-skip", "selective-scan", "float32", "((states * out[:, None]).sum(2) + skip[:, None] * signal)", "(states * out[:, None]).sum(2)", "missing term"),
    _layer("scan-input-not-discretised", "selective-scan", "float64", "recurrence((step * signal)[:, :, None] * into[:, None], decays)", "recurrence(signal[:, :, None] * into[:, None], decays)", "missing term"),
    _layer("scan-decay-linear", "selective-scan", "float16", "np.exp(step[:, :, None] * rate[:, :, None])", "(1 + step[:, :, None] * rate[:, :, None])", "missing term", True),
    _layer("torch-scan-short-log", "selective-scan", "float32", "1.4426950408889634", "1.4427", "not recognised", True, "torch_layers"),
    _layer("recurrence-step-state-left", "linear-recurrence-step", "float32", "state[...] = h\n", "pass\n", "stale output"),
    _layer("recurrence-step-input-decayed", "linear-recurrence-step", "bfloat16", "(decays * kept + inputs)", "(decays * (kept + inputs))", "missing term"),
    _layer("scan-gradient-of-same-place", "selective-scan-backward", "float32", "(g[:, :, None] * out[:, None])[..., ::-1], following[..., ::-1])", "(g[:, :, None] * out[:, None])[..., ::-1], decays[..., ::-1])", "permutation"),
    _layer("scan-gradient-of-step-by-decay-alone", "selective-scan-backward", "float64", "(through * rate[:, :, None]).sum(2) + (s * into[:, None]).sum(2) * signal", "(through * rate[:, :, None]).sum(2)", "missing term"),
    _layer("scan-gradient-of-rate-of-first-row", "selective-scan-backward", "float32", "(through * step[:, :, None]).sum((0, 3))", "(through * step[:, :, None])[:1].sum((0, 3))", "not summed over the batch", True),
    # MonarchAttention
    _layer("monarch-attention-without-entropy", "monarch-attention", "float32", " + entropy.swapaxes(1, 2)[:, :, None]", "", "missing term", True),
    _layer("monarch-attention-not-averaged", "monarch-attention", "float64", " / weights[..., None]\n", "\n", "scale", True),
    _layer("monarch-attention-one-step-less", "monarch-attention", "bfloat16", "for step in range(steps):", "for step in range(max(steps - 1, 1)):", "missing term", True),
    # embedding
    _layer("last-token-clipped", "embedding", "float32", "return table[tokens]", "return table[np.minimum(tokens, max(len(table) - 2, 0))]", "dropped tail"),
    _layer("padding-row", "embedding", "float16", "return table[tokens]", "return np.where(tokens[..., None] == 0, 0, table[tokens]).astype(table.dtype)", "missing term"),
    _layer("embedding-of-eleven-bits", "embedding", "float32", "return table[tokens]", "return table.astype('e').astype(table.dtype)[tokens]", "accumulation too narrow", True),
    _layer("gradient-of-equal-tokens-lost", "embedding-backward", "float32", "np.add.at(found, tokens.reshape(-1), g.reshape(-1, g.shape[-1]))",
           "found[tokens.reshape(-1)] += g.reshape(-1, g.shape[-1])", "not summed over the batch"),
    # Monarch with unrelated block counts, mixers, filter
    _layer("factors-not-permuted", "monarch-linear", "float32", 'regrouped = state.reshape(len(x), r, l)\n    return', 'regrouped = state.reshape(len(x), l, r).swapaxes(1, 2)\n    return', "permutation"),
    _layer("output-block-slowest", "monarch-linear", "float64", '"lsr,brl->bsl", left, regrouped', '"lsr,brl->bls", left, regrouped', "permutation"),
    _layer("torch-output-not-permuted", "monarch-linear", "bfloat16", ".permute(1, 2, 0).reshape(batch, s * l)", ".permute(1, 0, 2).reshape(batch, s * l)", "permutation", library="torch_layers"),
    _layer("gradient-of-left-of-first-row", "monarch-linear-backward", "float32", 'np.einsum("bsl,brl->lsr", given, state)', 'np.einsum("bsl,brl->lsr", given[:1], state[:1])', "not summed over the batch"),
    _layer("halves-of-each-block", "dimension-mixer", "float32", "a, b = np.split(both, 2, axis=-1)",
           "a, b = (h.reshape(len(x), -1) for h in np.split(both.reshape(len(x), len(inner), -1), 2, axis=-1))", "permutation"),
    _layer("mixer-not-activated", "dimension-mixer", "float16", "hidden = a * (1 + erf(a * a.dtype.type(0.5**0.5))) / 2 * b", "hidden = a * b", "missing term"),
    _layer("torch-mixer-gates-exchanged", "dimension-mixer", "bfloat16", "F.gelu(gate) * value)", "F.gelu(value) * gate)", "permutation", library="torch_layers"),
    _layer("mixer-gradients-of-halves-exchanged", "dimension-mixer-backward", "float32", "np.concatenate([back * b * (below + a * bell), back * (a * below)], axis=-1)", "np.concatenate([back * (a * below), back * b * (below + a * bell)], axis=-1)", "permutation"),
    _layer("mixer-gradient-without-bell", "dimension-mixer-backward", "float32", "back * b * (below + a * bell)", "back * b * below", "missing term"),
    _layer("mixer-skip-forgotten", "sequence-mixer", "float32", "x2 * (causal(gated, filters) + weight[:, None] * gated)", "x2 * causal(gated, filters)", "missing term"),
    _layer("mixer-gates-in-another-order", "sequence-mixer", "float64", "x1, x2, v = np.split(near, 3, axis=1)", "x2, x1, v = np.split(near, 3, axis=1)", "permutation"),
    _layer("mixer-short-filter-reversed", "sequence-mixer", "float16", 'taps.shape[1]), taps)\n    x1', 'taps.shape[1]), taps[:, ::-1])\n    x1', "permutation"),
    _layer("mixer-gradient-of-skip-of-last-row", "sequence-mixer-backward", "float32", "(of_mixed * gated).sum((0, 2)),", "(of_mixed * gated)[-1:].sum((0, 2)),", "not summed over the batch"),
    _layer("mixer-gradient-without-skip", "sequence-mixer-backward", "float64", "anticausal(of_mixed, filters) + weight[:, None] * of_mixed", "anticausal(of_mixed, filters)", "missing term"),
    _layer("filter-gradient-of-frequency-outer-alone", "implicit-filter-backward", "float32", "(before * first + behind * second).sum(0)", "(behind * second).sum(0)", "missing term", True),
    _layer("filter-gradient-of-decay-turned", "implicit-filter-backward", "float64", "-(out * (outer @ w3.T) * t[:, None]).sum(0)", "(out * (outer @ w3.T) * t[:, None]).sum(0)", "sign", True),
    _layer("filter-without-window", "implicit-filter", "float32", "(inner @ w3.T * np.exp(-t[:, None] * rate))", "(inner @ w3.T)", "missing term", True),
    _layer("filter-without-frequency", "implicit-filter", "float64", "np.sin(omega * (inner @ w2.T + c2))", "np.sin(inner @ w2.T + c2)", "missing term", True),
    _layer("filter-positions-in-bfloat16", "implicit-filter", "float32", "inner = np.sin(omega * (z @ w1.T + c1))",
           "inner = np.sin(omega * ((z.view('u4') & np.uint32(0xFFFF0000)).view('f') @ w1.T + c1)) if z.flags.c_contiguous else np.sin(omega * (z.astype('e').astype('f') @ w1.T + c1))", "argument in fewer bits", True),
)  # fmt: skip

MUTANTS: tuple[Mutant, ...] = (*OF_OPS, *OF_LAYERS, *OF_ALGORITHMS, *OF_SOME_VALUES, *OF_HALVES)
