"""Linear MLP-Mixer layers A ⊗ I + I ⊗ B: A mixes the tokens, B the channels (Tolstikhin et al. 2021).

An input of N = tokens · channels numbers, the channels of a token together. The members of one setting are a linear
space: the orthogonal projection onto it takes A from the traces of the blocks and B from their sum along the diagonal,
and gives what both hold, the identity, to each by half. Mixing one after the other, A ⊗ B, is one Kronecker product
(Hayase and Karakida 2024), and so is that of two layers with skips, (I + A) ⊗ (I + B).
"""

from collections.abc import Iterator

import numpy as np

from monarch_theory.expressivity.classes import divisors
from monarch_theory.expressivity.families.family import Family, Setting

__all__ = ["mixer"]


def settings(shape: tuple[int, int]) -> Iterator[Setting]:
    n = shape[0]
    for tokens in divisors(n)[1:-1] if shape == (n, n) else []:
        channels = n // tokens
        label = f"{tokens} tokens of {channels} channels"
        cost, work = tokens**2 + channels**2, n * (tokens + channels)
        yield Setting(label, cost, work, "optimal", {"tokens": tokens}, operations=2)


def traces(matrix: np.ndarray, tokens: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """(Σ_p M_{ip,jp}, Σ_i M_{ip,iq}, trace), shapes (tokens, tokens), (channels, channels) and ()."""
    blocks = matrix.reshape(tokens, len(matrix) // tokens, tokens, -1)
    ours, theirs = blocks.diagonal(axis1=1, axis2=3).sum(2), blocks.diagonal(axis1=0, axis2=2).sum(2)
    return ours, theirs, np.asarray(matrix.trace())


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    tokens = setting.choices["tokens"]
    channels = len(matrix) // tokens
    ours, theirs, trace = traces(matrix, tokens)
    shared = np.eye(tokens) * (trace / (2 * len(matrix)))
    near = np.kron(ours / channels - shared, np.eye(channels))
    near = near + np.kron(np.eye(tokens), theirs / tokens - np.eye(channels) * (trace / (2 * len(matrix))))
    return near.astype(matrix.dtype)


def beyond(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """N times what the projection leaves, in whole numbers for a matrix of whole numbers."""
    tokens, n = setting.choices["tokens"], len(matrix)
    channels = n // tokens
    ours, theirs, trace = traces(matrix, tokens)
    one, other = (np.eye(side, dtype=int) for side in (tokens, channels))
    near = tokens * np.kron(ours, other) + channels * np.kron(one, theirs) - trace * np.kron(one, other)
    return np.asarray(n * matrix - near)


mixer = Family(
    "mixer",
    "MLP-Mixer A⊗I + I⊗B",
    "Tolstikhin et al. 2021",
    settings,
    fit,
    scope="number of tokens above one and below all",
    vanishing=beyond,
)
