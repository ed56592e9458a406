"""Orthogonal Monarch matrices: exact, over the rationals, from Cayley transforms; and scaled back after any scaling."""

from collections.abc import Callable

import numpy as np

from monarch_theory.domains import RATIONALS
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.proving import Instance

Norm = Callable[[np.ndarray], np.ndarray]

SIZES = "products at six radices, p ≤ 4, over Q; scaled back at six radices, p ≤ 4"
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
    for radices in ((2, 2), (2, 3), (3, 2), (4, 3), (2, 3, 2), (2, 2, 2, 2)):
        about = f"factors scaled at random, scaled back, {radices}"
        cases.append(Instance(about, lambda r=radices: _scaled_back(r, power)))
    return cases


def _is_orthogonal(matrix: np.ndarray) -> bool:
    return RATIONALS.equal(RATIONALS.matmul(matrix.T, matrix), RATIONALS.eye(matrix.shape[1]))


def _scaled_back(radices: tuple[int, ...], power: int) -> bool:
    """Every row of every block but the last stage's times some λ > 0, the column of the next stage that it meets
    divided by it; then, from the first stage on, rows by their norms to `power`."""
    rng = np.random.default_rng(1)
    factors = list(_orthogonal_blocks(radices, rng).factors)
    scales = [RATIONALS.array(rng.integers(1, 9, factor.shape[:-1])) for factor in factors[:-1]]
    for k, scale in enumerate(scales):
        factors[k], factors[k + 1] = _moved(
            factors[k], factors[k + 1], _entrywise(RATIONALS.reciprocal, scale), radices, k
        )
    matrix = Monarch(tuple(factors), RATIONALS).dense()
    for k, scale in enumerate(scales):
        # the norm is the scale itself, a rational number: its square says so
        if power == 1 and not RATIONALS.equal((factors[k] * factors[k]).sum(-1), scale * scale):
            return False
        norms = _entrywise(lambda x: x**power, scale)
        factors[k], factors[k + 1] = _moved(factors[k], factors[k + 1], norms, radices, k)
    same = RATIONALS.equal(Monarch(tuple(factors), RATIONALS).dense(), matrix)
    return same and _is_orthogonal(matrix) and all(_is_orthogonal(block) for factor in factors for block in factor)


def _moved(
    this: np.ndarray, later: np.ndarray, norms: np.ndarray, radices: tuple[int, ...], k: int
) -> tuple[np.ndarray, np.ndarray]:
    """Rows of stage k divided by the norms, (blocks, i_k), and columns of stage k + 1 multiplied."""
    digits = norms.reshape(*radices[:k], *radices[k + 1 :], radices[k])  # (i_0 … i_{k-1}, a_{k+1} …, i_k)
    columns = np.moveaxis(digits, (k, -1), (-1, k)).reshape(len(later), 1, -1)  # (i_0 … i_k, a_{k+2} …), a_{k+1}
    return this * _entrywise(RATIONALS.reciprocal, norms)[..., None], later * columns


def _entrywise(function: Callable, values: np.ndarray) -> np.ndarray:
    return np.vectorize(function, otypes=[object])(values)
