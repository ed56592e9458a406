"""The primitives in PyTorch; see `monarch_gpu.ops` for what each computes."""

from monarch_gpu.ops.torch.primitives import (
    block_diagonal_multiply,
    causal_monarch,
    inverse_monarch_dft,
    long_convolution,
    monarch_dft,
    monarch_multiply,
)

__all__ = [
    "block_diagonal_multiply",
    "causal_monarch",
    "inverse_monarch_dft",
    "long_convolution",
    "monarch_dft",
    "monarch_multiply",
]
