"""Torch and Triton as `monarch check` calls them, with arguments where it puts them."""

import torch

from monarch_gpu.ops import torch as torch_ops

try:
    from monarch_gpu.ops import triton as triton_ops
except ImportError:  # without Triton its kernels are absent, and `monarch check` says so
    triton_ops = None  # type: ignore[assignment]

torch.backends.cuda.matmul.allow_tf32 = False
torch_multiply = torch_ops.monarch_multiply
torch_dft = torch_ops.monarch_dft
torch_convolution = torch_ops.long_convolution
torch_causal = torch_ops.causal_monarch


def torch_multiply_tf32(*tensors: torch.Tensor) -> torch.Tensor:
    """The Monarch product whose float32 operands the tensor cores round to TF32."""
    torch.backends.cuda.matmul.allow_tf32 = True
    try:
        return torch_multiply(*tensors)
    finally:
        torch.backends.cuda.matmul.allow_tf32 = False


if triton_ops is not None:
    triton_multiply = triton_ops.monarch_multiply
    triton_convolution = triton_ops.long_convolution
