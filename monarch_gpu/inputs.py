"""What models are given: token ids and masks, refused by name where they are not what a model reads."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["check_ids", "check_shape", "looked_at", "mask_of"]


def check_ids(name: str, ids: Tensor, count: int, longest: int) -> None:
    """Ids (batch, n), int32 or int64, of 0 … count − 1, n ≤ longest.

    On a GPU, when compiled, and under transforms of `torch.func`, those out of range are left to the lookup.

    Raises:
        ValueError: they are not.
    """
    if not isinstance(ids, Tensor):
        raise ValueError(f"{name}: expected a tensor of torch.int64, got a {type(ids).__name__}")
    if ids.dtype not in (torch.int32, torch.int64):
        raise ValueError(f"{name}: expected torch.int64, got {ids.dtype}")
    if ids.ndim != 2:
        raise ValueError(f"{name}: expected (batch, n), got {tuple(ids.shape)}")
    if ids.shape[1] > longest:
        raise ValueError(f"{name}: expected at most {longest} positions, got {ids.shape[1]}")
    if looked_at(ids) and ids.numel() and not (int(ids.min()) >= 0 and int(ids.max()) < count):
        raise ValueError(f"{name}: expected 0 to {count - 1}, got {int(ids.min())} to {int(ids.max())}")


def looked_at(tensor: Tensor) -> bool:
    """Whether values are looked at.

    On a GPU that would wait for it, while compiling it would cut the graph, and `torch.vmap` has no one value to show.
    """
    traced = torch.compiler.is_compiling() or torch._C._are_functorch_transforms_active()
    return tensor.device.type == "cpu" and not traced


def check_shape(name: str, given: Tensor, like: Tensor) -> None:
    """The shape of the token ids.

    Raises:
        ValueError: another one.
    """
    if given.shape != like.shape:
        raise ValueError(f"{name}: expected {tuple(like.shape)}, got {tuple(given.shape)}")


def mask_of(attention_mask: Tensor, input_ids: Tensor) -> Tensor:
    """An attention mask (batch, n) of 0 and 1, or of booleans, as booleans.

    Raises:
        ValueError: another shape, or other numbers.
    """
    check_shape("attention_mask", attention_mask, input_ids)
    mask = attention_mask.bool()
    if attention_mask.dtype != torch.bool and looked_at(mask) and not bool((attention_mask == mask).all()):
        raise ValueError("attention_mask: expected 0 for padding and 1 for text, got other numbers")
    return mask
