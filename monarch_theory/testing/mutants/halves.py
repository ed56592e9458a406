"""Right kernels in half precision, in PyTorch and Triton, as layers of models are computed in it, and faults of them."""
# ruff: noqa: E501  (source text is kept as it stands in the kernels)

from __future__ import annotations

from monarch_theory.testing.mutants.mutant import Mutant, RightKernel

__all__ = ["OF_HALVES", "RIGHT_HALVES"]

HALVES = ("bfloat16", "float16")

IN_TORCH = (
    ("attention_in_splits", "attention"),
    ("attention_around_a_ring", "attention"),
    ("attention_from_the_last_key", "attention"),
    ("rms_norm_native", "rms-norm"),
    ("layer_norm_native", "layer-norm"),
    ("layer_norm_gradients", "layer-norm-backward"),
    ("gelu_gate_by_what_is_above", "gelu-gate"),
    ("gelu_gate_gradients", "gelu-gate-backward"),
    ("recurrence_in_chunks", "linear-recurrence"),
    ("scan_step_by_step", "selective-scan"),
    ("long_by_direct_convolution", "long-convolution"),
    ("long_by_a_power_of_two", "long-convolution"),
    ("gated_by_a_power_of_two", "gated-convolution"),
    ("short_gradients", "short-convolution-backward"),
    ("embedding_gradients", "embedding-backward"),
    ("filter_in_double", "implicit-filter"),
    ("mixer_of_a_sequence", "sequence-mixer"),
    ("mixer_in_pieces", "dimension-mixer"),
    ("monarch_linear_widened", "monarch-linear"),
    ("monarch_attention", "monarch-attention"),
)
"""Functions of `with_torch_algorithms.py.txt`, and the op that each of them is a kernel of."""

IN_TRITON = ("rms_norm", "gelu_gate", "linear_recurrence", "attention")
"""Functions of `with_triton_layers.py.txt`, which are named as their op is."""

RIGHT_HALVES = (
    *(RightKernel("torch_algorithms", name, op, HALVES) for name, op in IN_TORCH),
    *(
        RightKernel("triton_layers", name, name.replace("_", "-"), ("float32", *HALVES), max_size=24, most_runs=12)
        for name in IN_TRITON
    ),
)


def _of(name: str, function: str, dtype: str, before: str, after: str, cause: str, missed: bool = True) -> Mutant:
    return Mutant(name, "torch_algorithms", function, dict(IN_TORCH)[function], dtype, before, after, cause, missed)


OF_HALVES = (
    _of("parts-of-a-ring-weighed-alike", "attention_around_a_ring", "float16", "part * torch.exp(of_part - shift)", "part * torch.exp(of_part - of_part)", "not recognised"),
    _of("ring-starts-over", "attention_around_a_ring", "bfloat16", "out * torch.exp(logarithm - shift) + part", "out * (k.shape[1] <= 64) + part", "not recognised"),
    _of("state-in-bfloat16", "scan_step_by_step", "bfloat16", "h = decay * h + (step", "h = decay * h.to(x.dtype).float() + (step", "not recognised"),
    _of("state-of-a-chunk-not-decayed", "recurrence_in_chunks", "float16", "torch.cumprod(kept, -1) * h[", "kept * h[", "not recognised", missed=False),
    _of("transform-one-too-short", "long_by_a_power_of_two", "bfloat16", "1 << (2 * n - 1).bit_length()\n", "1 << (2 * n - 3).bit_length() if n > 1 else 1\n", "not causal"),
    _of("bell-in-half", "gelu_gate_gradients", "float16", "bell = torch.exp(-a * a / 2)", "bell = torch.exp(-a * a / 2).half().float()", "accumulation too narrow"),
)  # fmt: skip
