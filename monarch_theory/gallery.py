"""Pictures to project, one function each: `monarch picture NAME FILE.svg` or `FILE.pdf` writes one.

A docstring is what stands below its picture: the first line is the title. What the picture shows, for those who cannot
see it, is the argument of `picture`. Blue is what a causal operator may use, red is a leak, a hue is a phase.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import cleandoc
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from monarch_theory import pictures
from monarch_theory.causality import CausalMonarch, MonarchOperator, counterexamples, degree_caps
from monarch_theory.causality.conditions import basis_degrees, degree_profile
from monarch_theory.digits import reversal
from monarch_theory.domains import FLOAT64, Cyclotomic, PrimeField, prime_with_root
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Convention, Monarch, identity_blocks, random_monarch

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["GALLERY", "KINDS", "Picture", "write"]

KINDS = ("svg", "pdf", "png")
"""Endings of the files that can be written."""


@dataclass(frozen=True)
class Picture:
    """One picture: draw makes its figure; shows says what is seen in it."""

    draw: Callable[[], Figure]
    shows: str

    @property
    def title(self) -> str:
        """The first line of the docstring."""
        return cleandoc(self.draw.__doc__ or "").partition("\n")[0].rstrip(".")

    @property
    def text(self) -> str:
        """What the docstring says below its first line."""
        return cleandoc(self.draw.__doc__ or "").partition("\n")[2].strip()


GALLERY: dict[str, Picture] = {}
"""Every picture by its name, from the first lesson to the last."""


def picture(shows: str) -> Callable[[Callable[[], Figure]], Callable[[], Figure]]:
    """Put a function into the gallery, under its own name with dashes."""

    def entered(draw: Callable[[], Figure]) -> Callable[[], Figure]:
        GALLERY[draw.__name__.replace("_", "-")] = Picture(draw, shows)
        return draw

    return entered


def write(name: str, file: Path | str) -> None:
    """Draw a picture into a file, SVG, PDF or PNG by its ending; the same bytes every time.

    Raises:
        ValueError: there is no such picture, or no such kind of file.

    >>> write("staircase", "staircase.gif")
    Traceback (most recent call last):
    ValueError: file: expected a name that ends in .svg, .pdf or .png, got 'staircase.gif'
    """
    import matplotlib.pyplot as plt

    if name not in GALLERY:
        raise ValueError(f"name: expected one of {', '.join(GALLERY)}, got {name!r}")
    kind = Path(file).suffix.removeprefix(".")
    if kind not in KINDS:
        raise ValueError(f"file: expected a name that ends in .svg, .pdf or .png, got {str(file)!r}")
    undated: dict[str, Any] = {"svg": {"Date": None}, "pdf": {"CreationDate": None}, "png": {}}[kind]
    with plt.rc_context({"svg.hashsalt": name}):
        figure = GALLERY[name].draw()
        figure.savefig(file, metadata=undated, dpi=200)
    plt.close(figure)


@picture("Two block-diagonal factors of sixteen rows with four 4 × 4 blocks each, and the full matrix they make")
def two_factors() -> Figure:
    """A Monarch matrix from two block-diagonals.

    Each factor has 64 numbers, their product 256 entries, none of them zero.
    """
    return pictures.factors(random_monarch((4, 4), FLOAT64, np.random.default_rng(1)), height=3)


@picture("Three block-diagonal factors of 27 rows with nine 3 × 3 blocks each, and the full matrix they make")
def three_factors() -> Figure:
    """Order three.

    The smaller the blocks, the more stages it takes until every input has reached every output.
    """
    return pictures.factors(random_monarch((3, 3, 3), FLOAT64, np.random.default_rng(1)), height=3)


@picture("Two digits through two stages: stage 0 turns a_0 into i_0, stage 1 turns a_1 into i_1")
def digits() -> Figure:
    """Where the digits of an index go.

    Stage k replaces the input digit a_k by the output digit i_k and leaves the others alone.
    """
    return pictures.digit_paths((4, 4))


@picture("Four digits through four stages, each stage replacing one digit")
def digits_of_order_four() -> Figure:
    """The digits at order four.

    One stage for each digit, as in the fast Fourier transform of radix two.
    """
    return pictures.digit_paths((2, 2, 2, 2))


@picture("Three permutation matrices of size 16: digit reversal in base 4, in base 2, and for radices 2 and 8")
def digit_reversal() -> Figure:
    """Digit reversal.

    The permutation P deals the outputs of every block to all the others. In base two it is bit reversal.
    """
    shown = [(f"radices {radices}", np.eye(16)[reversal(radices)]) for radices in [(4, 4), (2, 2, 2, 2), (2, 8)]]
    return pictures.matrices(*shown, height=3)


@picture("With identity blocks, PLPRP is the permutation P and PLPR is the identity")
def conventions() -> Figure:
    """Which way round is P?

    All blocks are the identity. The two conventions of the literature then give two different matrices.
    """
    ones = (np.stack([np.eye(4)] * 4),) * 2
    named = [("PLPRP", Convention.M2), ("PLPR", Convention.DAO)]
    shown = [(title, Monarch(ones, FLOAT64, convention).dense()) for title, convention in named]
    return pictures.matrices(*shown, every=4, height=3)


@picture("Lines over N on logarithmic axes: the dense matrix is steepest, order 6 is lowest")
def costs() -> Figure:
    """What a product costs.

    Multiplications per entry of the vector, for equal radices: N for a dense matrix, p·N^(1/p) for order p. The dots
    are counted, not estimated.
    """
    sizes = [2**k for k in (6, 12)]
    figure, axis = pictures.subplots(figsize=(5.4, 3.2))
    for order, colour in {1: pictures.INK, 2: pictures.BLUE, 3: pictures.GOLD, 6: pictures.RED}.items():
        counted = [identity_blocks((round(N ** (1 / order)),) * order).operations.multiplications / N for N in sizes]
        axis.loglog(sizes, counted, "o-", color=colour, label="dense" if order == 1 else f"order {order}", base=2)
    axis.set(xlabel="N", ylabel="multiplications per entry")
    axis.legend(frameon=False)
    return figure


@picture("Bars for N = 4096: 24 multiplications per entry at radix 2 and at radix 4, then 32, 48 and 128")
def radices() -> Figure:
    """Which radix costs least.

    Multiplications per entry at N = 4096. Near radix e they are fewest; hardware prefers larger blocks.
    """
    shapes = {2: 12, 4: 6, 8: 4, 16: 3, 64: 2}
    counted = [identity_blocks((b,) * p).operations.multiplications / 4096 for b, p in shapes.items()]
    figure, axis = pictures.subplots(figsize=(5.4, 3))
    axis.bar([f"{b}\norder {p}" for b, p in shapes.items()], counted, color=pictures.BLUE)
    axis.set(xlabel="radix", ylabel="multiplications per entry")
    return figure


@picture("Factor 0 with four equal blocks, factor 1 with four blocks of different phases, and the Fourier matrix")
def fourier_factors() -> Figure:
    """The Fourier matrix as two block-diagonals.

    The hue of an entry is its phase. The twiddle factors all stand in factor 1, which is applied last.
    """
    return pictures.factors(fourier((4, 4)), height=3)


@picture("Four factors with eight 2 × 2 blocks each, and the Fourier matrix of size 16")
def butterflies() -> Figure:
    """The fast Fourier transform of radix two.

    Order four with 2 × 2 blocks: four stages of butterflies, 32 numbers each.
    """
    return pictures.factors(fourier((2, 2, 2, 2)), height=2.4)


@picture("Sixteen points on the unit circle, coloured by their value of i modulo 4, and the four they are sent to")
def points() -> Figure:
    """Why the Fourier matrix is Monarch.

    The fourth power sends the sixteen points ω^i to four: it sees i only modulo 4, so it can stand in the first factor.
    """
    figure, axes = pictures.subplots(1, 2, figsize=(6.4, 3.2), subplot_kw={"aspect": "equal"})
    i = np.arange(16)
    colours = [(pictures.BLUE, pictures.RED, pictures.GOLD, pictures.INK)[k % 4] for k in i]
    for axis, power, title in zip(axes, (1, 4), ("$Z = \\omega^i$", "$Y = Z^4$"), strict=True):
        z = np.exp(2j * np.pi * power * i / 16)
        axis.scatter(z.real, z.imag, c=colours, s=60)
        axis.set(title=title, xlim=(-1.3, 1.3), ylim=(-1.3, 1.3), xticks=[-1, 0, 1], yticks=[-1, 0, 1])
    return figure


@picture("Sixteen slices of three matrices: those of the Fourier matrix look like outer products, the others do not")
def slices() -> Figure:
    """Membership is a rank condition.

    Each small square is a slice of a matrix with N = 16, made by holding two digits. A matrix is Monarch when every
    slice has rank at most one: the Fourier matrix is, the identity and a random matrix are not.
    """

    def sliced(matrix: np.ndarray) -> np.ndarray:
        return matrix.reshape(4, 4, 4, 4).transpose(1, 0, 3, 2).reshape(16, 16)

    noise = np.random.default_rng(0).normal(size=(16, 16))
    named = {"Fourier": fourier((4, 4)).dense(), "identity": np.eye(16), "random": noise}
    return pictures.matrices(*((title, sliced(matrix)) for title, matrix in named.items()), every=4, height=3)


@picture("A smooth matrix, its nearest Monarch matrix, which follows it in steps of blocks, and the pale difference")
def nearest() -> Figure:
    """The nearest Monarch matrix.

    The best approximation of rank one of every slice. What is left over is the third picture, on the same scale.
    """
    from monarch_theory.expressivity.classes import MonarchClass
    from monarch_theory.expressivity.projection import project

    at = np.arange(16)
    smooth = np.exp(-(np.abs(at[:, None] - at) / 6.0))
    near = project(smooth, MonarchClass((4, 4))).dense()
    figure, axes = pictures.subplots(1, 3, figsize=(9, 3))
    for axis, (title, values) in zip(
        axes, {"matrix": smooth, "nearest": near, "difference": smooth - near}.items(), strict=True
    ):
        axis.imshow(values, cmap="RdBu", vmin=-1, vmax=1)
        axis.set(title=title, xticks=[], yticks=[])
    return figure


@picture("Lines over the root b of N: the dense matrix grows fastest, the causal family stays below the class")
def parameters() -> Figure:
    """How many numbers are free.

    Dimensions at order two, N = b²: of all matrices, of Monarch matrices, and of those that their degrees make causal.
    """
    from monarch_theory.expressivity.classes import MonarchClass

    roots = [2, 4, 8, 16]
    figure, axis = pictures.subplots(figsize=(5.4, 3.2))
    lines = {
        "all": ([b**4 for b in roots], pictures.INK),
        "Monarch": ([MonarchClass((b, b)).dimension for b in roots], pictures.GOLD),
        "causal by degrees": ([CausalMonarch((b, b)).dimension for b in roots], pictures.BLUE),
    }
    for name, (counts, colour) in lines.items():
        axis.loglog(roots, counts, "o-", color=colour, label=name, base=2)
    axis.set(xlabel="b, the square root of N", ylabel="dimension")
    axis.legend(frameon=False)
    return figure


@picture("A signal, its convolution as it should be, and one in which the end has wrapped around to the beginning")
def wrap_around() -> Figure:
    """What wraps around.

    A pulse near the end, convolved with an echo. Without padding the echo comes back at the beginning.
    """
    n = 16
    signal, echo = np.zeros(n), np.zeros(n)
    signal[12], echo[[0, 3, 6]] = 1, (1, 0.6, 0.35)
    wrapped = np.fft.ifft(np.fft.fft(signal) * np.fft.fft(echo)).real
    figure, axes = pictures.subplots(1, 3, figsize=(9, 2.6), sharey=True)
    shown = {"signal": signal, "padded": np.convolve(signal, echo)[:n], "not padded": wrapped}
    for axis, (title, values) in zip(axes, shown.items(), strict=True):
        axis.bar(np.arange(n), values, color=[pictures.RED if t < 12 else pictures.BLUE for t in range(n)])
        axis.set(title=title, xlabel="position", xticks=range(0, n, 4))
    return figure


@picture("Who sees whom for n = 4, 8, 9 and 16 of N = 16: nothing red for 4 and 8, one red cell for 9, all red for 16")
def padding() -> Figure:
    """How much padding a convolution needs.

    The Fourier matrix of size 16 and signals of four lengths. Products stay below the size while 2n − 1 ≤ N: at n = 9
    the last input reaches output 0.
    """
    transform = fourier((4, 4), PrimeField(prime_with_root(16, below=1000)))
    return pictures.causality({f"n = {n}": MonarchOperator(transform, n=n) for n in (4, 8, 9, 16)})


@picture("Four 4 × 4 masks, one for each output: anti-diagonals, with a second one where the sum of indices wraps")
def structure() -> Figure:
    """The structure constants of the Fourier matrix.

    For each output of the unpadded operator with N = 4, which pairs of input and filter coefficient meet: those whose
    indices add to i, and in red those that add to i + 4.
    """
    T = MonarchOperator(fourier((2, 2), Cyclotomic(4)), n=4).tensor()
    reached = np.logical_not(Cyclotomic(4).is_zero(T))
    figure, axes = pictures.subplots(1, 4, figsize=(10, 2.7))
    for i, axis in enumerate(axes):
        j = np.arange(4)[:, None]
        pictures.draw_mask(axis, np.where(reached[i], np.where(j > i, 2, 1), 0), f"output {i}")
        axis.set(xlabel="filter coefficient", ylabel="input")
    return figure


@picture("Sixteen bars that climb one step per column; those of the first eight columns stay at or below degree 7")
def staircase() -> Figure:
    """The degree staircase.

    Least exponents of the basis climb one step per column. Degrees of the columns that carry signal stay below half of
    N, so that no product wraps around.
    """
    return pictures.staircase(CausalMonarch((4, 4)).random(PrimeField(97), np.random.default_rng(0)))


@picture("Four bars; those of columns 0 and 1 are red, since they rise past degree 1")
def one_degree_too_high() -> Figure:
    """One degree too many.

    The smallest operator that leaks: N = 4, and the polynomials of digit 0 are 1 + Y.
    """
    return pictures.staircase(counterexamples.degree_too_high().M0)


@picture("Caps as numbers in a grid, a_0 down and a_1 across: low in the upper half, where the signal is")
def caps() -> Figure:
    """How high each degree may be.

    Caps of deg r_j at N = 64 by the digits of j. Columns j < N/2 carry signal, and there the cap is halved.
    """
    values = degree_caps((8, 8))[0]
    figure, axis = pictures.subplots(figsize=(3.6, 3.4))
    axis.imshow(values, cmap="Blues", vmin=0, vmax=10)
    for (a0, a1), cap in np.ndenumerate(values):
        axis.text(a1, a0, cap, ha="center", va="center", color=pictures.INK)
    axis.set(xlabel="$a_1$", ylabel="$a_0$", title="largest degree of $r_j$", xticks=range(8), yticks=range(8))
    return figure


@picture("Three masks of size 2: the first and the last lower triangular, the middle one with a red cell at the top")
def leaks() -> Figure:
    """Causal, leaking, and causal by accident.

    Three operators with N = 4: one within its degrees, one a single degree too high, and one whose wrap-around cancels.
    """
    return pictures.causality(
        {
            "within its degrees": MonarchOperator(CausalMonarch((2, 2)).monomial(Cyclotomic(4))),
            "one degree too high": counterexamples.degree_too_high(),
            "cancels by accident": counterexamples.tuned_wrap_around(),
        },
        height=3,
    )


@picture("Two staircases, of radices 2, 2, 2, 2 and of 2, 3, 2: both climb one step per column")
def other_radices() -> Figure:
    """Any order, any radices.

    Basis polynomials of two causal families, of orders four and three. The condition is the same.
    """
    figure, axes = pictures.subplots(1, 2, figsize=(8, 3))
    for axis, shape in zip(axes, [(2, 2, 2, 2), (2, 3, 2)], strict=True):
        size = prod(shape)
        member = CausalMonarch(shape).random(PrimeField(prime_with_root(size, below=1000)), np.random.default_rng(0))
        low, high = basis_degrees(degree_profile(member))
        axis.bar(np.arange(size), high - low + 0.8, bottom=low - 0.4, width=0.8, color=pictures.BLUE)
        axis.plot([-0.5, size // 2 - 0.5], [size // 2 - 0.5] * 2, color=pictures.INK)
        axis.set(title=f"radices {shape}", xlabel="column j", ylabel="exponent of Z")
        for direction in (axis.xaxis, axis.yaxis):
            direction.get_major_locator().set_params(integer=True)
    return figure


@picture("Over ε from 1 down: the leak falls as its eighth power while the condition number rises as the seventh")
def nearly_causal() -> Figure:
    """Nearly causal without padding, and its price.

    The scaled Fourier matrix with n = N = 8: what leaks is ε⁸, the condition number ε⁻⁷. Their product is ε.
    """
    epsilon = 2.0 ** -np.arange(0, 5)
    figure, axis = pictures.subplots(figsize=(5.4, 3.2))
    condition = [np.linalg.cond(np.fft.fft(np.eye(8)) * e ** np.arange(8)) for e in epsilon]
    axis.loglog(epsilon, epsilon**8, "o-", color=pictures.RED, label="leak")
    axis.loglog(epsilon, condition, "o-", color=pictures.BLUE, label="condition number, measured")
    axis.set(xlabel="ε")
    axis.invert_xaxis()
    axis.legend(frameon=False)
    return figure


@picture("Condition numbers of random members over N stay below the flat line of the bound, 9")
def conditioning() -> Figure:
    """A causal basis that stays well conditioned.

    Random members of the bounded family with ρ = ½, order two: measured condition numbers, and the proved bound
    ((1 + ρ)/(1 − ρ))², which does not grow with N.
    """
    roots = [2, 4, 6, 8, 12, 16]
    rng = np.random.default_rng(0)
    measured = []
    for b in roots:
        family = CausalMonarch((b, b))
        member = family.well_conditioned(rng.normal(size=family.coefficient_count))
        measured.append(np.linalg.cond(member.dense()))
    figure, axis = pictures.subplots(figsize=(5.4, 3.2))
    axis.semilogx([b * b for b in roots], measured, "o-", color=pictures.BLUE, label="measured", base=2)
    axis.axhline(CausalMonarch((2, 2)).condition_bound(0.5), color=pictures.INK, label="bound, for every N")
    axis.set(xlabel="N", ylabel="condition number", ylim=(0, 10))
    axis.legend(frameon=False)
    return figure


@picture(
    "Six masks of size 12: causal, a window, a prefix that sees itself, blocks, two documents, strictly earlier inputs"
)
def contracts() -> Figure:
    """What may depend on what.

    Six contracts that `monarch causal` can be asked about. Output i down, input j across; white must not be seen.
    """
    n = 12
    i, j = np.arange(n)[:, None], np.arange(n)
    lower = j <= i
    allowed = {
        "causal": lower,
        "window of 4": lower & (i - j < 4),
        "prefix of 5": lower | ((i < 5) & (j < 5)),
        "blocks of 3": j // 3 <= i // 3,
        "documents": lower & ((i < 7) == (j < 7)),
        "strictly earlier": j < i,
    }
    figure, axes = pictures.subplots(2, 3, figsize=(7.5, 5.4))
    for axis, (title, mask) in zip(axes.flat, allowed.items(), strict=True):
        pictures.draw_mask(axis, mask.astype(int), title)
    return figure


@picture("A narrow band below the diagonal that widens with each layer: 1, 2, 3 and 4 layers")
def layers() -> Figure:
    """How far a stack of windows sees.

    Each layer reads three positions back. What the whole may depend on is the product of the masks.
    """
    n = 16
    i, j = np.arange(n)[:, None], np.arange(n)
    one = ((j <= i) & (i - j <= 3)).astype(int)
    figure, axes = pictures.subplots(1, 4, figsize=(10, 2.8))
    reached = np.eye(n, dtype=int)
    for count, axis in enumerate(axes, start=1):
        reached = np.minimum(one @ reached, 1)
        pictures.draw_mask(axis, reached, f"{count} layer{'s' * (count > 1)}")
    return figure


@picture("Over the number of terms, the error of a float32 sum in order and by halves, each below its line")
def rounding() -> Figure:
    """Rounding, and the bounds that hold it.

    Sums of n random terms in float32, as a share of the sum of moduli: in order and by halves, with (1 + u)^m − 1 for
    m = n − 1 and m = ⌈log₂ n⌉ roundings.
    """
    from monarch_theory.rounding import gamma

    sizes = [2**k for k in range(2, 15)]
    rng = np.random.default_rng(0)
    in_order, halves = [], []
    for n in sizes:
        x = rng.normal(size=n).astype(np.float32)
        exact, scale = x.astype(float).sum(), np.abs(x).astype(float).sum()
        in_order.append(abs(float(np.cumsum(x, dtype=np.float32)[-1]) - exact) / scale)
        while len(x) > 1:
            x = x[: len(x) // 2] + x[len(x) // 2 :]
        halves.append(abs(float(x[0]) - exact) / scale)
    u = 2.0**-24
    figure, axis = pictures.subplots(figsize=(5.6, 3.4))
    axis.loglog(sizes, [gamma(n - 1, u) for n in sizes], color=pictures.RED, label="bound, in order")
    axis.loglog(sizes, in_order, "o", color=pictures.RED, label="measured, in order")
    axis.loglog(
        sizes, [gamma(int(np.ceil(np.log2(n))), u) for n in sizes], color=pictures.BLUE, label="bound, by halves"
    )
    axis.loglog(sizes, halves, "o", color=pictures.BLUE, label="measured, by halves")
    axis.set(xlabel="terms", ylabel="relative error", ylim=(1e-10, 1e-2))
    axis.legend(frameon=False, fontsize=8)
    return figure
