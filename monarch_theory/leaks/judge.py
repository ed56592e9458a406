"""Is a response of the past a leak or rounding? One pair of inputs at a time, on facts about the arithmetic.

A response within its floor is taken for rounding only where something of what was seen can spread the rounding of the
future over the past. A transform can, and a sum whose order follows a shape that the future decides. Of other
arithmetic of torch the precision is varied: *rounding follows the precision, a dependence does not*. In double
precision throughout, what single precision inside hid stands out; and where every result is rounded to single
precision, rounding that spreads grows by 2²⁹, while a dependence that was of the size of rounding is lost. A response
that none of these explains is undecided.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import combinations
from math import pi
from typing import Any

import numpy as np

from monarch_theory.leaks.contracts import Contract, Cut
from monarch_theory.leaks.inputs import MODERATE, MODERATE_HALF, Inputs, UndecidedError, unit_roundoff
from monarch_theory.leaks.noise import (
    DRAWS,
    LARGEST,
    SINGLE,
    Examination,
    Observe,
    along_line,
    floor_factor,
    mean_response,
    own_rounding,
    redrawn,
    scale,
    still,
)
from monarch_theory.leaks.outputs import Outputs, difference, tried

__all__ = ["Facts", "Judge", "immoderate", "roundoffs"]

DOUBLE = 2.0**-53
GROWN, GRIDS = 2.0**20, tuple(1 + k * 0.6180339887 % 1 for k in range(24))
STEP = 512
LONGEST_STEP = 2.0**-4
EXPLAINED = 256
AMPLIFIED = 4.0
UNMEASURED_HALF = 16
SINGLE_EXPLAINS = 64
FEWEST_SIGNS = 16
STRONG = 1e3
MOST_COLUMNS, MOST_STILL = 8, 0.25
LEAST_LEFT = 1e-3
MOST_ONE_SIDED, MOST_KEPT, MOST_ALIKE = 0.75, 0.9, 0.9


@dataclass(frozen=True)
class Facts:
    """What was seen of the arithmetic of a run.

    transforms: dtype and length of each; coarsest: dtype of least precision of torch's operations, None where torch
    took no part; redraws: whether rounding can be redrawn; sizes: a number that follows from all shapes torch computed;
    unstable: whether there were functions of matrices whose rounding nothing bounds, as SciPy's exponential.
    """

    transforms: tuple[tuple[str, int], ...] = ()
    coarsest: str | None = None
    redraws: bool = False
    sizes: int = 0
    unstable: bool = False


@dataclass
class Judge:
    """Tells leaks from rounding for one model.

    roundoffs: unit roundoff of each channel's dtype; facts: of one run; contract: what is asked; hidden_single: whether
    arithmetic in single precision, of which there is no sign in the dtypes, has been established; spreads: whether
    rounding has been seen to spread over what is watched; arithmetic: "double" where torch's is all in that precision;
    look: facts of a run on another input.
    """

    observe: Observe
    inputs: Inputs
    roundoffs: np.ndarray
    facts: Facts
    seed: int
    contract: Contract
    hidden_single: bool = False
    spreads: bool = False
    constants: bool | None = None
    arithmetic: str = ""
    notes: list[str] = field(default_factory=list)
    look: Callable[[np.ndarray], Facts] | None = None

    @property
    def unit(self) -> float:
        """The largest unit roundoff of the inputs, the outputs and what was seen between."""
        seen = [dtype for dtype, _ in self.facts.transforms] + [self.facts.coarsest or "", self.inputs.dtype]
        return max(float(self.roundoffs.max()), *(unit_roundoff(dtype) for dtype in seen))

    def drowns(self, size: float, changed: np.ndarray) -> bool:
        """Whether a future is so large that, where rounding spreads, little or nothing is left of a past of `size`."""
        if self.inputs.integer or not (self.spreads or self.facts.transforms):
            return False
        largest = float(np.abs(changed).max())
        return largest > size * 10 and self.unit * largest > LEAST_LEFT * size

    def examine(self, base: np.ndarray, changed: np.ndarray, cut: Cut) -> Examination:
        """The outputs that the cut watches, held against their floors.

        Raises:
            UndecidedError: a response is neither explained as rounding nor steady enough to be a leak.
        """
        exact = None
        try:
            found = self._examined(base, changed, cut)
        except UndecidedError:
            exact = self._exactly(base, changed, cut)
            if exact is None or not exact.leaks.any():
                raise
            return exact
        if found.leaks.any() or not found.response.any():
            return found
        if self.facts.coarsest is None:
            self._demand_fluctuation(base, changed, cut)
            return found
        if self.arithmetic or self.unit <= DOUBLE:
            self._demand_cause(base, changed, cut)
            return found
        exact = self._exactly(base, changed, cut)
        if exact is None and not self.facts.transforms:
            raise self._unexplained(found.response.max(), "the model does not run in double precision throughout")
        return exact if exact is not None and exact.leaks.any() else found

    def _exactly(self, base: np.ndarray, changed: np.ndarray, cut: Cut) -> Examination | None:
        """As `examine`, all of torch's arithmetic in double precision; None where it was, or the model raises."""
        if self.arithmetic or self.facts.coarsest is None or self.unit <= DOUBLE:
            return None
        judge = self.in_double()
        return None if judge is None else replace(judge.examine(base, changed, cut), arithmetic="double")

    def in_double(self) -> Judge | None:
        """The judge of the model with all of torch's arithmetic in double precision; None where that raises."""
        observe = partial(self.observe, arithmetic="double")
        if tried(observe, self.inputs.draw(0)[0]) is None:
            return None
        transforms = tuple(("complex128", length) for _, length in self.facts.transforms)
        facts = replace(self.facts, coarsest="float64", transforms=transforms)
        units = np.minimum(self.roundoffs, DOUBLE)
        return replace(self, observe=observe, facts=facts, roundoffs=units, arithmetic="double", notes=self.notes)

    def _demand_cause(self, base: np.ndarray, changed: np.ndarray, cut: Cut) -> None:
        """Refuse a response in double precision that nothing spreads, and that does not grow as rounding does.

        The rows of a product come out in the same bits as long as its shape is the same; not where tokens that are
        routed elsewhere change it.
        """
        if self.facts.transforms or (self.look and self.look(base).sizes != self.look(changed).sizes):
            return

        def response(**arithmetic: Any) -> np.ndarray:
            y, z = self.observe(base, **arithmetic), self.observe(changed, **arithmetic)
            return difference(y, z, cut.watched).max(axis=0)

        fine = response(arithmetic="double")
        coarse = np.zeros_like(fine)
        for grid in GRIDS:  # on some of which rounding comes out equal by chance, where few places are watched
            coarse = np.maximum(coarse, response(arithmetic="single", amplitude=grid))
            if (coarse >= GROWN * fine).all():
                return
        why = "it does not grow where all results are rounded to single precision, as rounding would"
        raise self._unexplained(float(fine.max()), why)

    def _demand_fluctuation(self, base: np.ndarray, changed: np.ndarray, cut: Cut) -> None:
        """Refuse a response within the floor, of arithmetic that is not seen, which rounding does not explain.

        Rounding fluctuates about zero where inputs move by little; what stays is a dependence, or constants that were
        rounded once and kept.
        """
        if self.facts.transforms or self.inputs.integer or self.inputs.half:
            return
        u = max(unit_roundoff(self.inputs.dtype), float(self.roundoffs.max()), SINGLE if self.hidden_single else 0.0)
        past = min(STEP * u * max(self._swamped(base, changed, cut), 1.0), LONGEST_STEP)
        rng = np.random.default_rng([self.seed, cut.number, 6])
        mean, error = mean_response(self.observe, self.inputs, base, changed, cut, rng, STEP * u, past)
        steady = mean > floor_factor(self.inputs, mean.size, False) * error
        if not steady.any():
            return
        if self.constants is None:
            self.constants = self._reach()
        if not self.constants:
            why = "it does not fluctuate as rounding does where inputs move by little"
            raise self._unexplained(float(mean[steady].max()), why)

    def _unexplained(self, response: float, why: str) -> UndecidedError:
        return UndecidedError(
            "noise",
            f"{self.contract.change} by {response:.1e}, of the size of rounding; but no transform was seen that would "
            f"spread rounding so, and {why}: it may be a small leak, which other weights (--randomise) may enlarge",
        )

    def _examined(self, base: np.ndarray, changed: np.ndarray, cut: Cut) -> Examination:
        y, z = self.observe(base), self.observe(changed)
        response = difference(y, z, cut.watched)
        size = scale(y, z)
        noise = own_rounding(self.roundoffs, y, z, cut.watched)
        factor = floor_factor(self.inputs, response.size, not (self.facts.redraws or self.inputs.half))
        if self.facts.unstable:
            return self._unmeasured(response, size, factor, noise)
        if self.facts.redraws:
            drawn = self._redrawn(base, changed, cut, response > factor * noise)
            noise = np.minimum(np.maximum(noise, drawn), LARGEST / factor)
            found = Examination(response, factor * noise, noise)
            if not found.leaks.any() or self.inputs.integer or self.inputs.half:
                return found
        elif self.inputs.integer or self.inputs.half:
            return self._unmeasured(response, size, factor, noise)
        return self._along_lines(base, changed, cut, response, noise, factor, size)

    def _redrawn(self, base: np.ndarray, changed: np.ndarray, cut: Cut, suspect: np.ndarray) -> np.ndarray:
        """The noise; where a suspect place shows none, more draws of larger errors, for what opens and shuts rarely."""
        noise = redrawn(self.observe, base, changed, cut.watched, self.seed + 17 * cut.number)
        quiet = suspect & (noise == 0)
        if quiet.any():
            seed = self.seed + 17 * cut.number + 7
            more = redrawn(self.observe, base, changed, cut.watched, seed, 2 * DRAWS, AMPLIFIED)
            noise = np.where(quiet, more, noise)
        return noise

    def _unmeasured(self, response: np.ndarray, size: np.ndarray, factor: float, own: np.ndarray) -> Examination:
        """Where noise cannot be measured: nothing within what rounding might explain is decided."""
        grown = UNMEASURED_HALF if self.inputs.half else EXPLAINED * self.inputs.n
        relative = np.sqrt(self.roundoffs) if self.facts.unstable else grown * self.roundoffs  # half of the digits
        bound = np.maximum(factor * own, relative * size)
        doubtful = (response > 0) & (response <= bound)
        if doubtful.any() and not (response > bound).any():
            why = (
                "it takes functions of matrices" if self.facts.unstable else "ask again with --dtype float64 or float32"
            )
            raise UndecidedError(
                "noise",
                f"{self.contract.change} by {response[doubtful].max():.1e}, which may be rounding, and "
                f"the noise of this callable cannot be measured: {why}",
            )
        return Examination(response, bound, own)

    def _along_lines(
        self,
        base: np.ndarray,
        changed: np.ndarray,
        cut: Cut,
        response: np.ndarray,
        noise: np.ndarray,
        factor: float,
        size: np.ndarray,
    ) -> Examination:
        known = unit_roundoff(self.facts.coarsest or "")
        u = max(unit_roundoff(self.inputs.dtype), float(self.roundoffs.max()), known)
        fine = self._line(base, changed, cut, noise, factor, STEP * u, 0)
        if fine.leaks.any():
            fine = fine.agreeing(self._line(base, changed, cut, noise, factor, STEP * u, 1))
        swamped = self._swamped(base, changed, cut)
        if fine.leaks.any() and swamped > 1:
            h = min(STEP * u * swamped, LONGEST_STEP)
            fine = fine.agreeing(self._line(base, changed, cut, noise, factor, h, 5, past_only=True))
        if not fine.leaks.any():
            unexplained = (response > factor * noise) & (fine.noise > EXPLAINED * u * size)
            if not unexplained.any():
                return fine
            unmoved = unexplained & self._still(base, changed, cut, u)
            if not unmoved.any():
                raise self._doubtful(response[unexplained].max(), fine.noise[unexplained].max())
            return Examination(
                response, np.where(unmoved, factor * noise, np.maximum(fine.floor, response)), fine.noise
            )
        if self._are_constants(fine, u, size):
            return Examination(response, np.maximum(fine.floor, self._table(u) * size), fine.noise)
        if u >= SINGLE or self.facts.coarsest or self.facts.transforms:
            return fine
        return self._unless_single(base, changed, cut, fine, noise, factor, size)

    def _line(
        self,
        base: np.ndarray,
        changed: np.ndarray,
        cut: Cut,
        noise: np.ndarray,
        factor: float,
        h: float,
        line: int,
        past_only: bool = False,
    ) -> Examination:
        rng = np.random.default_rng([self.seed, cut.number, line])
        response, s = along_line(self.observe, self.inputs, base, changed, cut, rng, h, past_only=past_only)
        both = np.minimum(np.maximum(noise, s), LARGEST / factor)
        return Examination(response, factor * both, both)

    def _still(self, base: np.ndarray, changed: np.ndarray, cut: Cut, u: float) -> np.ndarray:
        """Which outputs answer to no steps of rounding's size of what is changed, in the dtypes known and in single."""
        rng = np.random.default_rng([self.seed, cut.number, 4])
        steps = dict.fromkeys((STEP * u, STEP * max(u, SINGLE)))
        return np.all([still(self.observe, self.inputs, base, changed, cut, rng, h) for h in steps], axis=0)

    def _unless_single(
        self,
        base: np.ndarray,
        changed: np.ndarray,
        cut: Cut,
        fine: Examination,
        noise: np.ndarray,
        factor: float,
        size: np.ndarray,
    ) -> Examination:
        """A steady response is a leak, unless single precision inside, which small steps do not stir, explains it.

        Steps of single precision stir its rounding; then so do steps of the past alone. A leak that only looks rough at
        these steps stays steady where the past alone moves.
        """
        beyond = fine.leaks & (fine.response > SINGLE_EXPLAINS * SINGLE * size)
        if beyond.any():
            return fine
        coarse = self._line(base, changed, cut, noise, factor, STEP * SINGLE, 2)
        if coarse.leaks.any():
            return fine.agreeing(coarse)
        h = min(STEP * SINGLE * max(self._swamped(base, changed, cut), 1.0), LONGEST_STEP)
        steady = self._line(base, changed, cut, noise, factor, h, 3, past_only=True)
        if steady.leaks.any():
            return fine.agreeing(steady)
        if h < LONGEST_STEP:
            self.hidden_single = True
        if not self.hidden_single:
            raise self._doubtful(fine.response.max(), coarse.noise.max())
        note = "the arithmetic inside is coarser than the outputs' dtype: of single precision, by its noise"
        if note not in self.notes:
            self.notes.append(note)
        return coarse

    def _swamped(self, base: np.ndarray, changed: np.ndarray, cut: Cut) -> float:
        """How many times larger than the inputs that stay those are that are changed.

        Beside a large number the rounding of a small one is that of its place on the large one's grid. That place is
        the same wherever the large one moves: only steps of the small one, as long as the grid is wide, stir it.
        """
        kept = np.delete(base, cut.changed, self.inputs.axis)
        past, *sizes = (float(np.max(a := np.abs(x), where=np.isfinite(a), initial=0.0)) for x in (kept, base, changed))
        return max(sizes) / (past or 1.0)

    def _table(self, u: float) -> float:
        """12πn·u: a DFT table computed as exp(2πi·jk/N), N = 2n, has phase errors up to 2πN·u, and three take part."""
        return 12 * pi * self.inputs.n * u

    def _are_constants(self, found: Examination, u: float, size: np.ndarray) -> bool:
        """Whether a response is that of a transform written as a table, whose constants were rounded once and kept.

        Such constants do not fluctuate, so the response is steady. It is of their size; it reaches all outputs from
        any one input; and its sign changes from place to place, as their errors do.
        """
        bound = np.broadcast_to(self._table(u) * size, found.response.shape)
        elsewhere = u >= SINGLE or self.facts.transforms or self.contract.along == "batch"
        if elsewhere or (found.response[found.leaks] > bound[found.leaks]).any():
            return False
        if self.constants is None:
            self.constants = self._reach()
        return self.constants

    def _blind(self, j: int) -> np.ndarray:
        """The outputs that may not see input j, ascending."""
        return np.flatnonzero(~self.contract.allowed(np.arange(self.contract.n), j))

    def _reach(self) -> bool:
        """Whether changing one input alone moves nearly all outputs that may not see it, in either direction alike.

        Asked of several inputs that most outputs may not see; a direct path would move these one way, or smoothly. A
        factor for all of them would move them alike, whichever input it comes from; errors of constants do not.
        """
        base, n = self.inputs.draw(0)[0], self.inputs.n
        counts = np.array([len(self._blind(j)) for j in range(n)])
        most = np.lexsort((-np.arange(n), -counts))[: n // 4 + 1]
        y, signs, ways = self.observe(base), [], []
        for j in most[:: -(-len(most) // MOST_COLUMNS)]:
            strong = self.inputs.rounded(STRONG * (1 + np.abs(base)))
            z, blind = self.observe(self.inputs.splice(base, strong, j, j + 1)), self._blind(int(j))
            moved = np.full(y.wide.shape, np.nan)
            moved[blind] = (z.wide[blind] - y.wide[blind]).real
            signs.append(np.sign(moved[blind]))
            ways.append(moved)
        if sum(s.size for s in signs) < FEWEST_SIGNS:
            return False
        zeros = np.mean([float((s == 0).mean()) for s in signs])
        one_sided = np.mean([float(np.abs(s.mean(axis=0)).mean()) for s in signs])
        kept = np.mean([float((s[1:] * s[:-1]).mean()) for s in signs if len(s) > 1])
        return bool(
            zeros <= MOST_STILL and one_sided < MOST_ONE_SIDED and kept < MOST_KEPT and alike(ways) < MOST_ALIKE
        )

    def _doubtful(self, response: float, noise: float) -> UndecidedError:
        return UndecidedError(
            "noise",
            f"{self.contract.change} by {response:.1e}, with noise of {noise:.1e}: more than rounding "
            "explains, so the model is unstable or not continuous",
        )


def alike(ways: list[np.ndarray]) -> float:
    """How much the ways in which several inputs move the outputs resemble each other: the median |cosine| of two.

    Args:
        ways: changes of the outputs, each (n, channels), NaN where they are not asked about.

    >>> round(alike([np.array([[1.0], [2.0]]), np.array([[-2.0], [-4.0]])]), 6)
    1.0
    """
    both = [(a[known], b[known]) for a, b in combinations(ways, 2) if (known := np.isfinite(a) & np.isfinite(b)).any()]
    sizes = [(float(np.linalg.norm(a) * np.linalg.norm(b)), float(abs(np.vdot(a, b)))) for a, b in both]
    return float(np.median([product / size for size, product in sizes if size] or [0.0]))


def immoderate(inputs: Inputs, x: np.ndarray) -> bool:
    """Whether some values are so large that infinities or absorption are to be expected of usual models."""
    return not inputs.integer and float(np.abs(x).max()) > (MODERATE_HALF if inputs.half else MODERATE)


def roundoffs(outputs: Outputs, dtypes: tuple[str, ...]) -> np.ndarray:
    """Unit roundoff of each channel, (channels,)."""
    return np.concatenate(
        [np.full(y.shape[1], unit_roundoff(dtype)) for y, dtype in zip(outputs.arrays, dtypes, strict=True)]
    )
