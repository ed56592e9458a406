"""The contract that a command line asks about, from its options."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from monarch_theory.leaks.contracts import (
    Contract,
    alone,
    blocks,
    causal,
    document_numbers,
    documents,
    masked,
    prefix,
    window,
)
from monarch_theory.leaks.inputs import UndecidedError, parse_shape

__all__ = ["contract_of"]


def contract_of(
    n: int,
    shape: str,
    *,
    lookahead: int = 0,
    strict: bool = False,
    within: int | None = None,
    first: int | None = None,
    block: int | None = None,
    packed: Sequence[int] = (),
    mask: Path | None = None,
    batch: bool = False,
) -> Contract:
    """Causality, where nothing else is asked.

    Lookahead, a prefix and blocks are different answers to what an output may see ahead, and one is taken. A window and
    documents narrow it. A mask and independence of the batch stand alone.

    Raises:
        UndecidedError: options that do not go together, or values that do not fit.

    >>> contract_of(8, "n", within=3, packed=[5, 3]).name
    'causal within a window of 3 within documents'
    """
    if n < 1:
        raise UndecidedError("bad input", f"n: expected a positive integer, got {n}")
    given = {
        "--strict": strict, "--lookahead": lookahead != 0, "--prefix": first is not None, "--blocks": block is not None,
        "--mask": mask is not None, "--batch": batch,
    }  # fmt: skip
    named = [option for option, is_given in given.items() if is_given]
    narrow = ["--window"] * (within is not None) + ["--documents"] * bool(packed)
    if len(named) > 1 or (narrow and named and named[0] in ("--mask", "--batch")):
        raise UndecidedError("bad input", f"expected one contract, got {' and '.join([*named, *narrow])}")
    if mask is not None:
        return masked(n, pairs_of(mask), f"within the mask {mask.name}")
    if batch:
        rows = parse_shape(shape)[0]
        if rows is None or rows < 2:
            raise UndecidedError("bad input", f"shape: expected a batch of at least 2, as in 4,n,16, got {shape}")
        return alone(rows)
    contract = causal(n, -1 if strict else lookahead)
    contract = contract if first is None else prefix(n, first)
    contract = contract if block is None else blocks(n, block)
    contract = contract if within is None else window(n, within, contract)
    return documents(n, document_numbers(n, packed), contract) if packed else contract


def pairs_of(file: Path) -> np.ndarray:
    """The array of a .npy file."""
    try:
        array = np.load(file, allow_pickle=False)
    except (OSError, ValueError, EOFError) as error:
        raise UndecidedError("bad input", f"mask: expected a .npy file of bool, got {file}: {error}") from error
    if not isinstance(array, np.ndarray):
        raise UndecidedError("bad input", f"mask: expected a .npy file of one array, got {file}")
    return array
