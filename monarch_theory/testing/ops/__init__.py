"""The ops that kernels are checked against, one short file each."""

from importlib import import_module

from monarch_theory.testing.op import Op, with_formats

__all__ = ["NAMES", "op_named"]

NAMES = (
    "block-diagonal-multiply",
    "block-diagonal-multiply-backward",
    "monarch-multiply",
    "monarch-multiply-backward",
    "monarch-dft",
    "monarch-dft-backward",
    "inverse-monarch-dft",
    "inverse-monarch-dft-backward",
    "fft",
    "circular-convolution",
    "circular-convolution-backward",
    "long-convolution",
    "long-convolution-backward",
    "causal-monarch",
    "causal-monarch-backward",
    "short-convolution",
    "short-convolution-backward",
    "short-convolution-step",
    "rms-norm",
    "rms-norm-backward",
    "layer-norm",
    "layer-norm-backward",
    "gelu-gate",
    "gelu-gate-backward",
    "gated-convolution",
    "gated-convolution-backward",
    "bidirectional-convolution",
    "bidirectional-convolution-backward",
    "attention",
    "attention-backward",
    "monarch-attention",
    "linear-recurrence",
    "linear-recurrence-backward",
    "linear-recurrence-step",
    "selective-scan",
    "selective-scan-backward",
    "embedding",
    "embedding-backward",
    "monarch-linear",
    "monarch-linear-backward",
    "dimension-mixer",
    "dimension-mixer-backward",
    "sequence-mixer",
    "sequence-mixer-backward",
    "implicit-filter",
    "implicit-filter-backward",
)


def op_named(name: str) -> Op:
    """The op with this name; `NAME,ARGUMENT=DTYPE,…` has some arguments in a format of their own.

    Raises:
        ValueError: there is none, or it has no such argument.

    >>> op_named("monarch-multiply").signature.split(":")[0]
    'kernel(x, *factors)'
    >>> op_named("long-convolution,k=float32").dtypes_of(("u", "k"), "bfloat16")
    ('bfloat16', 'float32')
    """
    name, *formats = name.split(",")
    if not all("=" in one for one in formats):
        raise ValueError(f"op: expected NAME,ARGUMENT=DTYPE,…, got {','.join([name, *formats])!r}")
    if name not in NAMES:
        raise ValueError(f"op: expected one of {', '.join(NAMES)}, or FILE.py:NAME, got {name!r}")
    found = import_module(f"{__name__}.{name.replace('-', '_')}").OP
    assert isinstance(found, Op)
    return with_formats(found, dict(one.split("=", 1) for one in formats)) if formats else found
