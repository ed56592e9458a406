"""The pictures of the lessons: blocks, digits, phases, degree staircases, causality masks. One function, one figure.

Blue is what a causal operator may use, red is a leak, a hue is a phase. Every function returns the Matplotlib figure.
"""

from collections.abc import Sequence

import matplotlib.pyplot as plt
import numpy as np
from matplotlib.colors import ListedColormap, hsv_to_rgb
from matplotlib.figure import Figure

from monarch_theory.causality import MonarchOperator, degree_profile
from monarch_theory.causality.conditions import basis_degrees
from monarch_theory.domains import Cyclotomic
from monarch_theory.monarch import Monarch

BLUE, RED, GOLD, INK, PALE = "#2f5fc4", "#d1345b", "#e0a100", "#1f2937", "#eef2f7"
MASK = ListedColormap(["#ffffff", BLUE, RED])

plt.rcParams.update({
    "figure.dpi": 110, "savefig.bbox": "tight", "font.size": 10, "axes.titlesize": 11, "axes.edgecolor": INK,
    "axes.spines.top": False, "axes.spines.right": False, "figure.constrained_layout.use": True,
})  # fmt: skip


def side_by_side(count: int, height: float = 2.6) -> tuple[Figure, list]:
    figure, axes = plt.subplots(1, count, figsize=(height * count, height), squeeze=False)
    return figure, list(axes[0])


def matrix(axis, values: np.ndarray, title: str = "", every: int = 0) -> None:
    """One matrix: hue is the phase of an entry, strength its modulus; a grid line after every `every` entries."""
    numbers = np.asarray(values)
    if numbers.dtype == object:
        numbers = np.vectorize(complex)(numbers)
    numbers = numbers.astype(complex)
    hue = (np.angle(numbers) / (2 * np.pi)) % 1
    strength = np.abs(numbers) / max(np.abs(numbers).max(), 1e-300)
    wheel = hsv_to_rgb(np.stack([(hue + 0.6) % 1, np.full(hue.shape, 0.62), np.full(hue.shape, 0.88)], axis=-1))
    image = 1 - strength[..., None] * (1 - wheel)
    rows, columns = numbers.shape
    axis.imshow(np.where(strength[..., None] > 0, image, 0.97), extent=(0, columns, rows, 0), interpolation="none")
    if every:
        for line in range(every, rows, every):
            axis.axhline(line, color="white", linewidth=1.2)
        for line in range(every, columns, every):
            axis.axvline(line, color="white", linewidth=1.2)
    axis.set(title=title, xticks=[], yticks=[])


def matrices(*named: tuple[str, np.ndarray], every: int = 0, height: float = 2.6) -> Figure:
    """Matrices in a row, each with its title."""
    figure, axes = side_by_side(len(named), height)
    for axis, (title, values) in zip(axes, named, strict=True):
        matrix(axis, values, title, every)
    return figure


def block_diagonal(factor: np.ndarray) -> np.ndarray:
    """The blocks of one factor, shape (blocks, m, n), along a diagonal."""
    blocks, m, n = factor.shape
    dense = np.zeros((blocks * m, blocks * n), dtype=factor.dtype)
    for index, block in enumerate(factor):
        dense[index * m : (index + 1) * m, index * n : (index + 1) * n] = block
    return dense


def factors(monarch: Monarch, height: float = 2.6) -> Figure:
    """The factors as block-diagonal matrices, first applied first, then the dense matrix they make."""
    named = [(f"factor {k}", block_diagonal(numbers(f, monarch))) for k, f in enumerate(monarch.factors)]
    return matrices(*named, ("dense", numbers(monarch.dense(), monarch)), height=height)


def numbers(values: np.ndarray, monarch: Monarch) -> np.ndarray:
    """Scalars of the domain as complex numbers, to be drawn."""
    if isinstance(monarch.domain, Cyclotomic):
        return monarch.domain.embed(values)
    return np.vectorize(complex, otypes=[complex])(values)


def staircase(monarch: Monarch, n: int | None = None, title: str = "degrees of the basis") -> Figure:
    """Exponents of column j, from mindeg q_j to deg q_j, and the causal limit n − 1 where there is signal."""
    low, high = basis_degrees(degree_profile(monarch))
    n = monarch.shape[0] // 2 if n is None else n
    figure, axis = plt.subplots(figsize=(5.2, 3))
    over = high > np.where(np.arange(len(high)) < n, n - 1, len(high) - 1)
    axis.bar(np.arange(len(low)), high - low + 0.8, bottom=low - 0.4, width=0.8, color=np.where(over, RED, BLUE))
    axis.plot(np.arange(len(low)), low, ".", color="white", markersize=4)
    axis.plot([-0.5, n - 0.5], [n - 0.5, n - 0.5], color=INK, linewidth=1.5)
    axis.axvline(n - 0.5, color=INK, linewidth=0.8, linestyle=":")
    axis.text(-0.4, n - 0.4, f"degree ≤ n − 1 = {n - 1}", ha="left", va="bottom", fontsize=9)
    axis.set(xlabel="column j", ylabel="exponent of Z", title=title)
    return figure


def leak_mask(matrix_: np.ndarray, domain) -> np.ndarray:
    """0 where nothing arrives, 1 where a past or present input does, 2 where a future one does."""
    present = ~domain.is_zero(np.asarray(matrix_))
    future = np.triu(np.ones(present.shape, dtype=bool), k=1)
    return np.where(present, np.where(future, 2, 1), 0)


def causality(named: dict[str, MonarchOperator] | MonarchOperator, height: float = 2.4) -> Figure:
    """Who sees whom: output i down, input j across, through any filter. Blue is allowed, red is a leak."""
    operators = named if isinstance(named, dict) else {"": named}
    figure, axes = side_by_side(len(operators), height)
    for axis, (title, operator) in zip(axes, operators.items(), strict=True):
        reached = (leak_mask(operator.tensor()[..., f], operator.domain) for f in range(operator.n))
        draw_mask(axis, np.maximum.reduce(list(reached)), title)
    return figure


def draw_mask(axis, mask: np.ndarray, title: str = "") -> None:
    axis.imshow(mask, cmap=MASK, vmin=0, vmax=2)
    n = len(mask)
    axis.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="#d7dee8", linewidth=0.6)
    axis.tick_params(which="minor", length=0)
    axis.set(title=title, xlabel="input j", ylabel="output i", xticks=range(0, n, max(1, n // 4)))
    axis.set_yticks(range(0, n, max(1, n // 4)))


def mask(values: np.ndarray, title: str = "") -> Figure:
    """The mask of one real or complex matrix, entries above the diagonal in red."""
    figure, axis = plt.subplots(figsize=(2.8, 2.8))
    present = np.asarray(values) != 0
    draw_mask(axis, np.where(present, np.where(np.triu(np.ones(present.shape), 1) > 0, 2, 1), 0), title)
    return figure


def digit_paths(radices: Sequence[int]) -> Figure:
    """Where the digits of an index go: input (a_0 … a_{p−1}) at the left, output (i_{p−1} … i_0) at the right."""
    p = len(radices)
    figure, axis = plt.subplots(figsize=(1.4 * (p + 2), 0.75 * p + 0.9))
    for place in range(p):
        for stage in range(p + 1):
            done = place < stage
            axis.add_patch(plt.Rectangle((stage, -place), 0.62, 0.62, color=BLUE if done else PALE))
            axis.text(stage + 0.31, 0.31 - place, f"$i_{place}$" if done else f"$a_{place}$", ha="center", va="center",
                      color="white" if done else INK)
        axis.annotate("", (place + 1 - 0.02, 0.31 - place), (place + 0.64, 0.31 - place),
                      arrowprops={"arrowstyle": "->", "color": GOLD, "lw": 2})
        axis.text(place + 0.81, 0.85, f"stage {place}", ha="center", color=GOLD, fontsize=9)
    axis.text(p + 1.0, 0.31 - (p - 1) / 2, "then read\nupwards", va="center", fontsize=9)
    axis.set(xlim=(-0.1, p + 2), ylim=(-p + 0.8, 1.2))
    axis.axis("off")
    return figure
