"""Matrices with few entries that are not zero, or few blocks of a grid: the nearest keeps the largest of them.

What is left out is what the distance is made of, so keeping the most of the squared norm is optimal. Where a value or a
block stands is stored as one number beside it, and counted.
"""

from collections.abc import Callable, Iterator
from math import gcd, log, sqrt

import numpy as np

from monarch_theory.expressivity.classes import divisors
from monarch_theory.expressivity.families.family import Cost, Family, Floor, Setting
from monarch_theory.expressivity.parts import Scattered
from monarch_theory.expressivity.spectra import UNIT, Spectra
from monarch_theory.rounding import gamma

__all__ = ["block_sparse", "sparse"]

Block = tuple[int, int]
"""Rows and columns of a block."""


def entries(shape: tuple[int, int]) -> list[Block]:
    return [(1, 1)]


def blocks(shape: tuple[int, int]) -> list[Block]:
    """Every shape that tiles the matrix, but for single entries and the whole."""
    found = [(b, c) for b in divisors(shape[0]) for c in divisors(shape[1])]
    return found[1:-1]


def setting(block: Block, kept: int) -> Setting:
    b, c = block
    what = "entries" if block == (1, 1) else f"blocks of {b}×{c}"
    choices = {"block": block, "kept": kept}
    return Setting(f"{kept} {what}", kept * (b * c + 1), kept * b * c, "optimal", choices)


def count(shape: tuple[int, int], block: Block) -> int:
    """Blocks of the grid."""
    return shape[0] // block[0] * (shape[1] // block[1])


def weights(matrix: np.ndarray, block: Block) -> np.ndarray:
    """Squared norm of every block, shape (blocks,); of exact numbers, how many are not zero."""
    sizes = (matrix.shape[0] // block[0], block[0], matrix.shape[1] // block[1], block[1])
    squares = (matrix != 0).astype(float) if matrix.dtype == object else matrix.real**2 + matrix.imag**2
    return np.asarray(squares.reshape(sizes).sum((1, 3), dtype=float).reshape(-1))


def largest_blocks(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """Places of the blocks that are kept, in C order of the grid, rising."""
    exact = matrix.dtype == object
    scale = 1 if exact else float(np.abs(matrix).max())  # so that no square overflows or vanishes
    found = weights(matrix if exact or not scale else matrix / matrix.dtype.type(scale), setting.choices["block"])
    beyond = len(found) - setting.choices["kept"]
    return np.sort(np.argpartition(found, beyond)[beyond:]) if beyond else np.arange(len(found))


def fit(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """The matrix with zeros in the place of all blocks but the largest."""
    (b, c), (rows, columns) = setting.choices["block"], matrix.shape
    mask = np.zeros(count((rows, columns), (b, c)), bool)
    mask[largest_blocks(matrix, setting)] = True
    blocks = matrix.reshape(rows // b, b, columns // c, c)
    zero = 0 if matrix.dtype == object else matrix.dtype.type(0)
    return np.where(mask.reshape(rows // b, 1, columns // c, 1), blocks, zero).reshape(matrix.shape)


def parts(matrix: np.ndarray, setting: Setting) -> tuple[Scattered]:
    (b, c), (rows, columns) = setting.choices["block"], matrix.shape
    places = largest_blocks(matrix, setting)
    blocks = matrix.reshape(rows // b, b, columns // c, c).transpose(0, 2, 1, 3).reshape(-1, b, c)[places]
    return (Scattered({"blocks": blocks}, (rows // b, columns // c), tuple(places.tolist())),)


def beyond(matrix: np.ndarray, setting: Setting) -> np.ndarray:
    """What is not kept."""
    return np.asarray(matrix - fit(matrix, setting))


def distance(spectra: Spectra, block: Block, kept: int) -> float:
    """Relative distance of the nearest; 1 or 0 of exact numbers."""
    lost = []
    for matrix in spectra.matrices:
        found = weights(matrix, block)
        rest = np.partition(found, len(found) - kept)[: len(found) - kept]
        lost.append(float(rest.any()) if spectra.exact else sqrt(float(rest.sum())))
    return max(lost) if spectra.exact else spectra.relative(lost)


def family_of(
    name: str, title: str, reference: str, shapes: Callable[[tuple[int, int]], list[Block]], scope: str
) -> Family:
    def settings(shape: tuple[int, int]) -> Iterator[Setting]:
        return (setting(block, kept) for block in shapes(shape) for kept in range(1, count(shape, block) + 1))

    def floors(spectra: Spectra, budget: int, cost: Cost) -> list[Floor]:
        """Of every shape of block the most that the budget buys, which hold all fewer."""
        found = []
        for block in shapes(spectra.shape):
            kept = min(budget // getattr(setting(block, 1), cost), count(spectra.shape, block))
            if kept:
                far = distance(spectra, block, kept)
                wrong = 0.0 if spectra.exact else gamma(spectra.shape[0] * spectra.shape[1], UNIT)
                found.append(Floor(setting(block, kept), far * (1 - min(wrong, 1.0)), far))
        return found

    def least(shape: tuple[int, int]) -> int:
        return min(setting(block, 1).parameters for block in shapes(shape))

    def largest(shape: tuple[int, int], budget: int) -> Setting | None:
        """Square blocks whose side is about the square root of what both sides share, or single entries."""
        side = min(divisors(gcd(*shape)), key=lambda k: abs(log(k * k / gcd(*shape))))
        block = (side, side) if (side, side) in shapes(shape) else shapes(shape)[0]
        kept = min(budget // setting(block, 1).parameters, count(shape, block))
        return setting(block, kept) if kept else None

    return Family(
        name,
        title,
        reference,
        settings,
        fit,
        scope=scope,
        floors=floors,
        least=least,
        parts=parts,
        scales_columns=True,
        largest=largest,
        vanishing=beyond,
    )


sparse = family_of("sparse", "sparse", "folklore; magnitude pruning", entries, "choice of entries that are not zero")
block_sparse = family_of(
    "block-sparse",
    "block sparse",
    "folklore; Gray, Radford and Kingma 2017",
    blocks,
    "choice of blocks, and their shape between one entry and the whole",
)
