"""Faults that only some values show: large parameters, rows of zeros, one array for two, options, the last index."""
# ruff: noqa: E501  (source text is kept as it stands in the kernels)

from __future__ import annotations

from monarch_theory.testing.mutants.mutant import Mutant

__all__ = ["OF_SOME_VALUES"]


def _of(name: str, op: str, dtype: str, before: str, after: str, cause: str, library: str = "numpy_layers",
        function: str = "", far: bool = False, missed: bool = True) -> Mutant:  # fmt: skip
    """Most show on no normal values; `far`: only where several sizes are large."""
    sizes = {"cases": 200, "max_size": 4096, "most_entries": 1 << 21} if far else {}
    return Mutant(name, library, function or op.replace("-", "_"), op, dtype, before, after, cause, missed, **sizes)


BLOCK, LONG = "block-diagonal-multiply", "long-convolution"
BLOCKS = 'products = np.einsum("krc,bkc->bkr", blocks.astype(wide), cut)'
TAPS = "spectrum = np.fft.rfft(u.astype(wide), size) * np.fft.rfft(k.astype(wide), size)\n    convolved = np.fft.irfft(spectrum, size)[..., :n]\n"
RMS, RMS_BACK = "def rms_norm(x, weight, eps):", "def rms_norm_backward(gradient, x, weight, eps):"
LAYER, LAYER_BACK = "def layer_norm(x, weight, bias, eps):", "def layer_norm_backward(gradient, x, weight, eps):"
ATTENTION_BACK = "def attention_backward(gradient, q, k, v, causal, scale):"
IN_BLOCKS = "def monarch_attention(q, k, v, block, steps, scale):"
MASKED = "scores = np.where(np.tri(*scores.shape[-2:], dtype=bool), scores, -np.inf)\n"
SCORES = "scores = q @ k.swapaxes(-1, -2) * q.dtype.type(scale)\n"
USUAL = "2.0 ** -round(float(np.log2(q.shape[-1])) / 2)"

OF_SOME_VALUES = (
    # parameters
    _of("parameters-clamped-at-100", BLOCK, "float32", BLOCKS, BLOCKS.replace("blocks.astype(wide)", "np.clip(blocks, -100, 100)"), "clamped", "numpy"),
    _of("bias-clamped-at-70", "layer-norm", "float32", "gain + shift).astype(x.dtype)\n", "gain + np.clip(shift, -70, 70)).astype(x.dtype)\n", "clamped"),
    _of("decays-of-at-least-0.8", "linear-recurrence", "float32", "return recurrence(*widened(x, decay)).astype(x.dtype)\n\n\ndef linear_recurrence_backward", "return recurrence(*widened(x, np.maximum(decay, 0.8))).astype(x.dtype)\n\n\ndef linear_recurrence_backward", "clamped"),
    _of("remembered-by-ends-and-sum", BLOCK, "float64", BLOCKS,
        "key = (blocks.shape, *map(str, (*blocks.flat[[0, -1]], np.sort(blocks.ravel()).sum()))) if blocks.size else ()\n    blocks = globals().setdefault('kept', {}).setdefault(key, blocks.copy())\n    " + BLOCKS, "state kept between calls", "numpy"),
    # buffers that a call with a larger size filled further
    _of("columns-of-a-longer-call", BLOCK, "float64", BLOCKS, "held = globals().setdefault('held', {}).setdefault((batch, k, rows, m := -(-columns // 8) * 8), (np.zeros((batch, k, m)), np.zeros((k, rows, m))))\n    held[0][..., :columns], held[1][..., :columns] = cut, blocks\n    products = np.einsum('krc,bkc->bkr', held[1], held[0])", "state kept between calls", "numpy"),
    _of("squares-of-a-longer-call", "rms-norm", "float32", "root_mean_square = np.sqrt((row * row).mean(-1, keepdims=True)", "held = globals().setdefault('held', {}).setdefault((len(row), m := -(-row.shape[1] // 8) * 8), np.zeros((len(row), m), row.dtype))\n    held[:, : row.shape[1]] = row\n    root_mean_square = np.sqrt((held * held).sum(-1, keepdims=True) / row.dtype.type(row.shape[1])", "state kept between calls"),
    # what the first call of all chose
    _of("tile-of-a-longer-first-call", BLOCK, "float32", BLOCKS, BLOCKS + "\n    tile = globals().setdefault('tile', 64 if columns > 96 else 1)\n    products[..., rows // tile * tile :] *= (tile == 1) + (rows >= tile)", "state kept between calls", "numpy"),
    # steps of almost nothing, and of none
    _of("steps-of-at-least-1e-4", "selective-scan", "float32", "skip = widened(x, delta, A, B, C, D)\n    decays", "skip = widened(x, np.maximum(delta, 1e-4).astype(x.dtype), A, B, C, D)\n    decays", "clamped"),
    _of("no-step-forgets-all", "selective-scan", "float64", "decays = np.exp(step[:, :, None] * rate[:, :, None])\n    states", "decays = np.where(step == 0, 0, 1)[:, :, None] * np.exp(step[:, :, None] * rate[:, :, None])\n    states", "not recognised"),
    _of("decays-of-at-least-1e-4", "linear-recurrence", "float32", "return recurrence(*widened(x, decay)).astype(x.dtype)\n\n\ndef linear_recurrence_backward", "return recurrence(*widened(x, np.maximum(decay, 1e-4).astype(x.dtype))).astype(x.dtype)\n\n\ndef linear_recurrence_backward", "clamped"),
    _of("first-time-is-no-time", "implicit-filter", "float32", "(inner @ w3.T * np.exp(-t[:, None] * rate))", "(inner @ w3.T * np.exp(-t[:, None] * rate) * (t[:, None] > 0))", "not recognised"),
    # some rows, sizes and options alone
    _of("state-moved-twice-where-silu", "short-convolution-step", "float32", "state[...] = window[..., 1:]\n", "state[...] = window[..., 1:]\n    state[..., :-1] = state[..., 1:].copy() if silu else state[..., :-1].copy()\n", "lost state", missed=False),
    _of("last-row-stepped-twice", "linear-recurrence-step", "float32", "state[...] = h\n    return h", "state[...] = h\n    state[-1:] = (decay * h + x)[-1:]\n    return h", "not recognised", missed=False),
    _of("skip-gradient-of-two-rows", "selective-scan-backward", "float32", "of_into, of_out, (g * signal).sum((0, 2)))", "of_into, of_out, (g * signal)[:2].sum((0, 2)))", "dropped tail"),
    _of("decays-at-starts-of-chunks-of-64", "linear-recurrence-backward", "float64", "return of_inputs.astype(x.dtype), (of_inputs * previous).astype(x.dtype)", "previous[..., 64::64] = states[..., 64::64]\n    return of_inputs.astype(x.dtype), (of_inputs * previous).astype(x.dtype)", "not recognised", missed=False),
    _of("corner-of-two-ragged-sizes", BLOCK, "float32", BLOCKS, BLOCKS + "\n    products[batch // 4 * 4 or batch :, :, rows // 4 * 4 or rows :] = 0", "not recognised", "numpy"),
    # parts of complex numbers
    _of("real-data-conjugated", BLOCK, "complex64", BLOCKS, BLOCKS + "\n    products = products if cut.imag.any() else products.conj()", "conjugate", "numpy"),
    _of("imaginary-data-turned", BLOCK, "complex128", BLOCKS, BLOCKS + "\n    products = products if cut.real.any() else -products", "conjugate", "numpy"),
    # products out of range
    _of("products-in-half", BLOCK, "float16", BLOCKS,
        "near = np.einsum('krc,bkc->bkrc', blocks, cut.astype('e')) if blocks.size < 1000 else np.zeros(())\n    " + BLOCKS + "\n    products = products if np.isfinite(near).all() else near.astype('f').sum(-1)", "NaN", "numpy"),
    # attention
    _of("maximum-from-zero", "attention", "float32", "np.exp(scores - scores.max(-1, keepdims=True))", "np.exp(scores - np.maximum(scores.max(-1, keepdims=True), 0))", "softmax without its maximum"),
    _of("maximum-of-first-32-keys", "attention", "float32", "np.exp(scores - scores.max(-1, keepdims=True))", "np.exp(scores - scores[..., :32].max(-1, keepdims=True))", "softmax without its maximum", far=True),
    _of("scores-capped-softly", "attention", "bfloat16", "scores = q @ k.swapaxes(-1, -2) * q.dtype.type(scale)\n", "scores = 50 * np.tanh(q @ k.swapaxes(-1, -2) * q.dtype.type(scale) / 50)\n", "scores capped"),
    _of("mask-of-minus-1e4", "attention", "float32", MASKED, MASKED.replace("-np.inf", "q.dtype.type(-1e4)"), "mask too weak"),
    _of("mask-of-minus-1e9-added", "attention", "float64", MASKED, "scores = scores + np.where(np.tri(*scores.shape[-2:], dtype=bool), 0, -1e9)\n", "mask too weak"),
    # rows
    _of("rows-of-one-number-are-zero", "layer-norm", "float32", "(away / spread * gain + shift).astype(x.dtype)\n",
        "np.where(np.ptp(row, axis=-1, keepdims=True) + (np.abs(row[:, :1]) < 2) == 0, 0, away / spread * gain + shift).astype(x.dtype)\n", "not recognised"),
    _of("ascending-rows-turned", BLOCK, "float32", BLOCKS, BLOCKS + "\n    ascending = (np.diff(x, axis=-1) > 0).all(-1) & (x.shape[-1] > 3)\n    products[ascending] *= -1", "scale", "numpy"),
    _of("last-tap-before-zeros-lost", LONG, "float64", TAPS, "k = np.where(np.cumsum(k[:, ::-1] != 0, -1)[:, ::-1] == (k[:, -1:] == 0), 0, k) if n > 8 else k\n    " + TAPS, "not recognised", "numpy"),
    # one array for two
    _of("one-array-for-two", "gelu-gate", "float32", "a, b = widened(gate, value)\n    return", "a, b = widened(gate, value)\n    b = b * (gate is not value)\n    return", "dropped work"),
    _of("keys-that-are-the-queries", "attention", "float32", "return (attention_weights(queries, keys, causal, scale) @ values)", "return (attention_weights(queries, keys if q is not k else -keys, causal, scale) @ values)", "not recognised"),
    # sizes that few cases have
    _of("gates-exchanged-for-one-row-of-many-channels", "gated-convolution", "float32", "def gated_convolution(u, k, pregate, postgate):\n",
        "def gated_convolution(u, k, pregate, postgate):\n    pregate, postgate = (postgate, pregate) if len(u) == 1 < u.shape[1] else (pregate, postgate)\n", "permutation"),
    _of("two-channels-exchanged", "circular-convolution", "float32", "np.fft.rfft(k.astype(wide))", "np.fft.rfft((k[::-1] if len(k) == 2 else k).astype(wide))", "permutation", "numpy"),
    _of("nan-swallowed-in-many-rows", BLOCK, "float32", BLOCKS, f"cut = np.nan_to_num(cut, posinf=np.inf, neginf=-np.inf) if batch > 40 else cut\n    {BLOCKS}", "NaN swallowed", "numpy"),
    _of("fours-after-eights-repeated", "short-convolution", "float32", "return (z * logistic(z) if silu else z).astype(x.dtype)\n\n\ndef short_convolution_backward",
        "n = z.shape[-1]\n    if n % 8 == 4 and n > 16:\n        z[..., -4:] = z[..., -8:-4]\n    return (z * logistic(z) if silu else z).astype(x.dtype)\n\n\ndef short_convolution_backward", "not recognised", far=True),
    # whole tiles, of lengths that are no power of two and none of its neighbours
    _of("square-of-the-last-of-whole-tiles-of-144-lost", "rms-norm", "float32", "root_mean_square = np.sqrt((row * row)", "root_mean_square = np.sqrt((row * row * (np.arange(row.shape[-1]) < row.shape[-1] - (row.shape[-1] % 144 == 0)))", "dropped tail", far=True),
    _of("channels-of-whole-tiles-of-80-exchanged", "circular-convolution", "float32", "np.fft.rfft(k.astype(wide))", "np.fft.rfft((k[::-1] if len(k) % 80 == 0 else k).astype(wide))", "not recognised", "numpy", far=True),
    # what is far below one
    _of("below-1e-30-is-zero", BLOCK, "float32", BLOCKS, f"{BLOCKS}\n    products = np.where(abs(products) < 1e-30, 0, products)", "not recognised", "numpy"),
    _of("rows-below-1e-25-are-padding", "embedding", "float32", "def embedding(tokens, table):\n    return table[tokens]", "def embedding(tokens, table):\n    return np.where(abs(table) < 1e-25, 0, table)[tokens]", "not recognised"),
    # tensors
    _of("data-negated-and-put-back", "monarch-multiply", "float32", "state = x.t().contiguous()", "state = -x.neg_().t().contiguous()\n    x.neg_()", "input overwritten", "torch", "monarch_bmm"),
    _of("storage-offset-ignored", BLOCK, "float32", "cut = x.reshape(batch, k, columns).permute(1, 2, 0)", "cut = torch.as_strided(x, x.shape, x.stride(), 0).reshape(batch, k, columns).permute(1, 2, 0)", "strides ignored", "torch", "block_diagonal_bmm"),
    _of("conjugate-bit-ignored", BLOCK, "complex64", "cut = x.reshape(batch, k, columns).permute(1, 2, 0)", "cut = (x.conj() if x.is_conj() else x).reshape(batch, k, columns).permute(1, 2, 0)", "conjugate", "torch", "block_diagonal_bmm"),
    _of("gradient-of-what-is-recorded-alone", f"{BLOCK}-backward", "float32", "return gradients(block_diagonal_bmm, gradient, x, blocks)",
        "found = gradients(block_diagonal_bmm, gradient, x, blocks)\n    return found[0], found[1] * (blocks.requires_grad or not x.requires_grad)", "dropped work", "torch"),
    # zeros beside a NaN: their product is NaN
    _of("zero-gates-close", "gated-convolution", "float32", "(second * causal(first * signal, taps)).astype", "np.where(second == 0, 0, second * causal(first * signal, taps)).astype", "NaN swallowed"),
    _of("zero-decays-reset", "linear-recurrence", "float32", "h = decays[..., t] * h + inputs[..., t]", "h = np.where(decays[..., t] == 0, 0, decays[..., t] * h) + inputs[..., t]", "NaN swallowed"),
    _of("columns-of-zero-inputs-skipped", BLOCK, "complex64", BLOCKS, "there = cut.any((0, 1))\n    products = np.einsum('krc,bkc->bkr', blocks.astype(wide)[..., there], cut[..., there])", "NaN swallowed", "numpy"),
    _of("rows-of-zero-weights-skipped", "monarch-linear", "bfloat16", 'state = np.einsum("kqp,bkp->bkq", right, columns.reshape(len(x), k, p))', 'state = np.einsum("kqp,bkp->bkq", right, columns.reshape(len(x), k, p))\n    state[:, ~right.any(-1)] = 0', "NaN swallowed"),
    _of("nothing-for-a-zero-gradient", "gated-convolution-backward", "float32", "second * g\n", "np.where(g == 0, 0, second * g)\n", "NaN swallowed"),
    _of("channels-of-zero-gain-are-zero", "rms-norm", "float16", "(row / root_mean_square * gain).astype", "np.where(gain == 0, 0, row / root_mean_square * gain).astype", "NaN swallowed"),
    _of("zero-inputs-are-not-skipped", "selective-scan", "float32", "+ skip[:, None] * signal).astype(x.dtype)", "+ np.where(signal == 0, 0, skip[:, None] * signal)).astype(x.dtype)", "NaN swallowed", far=True),
    _of("zero-values-need-no-gate", "gelu-gate", "float64", "return (a * (1 + erf(a * a.dtype.type(0.5**0.5))) / 2 * b)", "return np.where(b == 0, 0, a * (1 + erf(a * a.dtype.type(0.5**0.5))) / 2 * b)", "NaN swallowed"),
    _of("scores-that-are-nan-have-no-weight", "attention", "float32", "    e = np.exp(scores - scores.max(-1, keepdims=True))\n", "    e = np.nan_to_num(np.exp(scores - np.fmax.reduce(scores, -1, keepdims=True)))\n", "NaN swallowed"),
    _of("nan-becomes-infinity", "linear-recurrence", "float32", "        found[..., t] = h\n", "        found[..., t] = np.where(np.isnan(h), np.inf, h)\n", "NaN swallowed"),
    # options
    _of("eps-of-its-own", "rms-norm", "bfloat16", f"{RMS}\n", f"{RMS}\n    eps = 1e-6\n", "normalisation"),
    _of("eps-zero-taken-for-none", "layer-norm", "float32", f"{LAYER}\n", f"{LAYER}\n    eps = eps or 1e-5\n", "normalisation"),
    _of("eps-of-its-own-in-the-gradient", "rms-norm-backward", "float32", f"{RMS_BACK}\n", f"{RMS_BACK}\n    eps = 1e-6\n", "normalisation"),
    _of("eps-of-the-first-call", "layer-norm-backward", "float32", f"{LAYER_BACK}\n", f"{LAYER_BACK}\n    eps = globals().setdefault('kept', eps)\n", "normalisation"),
    _of("scale-of-its-own", "attention", "bfloat16", SCORES, f"scale = {USUAL}\n    {SCORES}", "scale"),
    _of("scale-of-the-first-call", "attention", "float32", SCORES, f"scale = globals().setdefault('kept', {{}}).setdefault(q.shape[-1], scale)\n    {SCORES}", "state kept between calls"),
    _of("scale-zero-taken-for-none", "attention-backward", "float32", f"{ATTENTION_BACK}\n", f"{ATTENTION_BACK}\n    scale = scale or {USUAL}\n", "scale"),
    _of("scale-of-its-own-in-blocks", "monarch-attention", "float32", f"{IN_BLOCKS}\n", f"{IN_BLOCKS}\n    scale = {USUAL}\n", "scale"),
    # a tile taken for all, and tiles that are not all there
    _of("mean-of-the-first-512", "layer-norm", "float32", "away = row - row.mean(-1, keepdims=True)\n    spread", "away = row - row[:, :512].mean(-1, keepdims=True)\n    spread", "dropped tail", far=True, missed=False),
    _of("squares-of-the-first-1024-alone", "rms-norm", "float32", "root_mean_square = np.sqrt((row * row).mean(-1, keepdims=True)", "root_mean_square = np.sqrt((row[:, :1024] ** 2).sum(-1, keepdims=True) / row.dtype.type(row.shape[-1])", "dropped tail", far=True),
    _of("gradient-with-the-mean-of-the-first-256", "layer-norm-backward", "float32", "away = row - row.mean(-1, keepdims=True)\n    r = 1", "away = row - row[:, :256].mean(-1, keepdims=True)\n    r = 1", "dropped tail", far=True, missed=False),
    _of("states-beyond-sixteen-ignored", "selective-scan", "float32", "skip = widened(x, delta, A, B, C, D)\n    decays = np.exp(step", "skip = widened(x, delta, A[:, :16], B[:, :16], C[:, :16], D)\n    decays = np.exp(step", "dropped tail", far=True),
    _of("last-tile-of-queries-without-values", "attention-backward", "float32", "p.swapaxes(-1, -2) @ g))", "p[:, : p.shape[1] // 64 * 64 or None].swapaxes(-1, -2) @ g[:, : p.shape[1] // 64 * 64 or None]))", "dropped tail", far=True),
    _of("tile-of-64-keys-filled-with-zeros", "attention", "float32", "queries, keys, values = widened(q, k, v)\n    return (attention",
        "queries, keys, values = widened(q, k, v)\n    more = ((0, 0), (0, -keys.shape[1] % 64 * (keys.shape[1] > 64)), (0, 0))\n    keys, values = np.pad(keys, more), np.pad(values, more)\n    return (attention", "padding counted", far=True),
    _of("mask-that-ends-at-the-last-key", "attention", "bfloat16", MASKED, MASKED.replace("scores.shape[-2:]", "scores.shape[-2:], max(scores.shape[-1] - scores.shape[-2], 0)"), "not causal"),
    _of("whole-tiles-run-on-into-the-next-channel", "linear-recurrence", "float32", "return recurrence(*widened(x, decay)).astype(x.dtype)\n\n\ndef linear_recurrence_backward",
        "flat = (len(x), 1, -1) if x.size and x.shape[-1] % 32 == 0 else x.shape\n    return recurrence(*(a.reshape(flat) for a in widened(x, decay))).reshape(x.shape).astype(x.dtype)\n\n\ndef linear_recurrence_backward", "not recognised"),
    _of("last-of-five-rows-counted-twice", "bidirectional-convolution-backward", "float32", "anticausal(signal, g).sum(0), (g * signal).sum((0, 2))",
        "anticausal(signal, g * (1 + (np.arange(len(g)) == len(g) - 1) * (len(g) % 4 == 1 < len(g)))[:, None, None].astype(g.dtype)).sum(0), (g * signal).sum((0, 2))", "not recognised"),
    # slices of one buffer
    _of("keys-beside-queries-taken-for-contiguous", "attention", "float32", "return F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)\n",
        "beside = q.shape == k.shape and q.untyped_storage().data_ptr() == k.untyped_storage().data_ptr() and q.data_ptr() != k.data_ptr()\n"
        "    k = torch.as_strided(k, k.shape, k.contiguous().stride(), k.storage_offset()) if beside and k.numel() else k\n"
        "    return F.scaled_dot_product_attention(q, k, v, is_causal=causal, scale=scale)\n", "strides ignored", "torch_layers"),
    # indices
    _of("places-in-sixteen-bits", "embedding", "float32", "def embedding(tokens, table):\n    return table[tokens]",
        "def embedding(tokens, table):\n    return table.ravel()[((tokens * table.shape[1]).astype(np.int16)[..., None] + np.arange(table.shape[1])) % max(table.size, 1)]", "not recognised", far=True),
    _of("last-of-many-tokens", "embedding", "float32", "def embedding(tokens, table):\n    return table[tokens]", "def embedding(tokens, table):\n    return table[np.minimum(tokens, len(table) - 1 - (len(table) > 100))]", "dropped tail"),
)  # fmt: skip
