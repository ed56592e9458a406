"""The layers and the three models again in NumPy float64, on `monarch_theory`, every value with a bound on its error.

A `Running` is the value and how far a right implementation in float64 may be from it. Long convolutions go through the
Monarch DFT of `monarch_theory.fourier_matrix`; everything else is written from the formulas. The bounds are those of
`monarch_theory.rounding`; for what it has no entry for:

- sin and exp: 4 ulp of the library function, and the argument's error through the largest slope;
- gelu: the slope is at most 1.13, and x Φ(x) is formed with an absolute error of a few u |x|;
- LayerNorm: any way of forming the variance is within γ_2d mean(x²) of it.
"""

from __future__ import annotations

from collections.abc import Callable
from math import ceil, log2, pi
from typing import Any

import numpy as np
from scipy.special import erf
from torch import Tensor, nn

from monarch_gpu.bert import BertForMaskedLM
from monarch_gpu.gpt import GPTForCausalLM
from monarch_gpu.layers import (
    BlockDiagonalLinear,
    DimensionMixer,
    ImplicitFilter,
    LongConvolution,
    SequenceMixer,
    ShortConvolution,
)
from monarch_gpu.vit import ViTForImageClassification
from monarch_theory.digits import balanced_radices
from monarch_theory.fourier_matrix import fourier, inverse_fourier
from monarch_theory.rounding import (
    FLOAT64,
    Running,
    add,
    convolution_bound,
    default_model,
    exactly,
    gamma,
    matmul,
    multiply,
)

__all__ = ["reference", "reference_bert", "reference_filter", "reference_gpt", "reference_vit"]

MODEL = default_model("float64")
U = FLOAT64.unit_roundoff
GELU_SLOPE = 1.13


def weight(parameter: Tensor) -> Running:
    """A parameter, known exactly."""
    return exactly(parameter.detach().double().numpy())


def function(x: Running, f: Callable[[np.ndarray], np.ndarray], slope: Any, rounding: Any) -> Running:
    """f of x, with the argument's error carried by a slope."""
    return Running(f(x.value), x.error * slope + rounding)


def project(x: Running, w: np.ndarray, bias: Tensor | None) -> Running:
    """x Wᵀ + b along the last axis; W may be blocks (k, q, p)."""
    blocks = w if w.ndim == 3 else w[None]
    lead = x.value.shape[:-1]
    state = x.apply(lambda a: a.reshape(-1, len(blocks), blocks.shape[2]).transpose(1, 2, 0))
    y = matmul(blocks, state, MODEL).apply(lambda a: a.transpose(2, 0, 1).reshape(*lead, -1))
    return y if bias is None else add(y, weight(bias), MODEL)


def reference(module: nn.Module, x: Running, tiles: int = 1, mask: np.ndarray | None = None) -> Running:
    """What a layer of `monarch_gpu.layers`, a Linear or a LayerNorm makes of x, (batch, n, channels) float64.

    Args:
        tiles: how many transforms contribute to one output of a long convolution, 1 unless decoding.
        mask: (batch, n), bool; of a sequence mixer, what its convolutions may read.

    Raises:
        TypeError: a layer that has no reference.
    """
    if isinstance(module, nn.Linear | BlockDiagonalLinear):
        return project(x, module.weight.detach().double().numpy(), module.bias)
    if isinstance(module, nn.LayerNorm):
        return layer_norm(x, module)
    if isinstance(module, ShortConvolution):
        return short_convolution(x, module)
    if isinstance(module, LongConvolution):
        return long_convolution(x, module, tiles)
    if isinstance(module, SequenceMixer):
        mixed = reference(module.short_convolution, hide(reference(module.input_projection, x), mask))
        first, second, value = split(mixed, 3)
        gated = hide(multiply(first, value, MODEL), mask)
        y = multiply(second, reference(module.long_convolution, gated, tiles), MODEL)
        if module.residual_convolution is not None:
            y = add(y, reference(module.residual_convolution, hide(x, mask), tiles), MODEL)
        return reference(module.output_projection, y)
    if isinstance(module, DimensionMixer):
        return dimension_mixer(x, module)
    raise TypeError(f"module: no reference for {type(module).__name__}")


def hide(x: Running, mask: np.ndarray | None) -> Running:
    """Zero, exactly, where the mask is false."""
    return x if mask is None else x.apply(lambda a: a * mask[..., None])


def split(x: Running, parts: int) -> list[Running]:
    """Equal parts of the last axis."""
    return [Running(v, e) for v, e in zip(np.split(x.value, parts, -1), np.split(x.error, parts, -1), strict=True)]


def dimension_mixer(x: Running, module: DimensionMixer) -> Running:
    if module.activation != "gelu":
        raise TypeError(f"module: no reference for the activation {module.activation}")
    y = reference(module.input_projection, x)
    if module.gated:
        gate, value = split(y, 2)
        y = multiply(gelu(gate), value, MODEL)
    else:
        y = gelu(y)
    if module.permuted:
        y = y.apply(lambda a: a.reshape(*a.shape[:-1], module.blocks, -1).swapaxes(-1, -2).reshape(a.shape))
    return reference(module.output_projection, y)


def gelu(x: Running) -> Running:
    return function(x, lambda a: a * 0.5 * (1 + erf(a / np.sqrt(2))), GELU_SLOPE, 8 * U * np.abs(x.value))


def short_convolution(x: Running, module: ShortConvolution) -> Running:
    """The products of one output may be added in any order, so the bound is that of the sum of their moduli."""
    w, n = module.weight.detach().double().numpy(), x.value.shape[1]

    def taps(a: np.ndarray, w: np.ndarray) -> np.ndarray:
        return sum(tap * np.pad(a, ((0, 0), (lag, 0), (0, 0)))[:, :n] for lag, tap in enumerate(w))

    bias = module.bias.detach().double().numpy()
    carried = taps(x.error, np.abs(w))
    moduli = taps(np.abs(x.value), np.abs(w)) + carried + np.abs(bias)
    return Running(taps(x.value, w) + bias, carried + gamma(len(w) + 1, U) * moduli)


def long_convolution(x: Running, module: LongConvolution, tiles: int) -> Running:
    n = x.value.shape[1]
    u = x.apply(lambda a: a.swapaxes(1, 2))
    taps, skip = reference_filter(module.filter, n), weight(module.skip)
    first = add(taps[:, :1], skip.apply(lambda a: a[:, None]), MODEL)
    taps = Running(np.hstack([first.value, taps.value[:, 1:]]), np.hstack([first.error, taps.error[:, 1:]]))
    y = convolution(u, taps, tiles)
    if module.filter.reverse is not None:
        # lag −1 is the reverse filter's first tap: reverse, move one further, convolve, reverse
        moved = u.apply(lambda a: np.pad(a[..., ::-1], ((0, 0), (0, 0), (1, 0)))[..., :n])
        backward = convolution(moved, reference_filter(module.filter, n, reverse=True), tiles)
        backward = backward.apply(lambda a: a[..., ::-1])
        # one transform may carry both filters: its error is bounded by the norms of their sum
        y = add(y, Running(backward.value, 2 * backward.error + y.error), MODEL)
    return y.apply(lambda a: a.swapaxes(1, 2))


def convolution(u: Running, k: Running, tiles: int) -> Running:
    """Causal convolution along the last axis by the Monarch DFT of length 2n."""
    n = u.value.shape[-1]
    forward = fourier(balanced_radices(2 * n))
    padded = [np.concatenate([a, np.zeros_like(a)], axis=-1).astype(complex) for a in (u.value, k.value)]
    product = forward.multiply(padded[0]) * forward.multiply(padded[1])
    value = inverse_fourier(balanced_radices(2 * n)).multiply(product).real[..., :n]
    lags = np.arange(n)[:, None] - np.arange(n)

    def direct(a: np.ndarray, b: np.ndarray) -> np.ndarray:
        toeplitz = np.where(lags >= 0, b[..., np.maximum(lags, 0)], 0.0)
        return np.einsum("dij,...dj->...di", toeplitz, a)

    moduli = np.abs(u.value) + u.error, np.abs(k.value) + k.error
    carried = direct(u.error, moduli[1]) + direct(np.abs(u.value), k.error)
    rounding = tiles * convolution_bound(moduli[0], moduli[1], 2 * n, MODEL)
    return Running(value, carried + rounding + gamma(tiles, U) * (np.abs(value) + carried + rounding))


def reference_filter(module: ImplicitFilter, n: int, reverse: bool = False) -> Running:
    """The first n taps of an implicit filter, or of its reverse filter, (channels, n)."""
    network = module.reverse if reverse and module.reverse is not None else module
    channels, length, features = module.shape
    position, bands = np.arange(n)[:, None], (features - 1) // 2
    angle = 2 * pi / length * position * np.linspace(1e-4, bands - 1, bands)
    time = position / max(length - 1, 1)
    columns = np.hstack([time, np.cos(angle), -np.sin(angle)])
    h = Running(columns, 4 * U + 8 * U * np.hstack([time, angle, angle]))
    for layer in network.layers:
        h = function(multiply(reference(layer, h), weight(module.frequency), MODEL), np.sin, 1.0, 4 * U)
    exponent = time * np.linspace(-np.log(0.01) / 1.5, -np.log(0.01) / 0.3, channels)
    window = Running(np.exp(-exponent), (8 * U * exponent + 4 * U) * np.exp(-exponent) * (1 + 2.0**-20))
    window = add(window, exactly(np.array(module.shift)), MODEL)
    return multiply(reference(network.output, h), window, MODEL).apply(np.transpose)


def layer_norm(x: Running, module: nn.LayerNorm) -> Running:
    width = x.value.shape[-1]

    def mean(a: np.ndarray) -> np.ndarray:
        return a.mean(-1, keepdims=True)

    growth = gamma(2 * width, U)
    moduli = np.abs(x.value) + x.error
    centre = mean(x.value)
    centre_error = mean(x.error) + growth * mean(moduli)
    centred = x.value - centre
    error = x.error + centre_error
    variance = mean(centred**2) + module.eps
    relative = (mean(2 * np.abs(centred) * error + error**2) + growth * mean(moduli**2)) / variance + 4 * U
    inverse_error = np.where(relative < 1, (1 - np.minimum(relative, 0.999999)) ** -0.5 - 1, np.inf) + 4 * U
    scale = variance**-0.5
    y_error = scale * (error + inverse_error * (np.abs(centred) + error) + 8 * U * (moduli + np.abs(centre)))
    y = multiply(Running(centred * scale, y_error), weight(module.weight), MODEL)
    return add(y, weight(module.bias), MODEL)


def reference_gpt(
    model: GPTForCausalLM, input_ids: Tensor, decoding: bool = False, mask: np.ndarray | None = None
) -> Running:
    """Logits (batch, n, vocabulary) of M2-GPT in float64; the bound is the forward's, or that of decoding by tokens.

    No convolution reads where the mask (batch, n) is false.
    """
    n = input_ids.shape[1]
    # of what came before, what is near, and three blocks of every size, which overlap
    tiles = 3 * ceil(log2(n)) + 2 if decoding and n > 1 else 1
    embedding = weight(model.transformer.wte.weight)
    x = exactly(embedding.value[input_ids.numpy()])
    block: Any
    for block in model.transformer.h:
        x = add(x, reference(block.sequence_mixer, reference(block.ln_1, x), tiles, mask), MODEL)
        x = add(x, reference(block.dimension_mixer, reference(block.ln_2, x)), MODEL)
    return project(reference(model.transformer.ln_f, x), embedding.value, None)


def reference_bert(model: BertForMaskedLM, input_ids: Tensor, mask: np.ndarray | None = None) -> Running:
    """Logits (batch, n, vocabulary) of M2-BERT in float64; no convolution reads where the mask (batch, n) is false."""
    embeddings, head = model.bert.embeddings, model.cls
    words = weight(embeddings.word_embeddings.weight)
    assert embeddings.position_embeddings is not None  # of M2-BERT there are
    positions = weight(embeddings.position_embeddings.weight[: input_ids.shape[1]])
    x = add(exactly(words.value[input_ids.numpy()]), positions, MODEL)
    x = layer_norm(add(x, weight(embeddings.token_type_embeddings.weight[0]), MODEL), embeddings.LayerNorm)
    block: Any
    for block in model.bert.encoder:
        y = reference(block.sequence_mixer, x, mask=mask)
        x = layer_norm(add(y, reference(block.dimension_mixer, y), MODEL), block.LayerNorm)
    return project(layer_norm(gelu(reference(head.dense, x)), head.LayerNorm), words.value, head.bias)


def reference_vit(model: ViTForImageClassification, pixel_values: Tensor) -> Running:
    """Logits (batch, labels) of M2-ViT in float64; patches are taken row by row."""
    kernel = model.vit.patch_embeddings
    batch, colours, height, width = pixel_values.shape
    size = kernel.kernel_size[0]
    patches = pixel_values.numpy().reshape(batch, colours, height // size, size, width // size, size)
    patches = patches.transpose(0, 2, 4, 1, 3, 5).reshape(batch, -1, colours * size * size)
    x = project(exactly(patches), kernel.weight.detach().double().numpy().reshape(-1, patches.shape[-1]), kernel.bias)
    block: Any
    for block in model.vit.encoder:
        x = add(x, reference(block.sequence_mixer, layer_norm(x, block.layernorm_before)), MODEL)
        x = add(x, reference(block.dimension_mixer, layer_norm(x, block.layernorm_after)), MODEL)
    x = layer_norm(x, model.vit.layernorm)
    moduli = (np.abs(x.value) + x.error).mean(1)
    mean = Running(x.value.mean(1), x.error.mean(1) + gamma(x.value.shape[1], U) * moduli)
    return project(mean, model.classifier.weight.detach().double().numpy(), model.classifier.bias)
