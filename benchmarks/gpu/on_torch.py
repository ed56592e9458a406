"""Torch and Triton on the first GPU, or on the processor where there is none, as `monarch check` calls them."""

from collections.abc import Callable
from typing import Any

import torch

from monarch_gpu.ops import torch as torch_ops

try:
    from monarch_gpu.ops import triton as triton_ops
except ImportError:  # without Triton its kernels are absent, and `monarch check` says so
    triton_ops = None  # type: ignore[assignment]

DEVICE = "cuda" if torch.cuda.is_available() else "cpu"


def there(op: Callable[..., torch.Tensor], **settings: Any) -> Callable[..., torch.Tensor]:
    """The op, its tensors moved to the device before and its result moved back."""

    def kernel(*tensors: torch.Tensor, **options: Any) -> torch.Tensor:
        return op(*(t.to(DEVICE) for t in tensors), **options, **settings).cpu()

    return kernel


torch.backends.cuda.matmul.allow_tf32 = False
torch_multiply = there(torch_ops.monarch_multiply)
torch_dft = there(torch_ops.monarch_dft)
torch_convolution = there(torch_ops.long_convolution)
torch_causal = there(torch_ops.causal_monarch)


def torch_multiply_tf32(*tensors: torch.Tensor) -> torch.Tensor:
    """The Monarch product whose float32 operands the tensor cores round to TF32."""
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        return torch_multiply(*tensors)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


if triton_ops is not None:
    triton_multiply = there(triton_ops.monarch_multiply)
    triton_convolution = there(triton_ops.long_convolution)
