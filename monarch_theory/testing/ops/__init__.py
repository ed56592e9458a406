"""The ops that kernels are checked against, one short file each."""

from importlib import import_module

from monarch_theory.testing.op import Op

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
)


def op_named(name: str) -> Op:
    """The op with this name.

    Raises:
        ValueError: there is none.

    >>> op_named("monarch-multiply").signature.split(":")[0]
    'kernel(x, *factors)'
    """
    if name not in NAMES:
        raise ValueError(f"op: expected one of {', '.join(NAMES)}, or FILE.py:NAME, got {name!r}")
    found = import_module(f"{__name__}.{name.replace('-', '_')}").OP
    assert isinstance(found, Op)
    return found
