"""The reduction from partition into triangles: all cuts of small graphs into threes, against the projection."""

from collections.abc import Callable, Iterator
from itertools import combinations
from math import isclose

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.projection import project
from monarch_theory.proving import Instance

Edges = tuple[tuple[int, int], ...]
TRIANGLE: Edges = ((0, 1), (1, 2), (0, 2))
GRAPHS: dict[str, Edges] = {
    "triangle": TRIANGLE,
    "path of three": TRIANGLE[:2],
    "two triangles": (*TRIANGLE, (3, 4), (4, 5), (3, 5)),
    "prism": (*TRIANGLE, (3, 4), (4, 5), (3, 5), (0, 3), (1, 4), (2, 5)),
    "triangle and path": (*TRIANGLE, (3, 4), (4, 5)),
    "hexagon": ((0, 1), (1, 2), (2, 3), (3, 4), (4, 5), (0, 5)),
    "complete bipartite": tuple((a, b) for a in range(3) for b in range(3, 6)),
    "octahedron": tuple((a, b) for a, b in combinations(range(6), 2) if b - a != 3),
    "wheel": ((0, 1), (1, 2), (2, 3), (3, 4), (0, 4), (0, 5), (1, 5), (2, 5), (3, 5), (4, 5)),
    "two triangles that share a corner, and one vertex": (*TRIANGLE, (2, 3), (3, 4), (2, 4)),
}

SIZES = "two graphs on three vertices, eight on six, all cuts into threes; A Aᵀ exact, distances in float64"
MUTATIONS: dict[str, dict] = {
    "2k(Δ − 1) + 1 is far enough": {"bound": lambda k, degree: 2 * k * (degree - 1) + 1},
    "2k(Δ − 1) − 1 is reached": {"bound": lambda k, degree: 2 * k * (degree - 1) - 1},
    "paths of three will do": {"part": lambda edges: edges >= 2},
    "(k + 2)(Δ − 1) is near enough, as at k = 2": {"bound": lambda k, degree: (k + 2) * (degree - 1)},
    "no private columns": {"private": lambda degree, own: 0},
}


def instances(
    bound: Callable[[int, int], int] = lambda k, degree: 2 * k * (degree - 1),
    part: Callable[[int], bool] = lambda edges: edges == 3,
    private: Callable[[int, int], int] = lambda degree, own: degree - own,
) -> list[Instance]:
    cases = []
    for name, edges in GRAPHS.items():
        cases.append(Instance(f"{name}: A Aᵀ is Δ + adjacency", lambda e=edges: _products(e, private)))
        about = f"{name}: within 2k(Δ − 1) exactly when it can be cut into triangles"
        cases.append(Instance(about, lambda e=edges: _near(e, private, bound) == _cut(e, part), "measured"))
    return cases


def _vertices(edges: Edges) -> int:
    """3 or 6: what no edge has is a vertex by itself."""
    return 3 if max(np.ravel(edges)) < 3 else 6


def _degree(edges: Edges) -> int:
    return max(np.bincount(np.ravel(edges)).tolist())


def _matrix(edges: Edges, private: Callable[[int, int], int]) -> np.ndarray:
    vertices = np.arange(_vertices(edges))
    columns = [np.isin(vertices, edge) for edge in edges]
    for vertex, own in enumerate(np.bincount(np.ravel(edges), minlength=len(vertices)).tolist()):
        columns += [vertices == vertex] * private(_degree(edges), own)
    return np.array(columns, dtype=int).T


def _products(edges: Edges, private: Callable[[int, int], int]) -> bool:
    matrix = _matrix(edges, private)
    adjacency = np.zeros((len(matrix), len(matrix)), dtype=int)
    for a, b in edges:
        adjacency[a, b] = adjacency[b, a] = 1
    return bool((matrix @ matrix.T == _degree(edges) * np.eye(len(matrix), dtype=int) + adjacency).all())


def _cuts(vertices: int) -> Iterator[tuple[tuple[int, ...], ...]]:
    if vertices == 3:
        yield ((0, 1, 2),)
        return
    for rest in combinations(range(1, 6), 2):
        yield (0, *rest), tuple(sorted(set(range(1, 6)) - set(rest)))


def _cut(edges: Edges, part: Callable[[int], bool]) -> bool:
    def within(group: tuple[int, ...]) -> int:
        return sum(a in group and b in group for a, b in edges)

    return any(all(part(within(group)) for group in cut) for cut in _cuts(_vertices(edges)))


def _near(edges: Edges, private: Callable[[int, int], int], bound: Callable[[int, int], int]) -> bool:
    """Whether some order of the rows is within the bound; one that is nearly there is there: the next is 2 − √2 off."""
    matrix = _matrix(edges, private).astype(float)
    k = len(matrix) // 3
    kind = MonarchClass((matrix.shape[1], 1), output_radices=(k, 3))
    limit = bound(k, _degree(edges))
    found = [project(matrix[[v for pair in zip(*cut, strict=True) for v in pair]], kind) for cut in _cuts(3 * k)]
    return any(p.distance**2 < limit or isclose(p.distance**2, limit, rel_tol=1e-9) for p in found)
