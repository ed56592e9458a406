"""Permutations: stride and bit reversal are Monarch; every permutation is M M* (Slepian–Duguid).

A permutation of b₁·b₀ wires is routed by a three-stage Clos network: permute x₁ for each x₀, then x₀ for each value of
the new digit, then that digit for each y₀. Which value of the middle digit a wire takes is an edge colouring of the
b₁-regular bipartite multigraph x₀ — y₀, and it exists by König's theorem.
"""

from collections.abc import Sequence

import numpy as np
from scipy.sparse import csr_array
from scipy.sparse.csgraph import maximum_bipartite_matching

from monarch_theory.digits import check_radices, reversal
from monarch_theory.domains import INTEGERS, Domain
from monarch_theory.expressivity.constructions.product import MonarchProduct
from monarch_theory.monarch import Convention, Monarch, identity_blocks

__all__ = ["bit_reversal", "permutation", "stride"]


def stride(radices: Sequence[int], domain: Domain = INTEGERS) -> Monarch:
    """Digit reversal P, y = x[reversal(radices)]: identity blocks under M2."""
    return identity_blocks(radices, domain)


def bit_reversal(radices: Sequence[int], domain: Domain = INTEGERS) -> Monarch:
    """Reversal of all log₂N bits as an M2 Monarch matrix of any radices that are powers of two.

    It is the digit reversal with the bits inside every digit reversed, so each stage is one bit reversal of its radix.

    Raises:
        ValueError: a radix that is not a power of two.

    >>> bit_reversal((4, 2)).dense().argmax(1)
    array([0, 4, 2, 6, 1, 5, 3, 7])
    """
    radices = check_radices(radices)
    if any(b & (b - 1) for b in radices):
        raise ValueError(f"radices: expected powers of two, got {radices}")
    factors = []
    for factor, b in zip(identity_blocks(radices, domain).factors, radices, strict=True):
        bits = reversal((2,) * (b.bit_length() - 1)) if b > 1 else np.zeros(1, dtype=int)
        factors.append(factor[:, bits])
    return Monarch(tuple(factors), domain)


def permutation(order: Sequence[int], radices: tuple[int, int], domain: Domain = INTEGERS) -> MonarchProduct:
    """y = x[order] as M₁ M₂* with M₁, M₂ Monarch of order 2 in the DAO convention.

    Theorem: `proofs/permutation_routing`, `three_permutations`.

    Args:
        order: a permutation of 0 … b₁b₀ − 1.
        radices: (b₀, b₁), b₀ the contiguous digit.

    Raises:
        ValueError: not two radices, or not a permutation of that many wires.

    >>> permutation([3, 0, 5, 1, 2, 4], (2, 3)) @ range(6)
    array([3, 0, 5, 1, 2, 4], dtype=object)
    """
    checked = check_radices(radices)
    if len(checked) != 2:
        raise ValueError(f"radices: expected two of them, (b₀, b₁), got {checked}")
    b0, b1 = checked
    source = np.asarray(order)
    if (
        source.dtype.kind not in "iu"
        or source.shape != (b0 * b1,)
        or not np.array_equal(np.sort(source), np.arange(b0 * b1))
    ):
        raise ValueError(f"order: expected a permutation of 0 … {b0 * b1 - 1}, got {order!r}")
    target = np.arange(b0 * b1)
    colour = _colour(source % b0, target % b0, b0, b1)
    first, middle, last = domain.zeros((b0, b1, b1)), domain.zeros((b1, b0, b0)), domain.zeros((b0, b1, b1))
    one = domain.scalar(1)
    # last[x0] takes x1 to the colour, middle[colour] takes x0 to y0, first[y0] takes the colour to y1
    last[source % b0, colour, source // b0] = one
    middle[colour, target % b0, source % b0] = one
    first[target % b0, target // b0, colour] = one
    identity = np.broadcast_to(domain.eye(b0), (b1, b0, b0))
    left = Monarch((middle, first), domain, Convention.DAO)
    right = Monarch((identity, last.swapaxes(1, 2)), domain, Convention.DAO)
    return MonarchProduct((left, right.T))


def _colour(left: np.ndarray, right: np.ndarray, nodes: int, colours: int) -> np.ndarray:
    """Proper edge colouring of a regular bipartite multigraph, by peeling off perfect matchings."""
    colour = np.full(len(left), -1)
    for c in range(colours):
        open_edges = np.flatnonzero(colour < 0)
        pairs = left[open_edges] * nodes + right[open_edges]
        kept, first = np.unique(pairs, return_index=True)
        ends = np.divmod(kept, nodes)
        places = tuple(end.astype(np.int32) for end in ends)  # SciPy 1.13 matches no others
        graph = csr_array((np.ones(len(kept)), places), shape=(nodes, nodes))
        partner = maximum_bipartite_matching(graph, perm_type="column")
        chosen = np.searchsorted(kept, np.arange(nodes) * nodes + partner)
        colour[open_edges[first[chosen]]] = c
    return colour
