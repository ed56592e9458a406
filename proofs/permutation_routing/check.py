"""Routing: all permutations of small grids by composing those within rows and columns, and the package's factors."""

from collections.abc import Iterator
from itertools import permutations, product

import numpy as np

from monarch_theory.expressivity import constructions
from monarch_theory.monarch import Monarch
from monarch_theory.proving import Instance

Moves = frozenset[tuple[int, ...]]

SIZES = "all permutations of grids to 2 × 3 and 3 × 2 by composition; the factors of all at 2 × 2, of 40 up to 6 × 5"
MUTATIONS: dict[str, dict] = {
    "within rows and then within columns is enough": {"stages": ("row", "column")},
    "within columns and then within rows is enough": {"stages": ("column", "row")},
    "the same row permutation may be used twice": {"same": True},
}


def instances(stages: tuple[str, ...] = ("row", "column", "row"), same: bool = False) -> list[Instance]:
    cases = [
        Instance(f"grid {a} × {b}: all permutations", lambda g=(a, b): _all(*g, stages, same))
        for a, b in ((1, 1), (1, 3), (3, 1), (2, 2), (2, 3), (3, 2))
    ]
    for order in permutations(range(4)):
        cases.append(Instance(f"{order} at (2, 2)", lambda o=order: _factors(np.array(o), (2, 2))))
    rng = np.random.default_rng(0)
    for radices in ((2, 3), (3, 2), (4, 4), (1, 5), (5, 1), (6, 5), (5, 6), (2, 8)):
        for _ in range(5):
            order = rng.permutation(radices[0] * radices[1])
            cases.append(Instance(f"{order} at {radices}", lambda o=order, r=radices: _factors(o, r)))
    return cases


def _within(a: int, b: int, stage: str) -> Iterator[tuple[int, ...]]:
    """Permutations of a × b places that leave the row, or the column, of each."""
    lines = [[i * b + j for j in range(b)] for i in range(a)]
    if stage == "column":
        lines = [list(column) for column in zip(*lines, strict=True)]
    for chosen in product(*(list(permutations(line)) for line in lines)):
        moved = [0] * (a * b)
        for line, to in zip(lines, chosen, strict=True):
            for x, y in zip(line, to, strict=True):
                moved[x] = y
        yield tuple(moved)


def _all(a: int, b: int, stages: tuple[str, ...], same: bool) -> bool:
    kinds = [list(_within(a, b, stage)) for stage in stages]
    chosen = product(*kinds)
    if same:
        chosen = ((first, middle, first) for first, middle in product(*kinds[:2]))
    reached = set()
    for moves in chosen:
        at = tuple(range(a * b))
        for move in moves:
            at = tuple(move[x] for x in at)
        reached.add(at)
    return len(reached) == len(list(permutations(range(a * b))))


def _factors(order: np.ndarray, radices: tuple[int, int]) -> bool:
    """The package's two Monarch matrices: their product is y = x[order], and every block of theirs is a permutation."""
    found = constructions.permutation(order, radices)
    wanted = np.eye(len(order), dtype=int)[order]
    left, right = found.factors
    blocks = [block for m in (left, right) if isinstance(m, Monarch) for f in m.factors for block in f]
    permuting = all((np.sort(np.asarray(block, int), -1)[..., :-1] == 0).all() for block in blocks)
    return bool((found.dense() == wanted).all()) and permuting and len(blocks) == 2 * sum(radices)
