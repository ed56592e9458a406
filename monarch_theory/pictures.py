"""The pictures of the lessons: blocks, digits, phases, degree staircases, causality masks. One function, one figure.

    from monarch_theory import pictures

Blue is what a causal operator may use, red is a leak, a hue is a phase. Every function returns the Matplotlib figure,
and Matplotlib is loaded when the first one is drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from monarch_theory.causality.conditions import basis_degrees, degree_profile
from monarch_theory.causality.operator import MonarchOperator
from monarch_theory.domains import Cyclotomic
from monarch_theory.monarch import Monarch

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = [
    "BLUE",
    "GOLD",
    "INK",
    "RED",
    "block_diagonal",
    "causality",
    "coloured",
    "digit_paths",
    "draw_mask",
    "factors",
    "mask",
    "matrices",
    "staircase",
    "subplots",
]

BLUE, RED, GOLD, INK, PALE = "#2f5fc4", "#d1345b", "#e0a100", "#1f2937", "#eef2f7"
STYLE = {
    "figure.dpi": 110, "font.size": 10, "axes.titlesize": 11, "axes.edgecolor": INK, "axes.spines.top": False,
    "axes.spines.right": False, "figure.constrained_layout.use": True,
}  # fmt: skip


def subplots(*counts: int, **options: Any) -> tuple[Figure, Any]:
    """Matplotlib's `pyplot.subplots`, in the style of the lessons: a figure and its axes.

    >>> figure, axis = subplots(figsize=(5, 3))
    >>> axis.spines["top"].get_visible()
    False
    """
    import matplotlib.pyplot as plt

    # not `rc_context`: the first figure also makes Matplotlib choose how to show figures, which must outlast the style
    settings: Any = plt.rcParams
    before = {key: settings[key] for key in STYLE}
    settings.update(STYLE)
    try:
        figure, axes = plt.subplots(*counts, **options)
    finally:
        settings.update(before)
    return figure, axes


def side_by_side(count: int, height: float) -> tuple[Figure, list[Axes]]:
    """A figure of `count` square axes in a row."""
    figure, axes = subplots(1, count, figsize=(height * count, height), squeeze=False)
    return figure, list(axes[0])


def draw_matrix(axis: Axes, values: np.ndarray, title: str = "", every: int = 0) -> None:
    """One matrix: hue is the phase of an entry, strength its modulus; a grid line after every `every` entries."""
    from matplotlib.colors import hsv_to_rgb

    numbers = np.asarray(values)
    if numbers.dtype == object:
        numbers = np.vectorize(complex)(numbers)
    numbers = numbers.astype(complex)
    hue = (np.angle(numbers) / (2 * np.pi)) % 1
    strength = np.abs(numbers) / max(np.abs(numbers).max(), 1e-300)
    wheel = hsv_to_rgb(np.stack([(hue + 0.6) % 1, np.full(hue.shape, 0.62), np.full(hue.shape, 0.88)], axis=-1))
    image = 1 - strength[..., None] * (1 - wheel)
    rows, columns = numbers.shape
    shown = np.where(strength[..., None] > 0, image, 0.97)  # (rows, columns, 3)
    axis.imshow(shown, extent=(0, columns, rows, 0), interpolation="none")
    if every:
        for line in range(every, rows, every):
            axis.axhline(line, color="white", linewidth=1.2)
        for line in range(every, columns, every):
            axis.axvline(line, color="white", linewidth=1.2)
    axis.set(title=title, xticks=[], yticks=[])


def matrices(*named: tuple[str, np.ndarray], every: int = 0, height: float = 2.6) -> Figure:
    """Matrices in a row, each with its title: hue is the phase of an entry, strength its modulus.

    Args:
        named: (title, array of shape (rows, columns)), real, complex or of exact numbers.
        every: a white line is drawn after every so many entries, none for 0.
        height: of the figure, in inches.

    >>> len(matrices(("identity", np.eye(4)), ("ones", np.ones((4, 4)))).axes)
    2
    """
    figure, axes = side_by_side(len(named), height)
    for axis, (title, values) in zip(axes, named, strict=True):
        draw_matrix(axis, values, title, every)
    return figure


def block_diagonal(factor: np.ndarray) -> np.ndarray:
    """The blocks of one factor, shape (blocks, m, n), along a diagonal: shape (blocks · m, blocks · n).

    >>> block_diagonal(np.array([[[1, 2]], [[3, 4]]]))
    array([[1, 2, 0, 0],
           [0, 0, 3, 4]])
    """
    blocks, m, n = factor.shape
    dense = np.zeros((blocks * m, blocks * n), dtype=factor.dtype)
    for index, block in enumerate(factor):
        dense[index * m : (index + 1) * m, index * n : (index + 1) * n] = block
    return dense


def factors(monarch: Monarch, height: float = 2.6) -> Figure:
    """The factors as block-diagonal matrices, first applied first, then the dense matrix they make.

    >>> from monarch_theory.fourier_matrix import fourier
    >>> [axis.get_title() for axis in factors(fourier((2, 2))).axes]
    ['factor 0', 'factor 1', 'dense']
    """
    named = [(f"factor {k}", block_diagonal(numbers(f, monarch))) for k, f in enumerate(monarch.factors)]
    return matrices(*named, ("dense", numbers(monarch.dense(), monarch)), height=height)


def numbers(values: np.ndarray, monarch: Monarch) -> np.ndarray:
    """Scalars of the domain as complex numbers, to be drawn."""
    if isinstance(monarch.domain, Cyclotomic):
        return monarch.domain.embed(values)
    return np.vectorize(complex, otypes=[complex])(values)


def staircase(monarch: Monarch, n: int | None = None, title: str = "degrees of the basis") -> Figure:
    """Exponents of column j, from mindeg q_j to deg q_j, and the causal limit n − 1 where there is signal.

    Theorem: `proofs/causality_sufficient`.

    Args:
        monarch: over a domain with an N-th root of unity.
        n: length of the signal; half the size when not given.
        title: of the figure.

    >>> from monarch_theory.causality import CausalMonarch
    >>> from monarch_theory.domains import PrimeField
    >>> staircase(CausalMonarch((2, 2)).monomial(PrimeField(5))).axes[0].get_xlabel()
    'column j'
    """
    low, high = basis_degrees(degree_profile(monarch))
    n = monarch.shape[0] // 2 if n is None else n
    figure, axis = subplots(figsize=(5.2, 3))
    over = high > np.where(np.arange(len(high)) < n, n - 1, len(high) - 1)
    axis.bar(np.arange(len(low)), high - low + 0.8, bottom=low - 0.4, width=0.8, color=np.where(over, RED, BLUE))
    axis.plot(np.arange(len(low)), low, ".", color="white", markersize=4)
    axis.plot([-0.5, n - 0.5], [n - 0.5, n - 0.5], color=INK, linewidth=1.5)
    axis.axvline(n - 0.5, color=INK, linewidth=0.8, linestyle=":")
    axis.text(-0.4, n - 0.4, f"degree ≤ n − 1 = {n - 1}", ha="left", va="bottom", fontsize=9)
    axis.set(xlabel="column j", ylabel="exponent of Z", title=title)
    for direction in (axis.xaxis, axis.yaxis):
        direction.get_major_locator().set_params(integer=True)
    return figure


def coloured(present: np.ndarray) -> np.ndarray:
    """0 where nothing arrives, 1 where a past or present input does, 2 where a future one does.

    >>> coloured(np.array([[True, True], [False, True]]))
    array([[1, 2],
           [0, 1]])
    """
    future = np.triu(np.ones(present.shape, dtype=bool), k=1)
    return np.where(present, np.where(future, 2, 1), 0)


def causality(named: dict[str, MonarchOperator] | MonarchOperator, height: float = 2.4) -> Figure:
    """Who sees whom: output i down, input j across, through any filter. Blue is allowed, red is a leak.

    Args:
        named: one operator, or several by title; the whole tensor is formed, so they are small.
        height: of the figure, in inches.

    >>> from monarch_theory.causality.counterexamples import degree_too_high
    >>> causality(degree_too_high()).axes[0].get_ylabel()
    'output i'
    """
    operators = named if isinstance(named, dict) else {"": named}
    figure, axes = side_by_side(len(operators), height)
    for axis, (title, operator) in zip(axes, operators.items(), strict=True):
        reached = np.logical_not(operator.domain.is_zero(operator.tensor()))  # (output i, input j, filter coefficient)
        draw_mask(axis, coloured(reached.any(axis=2)), title)
    return figure


def draw_mask(axis: Axes, mask: np.ndarray, title: str = "") -> None:
    """One mask of 0, 1, 2: nothing, allowed, a leak; output i down, input j across.

    >>> _, axis = subplots(figsize=(2, 2))
    >>> draw_mask(axis, np.tri(3), "causal")
    >>> axis.get_title()
    'causal'
    """
    from matplotlib.colors import ListedColormap

    axis.imshow(mask, cmap=ListedColormap(["#ffffff", BLUE, RED]), vmin=0, vmax=2)
    n = len(mask)
    axis.set_xticks(np.arange(n + 1) - 0.5, minor=True)
    axis.set_yticks(np.arange(n + 1) - 0.5, minor=True)
    axis.grid(which="minor", color="#d7dee8", linewidth=0.6)
    axis.tick_params(which="minor", length=0)
    axis.set(title=title, xlabel="input j", ylabel="output i", xticks=range(0, n, max(1, n // 4)))
    axis.set_yticks(range(0, n, max(1, n // 4)))


def mask(values: np.ndarray, title: str = "") -> Figure:
    """Which entries of one matrix are not zero, those above the diagonal in red.

    >>> mask(np.tri(3), "past and present").axes[0].get_title()
    'past and present'
    """
    figure, axis = subplots(figsize=(2.8, 2.8))
    draw_mask(axis, coloured(np.asarray(values) != 0), title)
    return figure


def digit_paths(radices: Sequence[int]) -> Figure:
    """Where the digits of an index go: input (a_0 … a_{p−1}) at the left, output (i_{p−1} … i_0) at the right.

    >>> len(digit_paths((4, 4)).axes)
    1
    """
    from matplotlib.patches import Rectangle

    p = len(radices)
    figure, axis = subplots(figsize=(1.4 * (p + 2), 0.75 * p + 0.9))
    for place in range(p):
        for stage in range(p + 1):
            done = place < stage
            axis.add_patch(Rectangle((stage, -place), 0.62, 0.62, color=BLUE if done else PALE))
            axis.text(
                stage + 0.31,
                0.31 - place,
                f"$i_{place}$" if done else f"$a_{place}$",
                ha="center",
                va="center",
                color="white" if done else INK,
            )
        axis.annotate(
            "",
            (place + 1 - 0.02, 0.31 - place),
            (place + 0.64, 0.31 - place),
            arrowprops={"arrowstyle": "->", "color": GOLD, "lw": 2},
        )
        axis.text(place + 0.81, 0.85, f"stage {place}", ha="center", color=GOLD, fontsize=9)
    axis.text(p + 1.0, 0.31 - (p - 1) / 2, "then read\nupwards", va="center", fontsize=9)
    axis.set(xlim=(-0.1, p + 2), ylim=(-p + 0.8, 1.2))
    axis.axis("off")
    return figure
