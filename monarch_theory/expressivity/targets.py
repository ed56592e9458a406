"""The matrices that families are compared on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.linalg import circulant, toeplitz

__all__ = ["Target", "attention_heads", "targets"]

ATTENTION = Path(__file__).with_name("attention.npy")


@dataclass(frozen=True, eq=False)
class Target:
    """One column of the atlas: matrices of one kind; the error reported is the root mean square over them."""

    name: str
    matrices: tuple[np.ndarray, ...]


def attention_heads() -> np.ndarray:
    """Softmax attention of a trained model, shape (8, 64, 64): rows are probabilities, float64.

    Two layers of four heads of a bidirectional character model trained on the standard library's source;
    `benchmarks/attention_matrices.py` trains it again.

    >>> heads = attention_heads()
    >>> heads.shape, bool(abs(heads.sum(-1) - 1).max() < 1e-6)
    ((8, 64, 64), True)
    """
    return np.load(ATTENTION, allow_pickle=False).astype(float)


def targets(n: int, seed: int = 0) -> list[Target]:
    """DFT, convolution, Toeplitz, attention (n = 64 only), random, and low rank (n/16, at least one), of size n.

    >>> [target.name for target in targets(16)]
    ['DFT', 'convolution', 'Toeplitz', 'random', 'low rank']
    """
    rng = np.random.default_rng(seed)
    rank = max(1, n // 16)
    result = [
        Target("DFT", (np.fft.fft(np.eye(n)),)),
        Target("convolution", (circulant(rng.standard_normal(n)),)),
        Target("Toeplitz", (toeplitz(rng.standard_normal(n), rng.standard_normal(n)),)),
        Target("random", (rng.standard_normal((n, n)),)),
        Target("low rank", (rng.standard_normal((n, rank)) @ rng.standard_normal((rank, n)),)),
    ]
    if n == attention_heads().shape[1]:
        result.insert(3, Target("attention", tuple(attention_heads())))
    return result
