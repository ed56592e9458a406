"""Optimal projection: the distance splits over slices (symbolic); the projection attains the sum of the tails."""

from collections.abc import Callable
from fractions import Fraction
from math import sqrt

import numpy as np
import sympy

from monarch_theory.domains import FLOAT64, SYMBOLIC
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.projection import project
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.proving import Instance

SIZES = "exact N = 4; float64 to N = 256, within the rounding bound of the SVD"
MUTATIONS: dict[str, dict] = {
    "the distance leaves out the first two singular values": {"first_lost": 2},
    "order p: distance ≤ lower bound": {"guarantee": lambda p: 1.0},
}


def instances(first_lost: int = 1, guarantee: Callable[[int], float] = lambda p: sqrt(p - 1)) -> list[Instance]:
    cases = [
        Instance("‖A − M‖² is the sum over the slices, generic A and M, (2, 2)", _splits),
        Instance("nearest rank-one slices of a rational A with rational singular values, (2, 2)", _rational),
    ]
    for radices in [(2, 2), (4, 4), (3, 5), (16, 16)]:
        for seed in range(3):
            about = f"random {radices}, seed {seed}: distance = root of the tails, and no tried member is nearer"
            cases.append(Instance(about, lambda r=radices, s=seed: _optimal(r, s, first_lost), "measured"))
    for radices in [(2, 2, 2), (3, 4, 2), (2,) * 6]:
        about = f"order p, {radices}: lower bound ≤ distance ≤ √(p − 1) · lower bound"
        cases.append(Instance(about, lambda r=radices: _within_guarantee(r, guarantee), "measured"))
    return cases


def _splits() -> bool:
    A, R, L = (np.array(sympy.symbols(f"{name}:{count}")) for name, count in (("a", 16), ("r", 8), ("l", 8)))
    dense = Monarch((R.reshape(2, 2, 2), L.reshape(2, 2, 2)), SYMBOLIC).dense()
    kind = MonarchClass((2, 2))
    left = ((A.reshape(4, 4) - dense) ** 2).sum()
    slices = kind.slices(A.reshape(4, 4))
    blocks = [np.outer(L.reshape(2, 2, 2)[s, :, c], R.reshape(2, 2, 2)[c, s]) for s in (0, 1) for c in (0, 1)]
    right = sum(((slices[k] - blocks[k]) ** 2).sum() for k in range(4))
    return sympy.expand(left - right) == 0


def _rational() -> bool:
    """Slices U diag(σ, τ) V with U, V rotations by rational points of the circle: the nearest loses τ² in each."""
    rotation = np.array([[Fraction(3, 5), Fraction(-4, 5)], [Fraction(4, 5), Fraction(3, 5)]])
    matrix = np.zeros((4, 4), dtype=object)
    lost = Fraction(0)
    for index, (s, c) in enumerate(np.ndindex(2, 2)):
        sigma, tau = Fraction(5 + index), Fraction(1 + index, 2)
        matrix[s::2, c::2] = rotation @ np.diag([sigma, tau]) @ rotation.T
        lost += tau**2
    projection = project(matrix, MonarchClass((2, 2)))
    return abs(projection.distance - float(lost) ** 0.5) <= projection.rounding


def _optimal(radices: tuple[int, ...], seed: int, first_lost: int) -> bool:
    rng = np.random.default_rng(seed)
    size = int(np.prod(radices))
    matrix, kind = rng.standard_normal((size, size)), MonarchClass(radices)
    projection = project(matrix, kind)
    tails = np.linalg.svd(kind.slices(matrix), compute_uv=False)[:, first_lost:]
    distance = np.linalg.norm(matrix - projection.dense())
    near = abs(distance - np.sqrt((tails**2).sum())) <= projection.rounding
    factors = projection.matrix.factors
    for _ in range(20):
        moved = Monarch(tuple(f + 1e-2 * rng.standard_normal(f.shape) for f in factors), FLOAT64)
        if np.linalg.norm(matrix - moved.dense()) < distance - projection.rounding:
            return False
    return bool(near) and projection.optimal


def _within_guarantee(radices: tuple[int, ...], guarantee: Callable[[int], float]) -> bool:
    rng = np.random.default_rng(0)
    size = int(np.prod(radices))
    noisy = random_monarch(radices, FLOAT64, rng).dense() + 0.1 * rng.standard_normal((size, size))
    projection = project(noisy, MonarchClass(radices))
    lower, rounding = projection.lower_bound, projection.rounding
    bound = guarantee(len(radices))
    within = lower - rounding <= projection.distance <= bound * (lower + rounding) + rounding
    return within and projection.guarantee == sqrt(len(radices) - 1)
