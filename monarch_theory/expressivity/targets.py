"""The matrices that families are compared on."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.fft import dct
from scipy.linalg import circulant, hadamard, toeplitz

__all__ = ["Target", "attention_heads", "targets"]

ATTENTION = Path(__file__).with_name("attention.npy")


@dataclass(frozen=True, eq=False)
class Target:
    """One column of the atlas: matrices of one kind; the error reported is the root mean square over them.

    Attributes:
        name: as in tables.
        matrices: one or more, of one shape.
        random: whether they are drawn, so that another seed gives others.
    """

    name: str
    matrices: tuple[np.ndarray, ...]
    random: bool = False


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
    """Transforms, convolutions, attention (n = 64 only), random ones, and causal ones, of size n.

    The low rank is n/16, at least one; the state-space kernel is that of a stable diagonal system of four states.
    Hadamard matrices are those of powers of two.

    >>> [target.name for target in targets(16)][:6]
    ['DFT', 'convolution', 'Toeplitz', 'random', 'low rank', 'DCT']
    """
    rng = np.random.default_rng(seed)
    rank = max(1, n // 16)
    result = [
        Target("DFT", (np.fft.fft(np.eye(n)),)),
        Target("convolution", (circulant(rng.standard_normal(n)),), random=True),
        Target("Toeplitz", (toeplitz(rng.standard_normal(n), rng.standard_normal(n)),), random=True),
        Target("random", (rng.standard_normal((n, n)),), random=True),
        Target("low rank", (rng.standard_normal((n, rank)) @ rng.standard_normal((rank, n)),), random=True),
        Target("DCT", (dct(np.eye(n), axis=0, norm="ortho"),)),
        *([Target("Hadamard", (hadamard(n).astype(float),))] if n & (n - 1) == 0 else []),
        Target("permutation", (np.eye(n)[rng.permutation(n)],), random=True),
        Target("triangular", (np.tri(n),)),
        Target("SSM kernel", (_state_space_kernel(n, rng),), random=True),
    ]
    if n == attention_heads().shape[1]:
        result.insert(3, Target("attention", tuple(attention_heads())))
    return result


def _state_space_kernel(n: int, rng: np.random.Generator) -> np.ndarray:
    """Lower triangular, entry (i, j) = Σ_s c_s a_s^{i−j}: y_i of x_j, with memories from a few steps to n of them."""
    decays = np.exp(-1 / np.geomspace(2, n, 4))
    taps = (rng.standard_normal(4)[:, None] * decays[:, None] ** np.arange(n)).sum(0)
    return np.asarray(toeplitz(taps, np.zeros(n)))
