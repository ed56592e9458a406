"""Right kernels in NumPy, one per op; the corpus breaks them one line at a time."""

from math import prod

import numpy as np


def block_diagonal_multiply(x, blocks):
    k, rows, columns = blocks.shape
    batch = x.shape[0]
    wide = np.float32 if x.dtype == np.float16 else x.dtype
    cut = x.reshape(batch, k, columns).astype(wide)
    products = np.einsum("krc,bkc->bkr", blocks.astype(wide), cut)
    return products.reshape(batch, k * rows).astype(x.dtype)


def monarch_multiply(x, *factors):
    batch = x.shape[0]
    rows, columns = [f.shape[1] for f in factors], [f.shape[2] for f in factors]
    wide = np.float32 if x.dtype == np.float16 else x.dtype
    state = x.T
    for k, factor in enumerate(factors):
        before, after = prod(rows[:k]), prod(columns[k + 1 :])
        blocks = factor.reshape(before, after, rows[k], columns[k]).astype(wide)
        digit = state.reshape(before, columns[k], after, batch).swapaxes(1, 2).astype(wide)
        state = (blocks @ digit).swapaxes(1, 2).astype(x.dtype)
    grid = state.reshape(*rows, batch)
    ordered = grid.transpose(*reversed(range(len(rows))), len(rows))
    y = np.empty((batch, prod(rows)), x.dtype)
    y[:] = ordered.reshape(prod(rows), batch).T
    return y


def monarch_dft(x, radices):
    batch, size = x.shape
    state = x.reshape(batch, *radices)
    done = 1
    for axis, b in enumerate(radices, start=1):
        root = np.exp(-2j * np.pi * np.outer(np.arange(b), np.arange(b)) / b)
        state = np.moveaxis(np.tensordot(root.astype(x.dtype), state, axes=(1, axis)), 0, axis)
        done *= b
        if axis < len(radices):
            low = np.arange(done).reshape(radices[:axis][::-1]).T
            next_digit = np.arange(radices[axis])
            twiddle = np.exp(-2j * np.pi * np.multiply.outer(low, next_digit) / (done * radices[axis]))
            tail = (1,) * (len(radices) - axis - 1)
            state = state * twiddle.reshape(1, *twiddle.shape, *tail).astype(x.dtype)
    return state.transpose(0, *range(len(radices), 0, -1)).reshape(batch, size)


def inverse_monarch_dft(x, radices):
    scale = x.real.dtype.type(x.shape[1])
    return np.conj(monarch_dft(np.conj(x), radices)) / scale


def fft(x):
    return np.fft.fft(x)


def circular_convolution(u, k):
    n = u.shape[-1]
    wide = np.float32 if u.dtype == np.float16 else u.dtype
    spectrum = np.fft.rfft(u.astype(wide)) * np.fft.rfft(k.astype(wide))
    return np.fft.irfft(spectrum, n).astype(u.dtype)


def long_convolution(u, k, gate, skip):
    n = u.shape[-1]
    size = 2 * n
    wide = np.float32 if u.dtype == np.float16 else u.dtype
    spectrum = np.fft.rfft(u.astype(wide), size) * np.fft.rfft(k.astype(wide), size)
    convolved = np.fft.irfft(spectrum, size)[..., :n]
    mixed = convolved + skip[:, None].astype(wide) * u
    return (gate * mixed).astype(u.dtype)


def causal_monarch(u, k, *factors):
    order = len(factors) // 2
    forward, inverse = factors[:order], factors[order:]
    n = u.shape[-1]
    padded_u = np.concatenate([u, np.zeros_like(u)], axis=-1)
    padded_k = np.concatenate([k, np.zeros_like(k)], axis=-1)
    product = monarch_multiply(padded_u, *forward) * monarch_multiply(padded_k[None], *forward)
    return monarch_multiply(product, *inverse)[:, :n]
