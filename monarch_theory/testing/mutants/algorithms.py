"""Right kernels that go other ways than the definition, as data, and faults that such algorithms have."""
# ruff: noqa: E501  (source text is kept as it stands in the kernels)

from __future__ import annotations

from monarch_theory.testing.mutants.mutant import COMPLEX, REAL, WIDE, Mutant, RightKernel

__all__ = ["OF_ALGORITHMS", "RIGHT_ALGORITHMS"]

LIBRARY = "numpy_algorithms"

BLOCK, DFT, FFT, CIRCULAR, LONG = (
    "block-diagonal-multiply",
    "monarch-dft",
    "fft",
    "circular-convolution",
    "long-convolution",
)

RIGHT_ALGORITHMS = (
    *(RightKernel(LIBRARY, name, BLOCK, REAL) for name in ("in_tiles", "compensated", "in_halves", "in_double")),
    RightKernel(LIBRARY, "fft", FFT, COMPLEX),
    RightKernel(LIBRARY, "in_four_steps", DFT, COMPLEX),
    RightKernel(LIBRARY, "by_an_unreduced_table", FFT, COMPLEX, algorithm="unreduced"),
    RightKernel(LIBRARY, "circular_in_blocks", CIRCULAR, REAL),
    RightKernel(LIBRARY, "two_channels_at_once", CIRCULAR, REAL, algorithm="packed"),
    RightKernel(LIBRARY, "in_overlapping_pieces", LONG, REAL),
    RightKernel(LIBRARY, "short_by_winograd", "short-convolution", REAL, algorithm="normwise"),
    RightKernel(LIBRARY, "layer_norm_by_welford", "layer-norm", REAL),
    RightKernel(LIBRARY, "rms_norm_in_tiles", "rms-norm", REAL),
    RightKernel(LIBRARY, "rms_norm_gradients", "rms-norm-backward", REAL),
    RightKernel(LIBRARY, "layer_norm_gradients", "layer-norm-backward", REAL),
    RightKernel(LIBRARY, "attention_online", "attention", REAL),
    RightKernel(LIBRARY, "recurrence_in_chunks", "linear-recurrence", REAL),
    RightKernel(LIBRARY, "scan_with_powers_of_two", "selective-scan", WIDE),
    RightKernel(LIBRARY, "embedding_row_by_row", "embedding", REAL),
    RightKernel(LIBRARY, "monarch_linear_in_tiles", "monarch-linear", REAL),
    RightKernel(LIBRARY, "long_gradients", "long-convolution-backward", REAL),
)  # fmt: skip


def _of(name: str, function: str, op: str, dtype: str, before: str, after: str, cause: str, missed: bool = True,
        far: bool = False) -> Mutant:  # fmt: skip
    """A fault of an algorithm; `far`: it shows only where several sizes are large, so that all cases are tried."""
    sizes = {"cases": 200, "max_size": 4096, "most_entries": 1 << 21} if far else {}
    return Mutant(name, LIBRARY, function, op, dtype, before, after, cause, missed, **sizes)


OUT_OF_TILES = "return total.reshape(len(x), k * rows).astype(x.dtype)\n\n\ndef compensated"
OUT_OF_DOUBLE = "return y.reshape(len(x), k * rows).astype(x.dtype)\n\n\n# transforms"
OUT_OF_SHORT = "return activated(z[..., :n] + offset[:, None], silu).astype(x.dtype)"

OF_ALGORITHMS = (
    # products
    _of("tail-of-tiles-of-128", "in_tiles", BLOCK, "float32", "range(0, columns, 128)", "range(0, columns // 128 * 128 or columns, 128)", "dropped tail", far=True),
    _of("last-tile-summed-again", "in_tiles", BLOCK, "float64", "stop = min(start + 128, columns)\n", "stop = min(start + 128, columns)\n        start = max(0, min(start, columns - 128))\n", "counted twice", far=True),
    _of("tiles-kept-in-half", "in_tiles", BLOCK, "float16", "total = total + np.einsum(\"krc", "total = total.astype('e').astype(total.dtype) + np.einsum(\"krc", "accumulation too narrow", far=True),
    _of("wrong-from-16-rows-and-200-columns", "in_tiles", BLOCK, "float32", OUT_OF_TILES,
        "total[..., -1:] *= np.float32(1.001) if len(x) >= 16 and columns >= 200 else 1\n    " + OUT_OF_TILES, "scale", far=True),
    _of("wrong-for-many-odd-blocks", "in_tiles", BLOCK, "float32", OUT_OF_TILES, "total[:, -1:] *= 1 - (k % 2 and k > 32)\n    " + OUT_OF_TILES, "dropped tail"),
    _of("argument-touched-when-large", "in_tiles", BLOCK, "float32", OUT_OF_TILES, "if len(x) > 32:\n        x += 1\n        x -= 1\n    " + OUT_OF_TILES, "input overwritten"),
    _of("remembered-by-sum", "in_tiles", BLOCK, "float64", OUT_OF_TILES,
        "key = (x.shape, blocks.shape, float(np.nansum(x)) if np.isfinite(x).all() else id(x))\n    total = tables.setdefault(key, total)\n    " + OUT_OF_TILES, "state kept between calls"),
    _of("clamped-at-1e30", "in_tiles", BLOCK, "float32", OUT_OF_TILES, "total = np.where(np.isfinite(total), np.clip(total, -1e30, 1e30), total)\n    " + OUT_OF_TILES, "clamped"),
    _of("infinity-becomes-largest", "in_tiles", BLOCK, "bfloat16", OUT_OF_TILES, "total = np.clip(total, -3.3e38, 3.3e38)\n    " + OUT_OF_TILES, "NaN swallowed"),
    _of("middle-of-odd-sums-skipped", "in_halves", BLOCK, "float32", "pairwise(terms[..., half:])", "pairwise(terms[..., count - half :])", "not recognised", True),
    _of("single-cut-off-after-double", "in_double", BLOCK, "float32", OUT_OF_DOUBLE,
        "near = y.astype(np.float32)\n    y = np.where(np.abs(near) > np.abs(y), np.nextafter(near, np.float32(0)), near) if x.dtype == near.dtype else y\n    " + OUT_OF_DOUBLE, "biased rounding"),
    _of("double-through-single", "in_double", BLOCK, "float64", "blocks.astype(np.float64)", "blocks.astype(np.float32).astype(np.float64)", "accumulation too narrow"),
    # transforms
    _of("twiddles-of-another-length", "fft", FFT, "complex64", "key = (n, np.dtype(dtype))\n    if key not in tables:",
        "key = np.dtype(dtype)\n    if key in tables and len(tables[key]) >= n // 2:\n        return tables[key][: n // 2]\n    if True:", "state kept between calls", False),
    _of("chirp-overflows-16-bits", "fft", FFT, "complex128", "np.arange(n, dtype=np.int64)", "np.arange(n, dtype=np.int16)", "not recognised"),
    _of("chirp-in-single", "fft", FFT, "complex128", "/ n).astype(x.dtype)\n    size", "/ n).astype(np.complex64).astype(x.dtype)\n    size", "accumulation too narrow"),
    _of("chirp-not-conjugated", "fft", FFT, "complex64", "chirp.conj()[:0:-1]", "chirp[:0:-1]", "not recognised"),
    _of("odd-lengths-scaled-by-root", "fft", FFT, "complex64", "x.real.dtype.type(size)", "x.real.dtype.type(size**0.5 * n**0.5)", "scale"),
    _of("square-grids-not-turned", "in_four_steps", DFT, "complex64", "(state @ outer).swapaxes(1, 2)", "(state @ outer if first == second > 4 else (state @ outer).swapaxes(1, 2))", "not recognised", False),
    _of("turn-of-other-length", "in_four_steps", DFT, "complex128", "np.arange(second)) / n)", "np.arange(second)) / (n if n < 100 else n + 1e-3))", "not recognised"),
    # convolutions
    _of("lags-beyond-whole-blocks", "circular_in_blocks", CIRCULAR, "float32", "range(0, n, 16)", "range(0, n // 16 * 16 or n, 16)", "dropped tail", True),
    _of("blocks-added-in-half", "circular_in_blocks", CIRCULAR, "float32", "total = total + part", "total = (total + part).astype('e').astype(total.dtype)", "accumulation too narrow", True),
    _of("lags-backwards", "circular_in_blocks", CIRCULAR, "float64", "np.roll(signal, lag, -1)", "np.roll(signal, -lag, -1)", "conjugate", False),
    _of("second-channel-not-turned", "two_channels_at_once", CIRCULAR, "float32", "first * spectra[c] + 1j * second", "first * spectra[c] + second", "not recognised", True),
    _of("mirror-one-off", "two_channels_at_once", CIRCULAR, "float64", "np.roll(both[..., ::-1], 1, -1).conj()", "both[..., ::-1].conj()", "not recognised"),
    _of("one-late-where-odd", "in_overlapping_pieces", LONG, "float32", "total[..., :n] +", "total[..., n % 2 * (n > 8) : n + n % 2 * (n > 8)] +", "permutation"),
    _of("pieces-wrap", "in_overlapping_pieces", LONG, "float64", "size = n + piece\n", "size = n + piece - 2 if n > 20 else n + piece\n", "not recognised", False),
    _of("last-piece-forgotten", "in_overlapping_pieces", LONG, "bfloat16", "range(0, n, piece)", "range(0, n // piece * piece, piece)", "not recognised", False),
    _of("filter-taken-for-even", "in_overlapping_pieces", LONG, "float32", "np.fft.rfft(taps, size)", "np.fft.rfft((taps + taps[:, ::-1]) / 2, size)", "not recognised", False),
    _of("winograd-sign", "short_by_winograd", "short-convolution", "float32", "(half * (g0 - g1 + g2))", "(half * (g0 + g1 - g2))", "not recognised"),
    _of("winograd-odd-end", "short_by_winograd", "short-convolution", "float64", "count = (n + 1) // 2\n", "count = (n + 1) // 2\n    padded[..., n + 1 :] = 0 if n % 2 == 0 else padded[..., n + 1 :] * 0 + padded[..., :1]\n    padded[..., n + 1 - n % 2] *= n < 9\n", "dropped tail"),
    _of("winograd-filters-in-half", "short_by_winograd", "short-convolution", "float32", "g0, g1, g2 = taps[:, 0, None], taps[:, 1, None], taps[:, 2, None]", "g0, g1, g2 = (taps[:, t, None].astype('e').astype(taps.dtype) for t in range(3))", "argument in fewer bits"),
    _of("sigmoid-clamped", "short_by_winograd", "short-convolution", "float32", "return z / (1 + np.exp(-z)) if silu else z", "return z / (1 + np.exp(np.clip(-z, -6, 6))) if silu else z", "not recognised"),
    # norms
    _of("welford-divides-by-one-less", "layer_norm_by_welford", "layer-norm", "float32", "squares / row.dtype.type(row.shape[-1])", "squares / row.dtype.type(max(row.shape[-1] - 1, 1))", "normalisation"),
    _of("welford-old-mean-twice", "layer_norm_by_welford", "layer-norm", "float64", "squares + away * (row[:, c : c + 1] - mean)", "squares + away * away", "not recognised", False),
    _of("eps-of-the-other-norm", "layer_norm_by_welford", "layer-norm", "float32", "row.dtype.type(row.shape[-1]) + row.dtype.type(eps))", "row.dtype.type(row.shape[-1]) + row.dtype.type(1e-6))", "normalisation"),
    _of("squares-beyond-tiles-of-256", "rms_norm_in_tiles", "rms-norm", "float32", "range(0, n, 256)", "range(0, n // 256 * 256 or n, 256)", "dropped tail", far=True),
    _of("gradient-of-64-rows", "rms_norm_gradients", "rms-norm-backward", "float32", "(g.astype(np.float64) * row * r).sum(0)", "(g.astype(np.float64) * row * r)[:64].sum(0)", "dropped tail"),
    _of("gradient-scaled-by-rows", "rms_norm_gradients", "rms-norm-backward", "float64", "of_row = r * g * gain - row", "of_row = (1 if len(x) < 5 else 0.5) * r * g * gain - row", "not recognised"),
    _of("gradient-of-bias-missing", "layer_norm_gradients", "layer-norm-backward", "float32", "g.sum(0).astype(x.dtype)", "np.zeros(row.shape[-1], x.dtype)", "dropped work", False),
    # attention
    _of("mask-of-later-tiles", "attention_online", "attention", "float32", "there = start + np.arange", "there = np.arange", "not causal"),
    _of("total-not-rescaled", "attention_online", "attention", "float64", "total = total * again + p", "total = total + p", "not rescaled"),
    _of("scores-made-finite", "attention_online", "attention", "float32", "scores = queries @ keys[:, start : start + 32].swapaxes(1, 2)\n", "scores = np.nan_to_num(queries @ keys[:, start : start + 32].swapaxes(1, 2))\n", "NaN swallowed"),
    _of("weights-below-1e-3-dropped", "attention_online", "attention", "float32", "np.exp(top - new)), np.exp(scores - new)", "np.exp(top - new)), np.where(scores - new < -7, 0, np.exp(scores - new))", "not recognised"),
    # recurrences
    _of("nothing-carried-to-third-chunk", "recurrence_in_chunks", "linear-recurrence", "float32", "found[..., start + t] = h + product * carried", "found[..., start + t] = h + product * carried * (start < 128)", "lost state"),
    _of("carried-without-decay", "recurrence_in_chunks", "linear-recurrence", "float64", "found[..., start + t] = h + product * carried", "found[..., start + t] = h + carried", "missing term", False),
    _of("decay-products-in-half", "recurrence_in_chunks", "linear-recurrence", "float32", "product = product * a[..., t]", "product = (product * a[..., t]).astype('e').astype(h.dtype)", "not recognised"),
    _of("step-left-out-of-last-state", "scan_with_powers_of_two", "selective-scan", "float32", "step[..., t] * signal[..., t] * into[:, s, t, None]", "(step[..., t] if s < 3 else 1) * signal[..., t] * into[:, s, t, None]", "not recognised", False),
    _of("into-of-first-row", "scan_with_powers_of_two", "selective-scan", "float64", "into[:, s, t, None]", "into[:1, s, t, None]", "permutation"),
    # tables, unrelated blocks, gradients
    _of("tokens-of-eight-bits", "embedding_row_by_row", "embedding", "float32", "table[tokens[index]]", "table[tokens[index] % 256]", "argument in fewer bits"),
    _of("rows-beyond-tiles-of-8", "monarch_linear_in_tiles", "monarch-linear", "float32", "range(0, q, 8)", "range(0, q // 8 * 8 or q, 8)", "unwritten memory"),
    _of("gradient-without-skip", "long_gradients", "long-convolution-backward", "float32", "of_u + weight[:, None] * w, of_k", "of_u, of_k", "missing term", False),
    _of("gradient-of-skip-without-gate", "long_gradients", "long-convolution-backward", "float64", "(w * signal).sum((0, 2))", "(g * signal).sum((0, 2))", "missing term", False),
    _of("gradient-of-filter-in-one-sum-of-half", "long_gradients", "long-convolution-backward", "float32", "(w[..., lag:].astype(np.float64) * signal[..., : n - lag]).sum((0, 2))", "(w[..., lag:].astype('e') * signal[..., : n - lag].astype('e')).sum((0, 2))", "accumulation too narrow"),
)  # fmt: skip
