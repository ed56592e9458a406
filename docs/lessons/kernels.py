"""Three kernels for y = M x, M of order 2: one right, two wrong, each as it might be written by hand."""

import numpy as np


def right(x, R, L):
    _, s, j1 = R.shape
    _, t, j0 = L.shape
    grid = x.reshape(len(x), j1, j0)
    middle = np.einsum("asn,bna->bsa", R, grid)
    return np.einsum("sta,bsa->bts", L, middle).reshape(len(x), t * s)


def forgets_the_last_shuffle(x, R, L):
    _, s, j1 = R.shape
    _, t, j0 = L.shape
    grid = x.reshape(len(x), j1, j0)
    middle = np.einsum("asn,bna->bsa", R, grid)
    return np.einsum("sta,bsa->bst", L, middle).reshape(len(x), t * s)


def loses_bits_between_stages(x, R, L):
    _, s, j1 = R.shape
    _, t, j0 = L.shape
    grid = x.reshape(len(x), j1, j0)
    middle = np.einsum("asn,bna->bsa", R, grid).astype(np.float16).astype(x.dtype)
    return np.einsum("sta,bsa->bts", L, middle).reshape(len(x), t * s)
