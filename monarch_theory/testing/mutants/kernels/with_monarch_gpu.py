"""The kernels of this project's own fast package."""

import torch  # noqa: F401  (says that these take torch tensors)

from monarch_gpu.ops import torch as ops


def block_diagonal_multiply(x, blocks):
    return ops.block_diagonal_multiply(x, blocks)


def monarch_multiply(x, *factors):
    return ops.monarch_multiply(x, *factors)


def monarch_dft(x, radices):
    return ops.monarch_dft(x, radices)


def inverse_monarch_dft(x, radices):
    return ops.inverse_monarch_dft(x, radices)


def long_convolution(u, k, gate, skip):
    return ops.long_convolution(u, k, gate, skip)


def causal_monarch(u, k, *factors):
    return ops.causal_monarch(u, k, *factors)
