"""Kernels for y = M x, M of order 2: one right, three wrong, each as it might be written by hand."""

import numpy as np


def right(x, R, L):
    _, i0, a0 = R.shape
    _, i1, a1 = L.shape
    grid = x.reshape(len(x), a0, a1)
    middle = np.einsum("yxk,nky->nxy", R, grid)  # (batch, i0, a1)
    return np.einsum("xzy,nxy->nzx", L, middle).reshape(len(x), i1 * i0)


def forgets_the_last_shuffle(x, R, L):
    _, i0, a0 = R.shape
    _, i1, a1 = L.shape
    grid = x.reshape(len(x), a0, a1)
    middle = np.einsum("yxk,nky->nxy", R, grid)
    return np.einsum("xzy,nxy->nxz", L, middle).reshape(len(x), i1 * i0)


def loses_bits_between_stages(x, R, L):
    _, i0, a0 = R.shape
    _, i1, a1 = L.shape
    grid = x.reshape(len(x), a0, a1)
    middle = np.einsum("yxk,nky->nxy", R, grid).astype(np.float16).astype(x.dtype)
    return np.einsum("xzy,nxy->nzx", L, middle).reshape(len(x), i1 * i0)


def loses_bits_within_range(x, R, L):
    _, i0, a0 = R.shape
    _, i1, a1 = L.shape
    grid = x.reshape(len(x), a0, a1)
    fraction, exponent = np.frexp(np.einsum("yxk,nky->nxy", R, grid))
    middle = np.ldexp(fraction.astype(np.float16).astype(x.dtype), exponent)
    return np.einsum("xzy,nxy->nzx", L, middle).reshape(len(x), i1 * i0)
