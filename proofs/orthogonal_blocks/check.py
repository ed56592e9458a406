"""Orthogonal Monarch matrices: exact, over the rationals, from Cayley transforms; and scaled back after any scaling."""

from collections.abc import Callable

import numpy as np

from monarch_theory.domains import RATIONALS
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.proving import Instance

Norm = Callable[[np.ndarray], np.ndarray]

SIZES = "products at six radices, p ≤ 4, over Q; scaled back at four pairs of radices"
MUTATIONS: dict[str, dict] = {
    "scaled by the square of the norm": {"power": 2},
    "not scaled": {"power": 0},
    "any invertible blocks will do": {"blocks": lambda radices, rng: random_monarch(radices, RATIONALS, rng)},
}


def _cayley(shape: tuple[int, ...], rng: np.random.Generator) -> np.ndarray:
    """Rational orthogonal blocks (1 − A)(1 + A)⁻¹, A skew."""
    lower = np.tril(rng.integers(-3, 4, shape), -1)
    skew = RATIONALS.array(lower - lower.swapaxes(-1, -2))
    one = RATIONALS.eye(shape[-1])
    return RATIONALS.matmul(one - skew, RATIONALS.inverse(one + skew))


def _orthogonal_blocks(radices: tuple[int, ...], rng: np.random.Generator) -> Monarch:
    shapes = [factor.shape for factor in random_monarch(radices, RATIONALS, rng).factors]
    return Monarch(tuple(_cayley(shape, rng) for shape in shapes), RATIONALS)


def instances(
    power: int = 1, blocks: Callable[[tuple[int, ...], np.random.Generator], Monarch] = _orthogonal_blocks
) -> list[Instance]:
    cases = []
    for radices in ((2, 2), (2, 3), (3, 2), (4, 4), (2, 3, 2), (2, 2, 2, 2)):
        about = f"orthogonal blocks, {radices}"
        cases.append(Instance(about, lambda r=radices: _is_orthogonal(blocks(r, np.random.default_rng(0)).dense())))
    for radices in ((2, 2), (2, 3), (3, 2), (4, 3)):
        about = f"factors scaled at random, scaled back, {radices}"
        cases.append(Instance(about, lambda r=radices: _scaled_back(r, power)))
    return cases


def _is_orthogonal(matrix: np.ndarray) -> bool:
    return RATIONALS.equal(RATIONALS.matmul(matrix.T, matrix), RATIONALS.eye(matrix.shape[1]))


def _scaled_back(radices: tuple[int, int], power: int) -> bool:
    """R_{a_1}[i_0, ·] times λ(a_1, i_0) > 0, L_{i_0}[·, a_1] divided by it; both then by the norm to `power`."""
    rng = np.random.default_rng(1)
    B, L = _orthogonal_blocks(radices, rng).factors  # (a_1, i_0, a_0), (i_0, i_1, a_1)
    scale = RATIONALS.array(rng.integers(1, 9, B.shape[:2]))
    inverse = RATIONALS.reciprocal
    B, L = B * scale[..., None], L / scale.T[:, None]
    squares = (B * B).sum(-1)
    # the norm is λ itself, a rational number: its square says so
    if not RATIONALS.equal(squares, scale * scale):
        return False
    norm = np.vectorize(lambda x: x**power, otypes=[object])(scale)
    B, L = B * np.vectorize(inverse, otypes=[object])(norm)[..., None], L * norm.T[:, None]
    same = Monarch((B, L), RATIONALS).dense()
    both = (*B, *L)
    return _is_orthogonal(same) and all(_is_orthogonal(block) for block in both)
