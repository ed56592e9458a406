"""Alternating least squares over the factors of a sum of Monarch matrices: closed form, and never farther than before.

An entry is a sum of products, M[i, a] = Σ_t ∏_k C_{tk}[i_0 … i_k, a_k … a_{p−1}]. With all factors but those of stage k
held, the nearest matrix is a separate least-squares problem for each entry of stage k, with one unknown a term:

    Σ_u G_{tu} C_{uk} = Σ T·conj(P_t S_t),      G_{tu} = Σ conj(P_t) P_u · Σ conj(S_t) S_u,
    P_t = ∏_{j<k} C_{tj},   S_t = ∏_{j>k} C_{tj},

summed over i_{k+1} … i_{p−1} and a_0 … a_{k−1}: P does not read those outputs, S does not read those inputs, so the two
sums are taken apart. Contracting T with one factor after another shrinks it, and a sweep over all stages costs a few
passes over the matrix for each term. For one term G is a number, and the solution a quotient.

Sweeps begin ahead of where the last one ended, by a share of what it moved (Nesterov's momentum, as Mitchell, Ye and De
Sterck 2020 use it for tensors); a sweep that ends farther than the one before is undone, and the momentum with it.

Passes through memory take the time, so a large matrix is swept in single precision until that no longer gains, and then
in its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import isfinite, prod, sqrt

import numpy as np

from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.convergence import watch

__all__ = ["polish", "polish_sum", "product", "product_of_factors", "swept"]

Cores = list[np.ndarray]
SWEEPS = 40
MORE_SWEEPS = 400  # while what is left of the squared norm keeps shrinking, as it does towards a member
SETTLED = 1e-4  # share of the squared norm, captured or left, whichever is more, that a sweep adds
SHRINKS = 0.02  # share of the squared norm left that a sweep takes away, where it goes on
NEARLY = 1e-8  # share of the squared norm left below which it is known from the residual alone
ROUGHLY = 1e-2  # share of the squared norm left down to which half of the digits, and of the memory, are enough
LARGE = 2**16  # entries from which on they are sooner passed through
HALVES = {np.dtype(np.float64): np.dtype(np.float32), np.dtype(np.complex128): np.dtype(np.complex64)}
WIDE = 8  # radix from which on a contraction is a product of matrices sooner than a sum of products
RIDGE = 512  # roundoffs of the trace: terms that have grown alike hold on to what they were


class Room(dict[tuple[str, int], np.ndarray]):
    """Large arrays of one sweep, which the next fills again: to be given new memory takes longer than to fill it."""

    def of(self, what: str, k: int, shape: tuple[int, ...], dtype: np.dtype) -> np.ndarray:
        """Uninitialised, unless there was one."""
        if (what, k) not in self:
            self[what, k] = np.empty(shape, dtype)
        return self[what, k]


def polish(tensor: np.ndarray, cores: Cores, kind: MonarchClass, *, sweeps: int = MORE_SWEEPS) -> Cores:
    """Cores of a member no farther from a digit tensor, up to rounding, where sweeps no longer gain.

    Args:
        tensor: axes (i_0, …, i_{p−1}, a_0, …, a_{p−1}).
        cores: as those of `BlockTensorTrain`, every bond of width one.
        sweeps: most of them.

    Raises:
        ValueError: a bond wider than one.
    """
    return polish_sum(tensor, [cores], kind, sweeps=sweeps)[0]


def polish_sum(tensor: np.ndarray, terms: list[Cores], kind: MonarchClass, *, sweeps: int = MORE_SWEEPS) -> list[Cores]:
    """`polish` for the cores of every term of a sum, all terms at once.

    Raises:
        ValueError: a bond wider than one.
    """
    if max(kind.ranks) > 1:
        raise ValueError(f"rank: expected 1 for products entry by entry, got {kind.rank}")
    factors = [np.stack(stage) for stage in zip(*(_factors(cores, kind) for cores in terms), strict=True)]
    whole = _laid_out(tensor, kind)
    note = watch()
    begun = _Swept(factors, 0.0, float(_square(whole).sum()))
    if whole.size >= LARGE and whole.dtype in HALVES and sweeps == MORE_SWEEPS:
        begun = _begun(whole, begun, kind, note)
    factors = _swept(whole, begun, kind, note, 0.0, sweeps).factors
    return [
        [factor[term].transpose(0, 3, 1, 2).reshape(core.shape) for factor, core in zip(factors, cores, strict=True)]
        for term, cores in enumerate(terms)
    ]


def swept(tensor: np.ndarray, factors: Cores, kind: MonarchClass, sweeps: int) -> Cores:
    """`polish` for a member's factors, each of shape (i_0 … i_{k−1}, i_k, a_k, a_{k+1} …), with so many sweeps."""
    whole = _laid_out(tensor, kind)
    begun = _Swept([factor[None] for factor in factors], 0.0, float(_square(whole).sum()))
    return [factor[0] for factor in _swept(whole, begun, kind, watch(), 0.0, sweeps).factors]


@dataclass(frozen=True, eq=False)
class _Swept:
    """Factors, and the squared norm that they capture and leave."""

    factors: Cores
    captured: float
    left: float


def _begun(whole: np.ndarray, begun: _Swept, kind: MonarchClass, note: Callable[[float], None]) -> _Swept:
    """Swept in single precision, where that is worth it and comes nearer.

    What is near already has digits that single precision lacks, and sweeps may take long to give them back.
    """
    before = _left(whole, begun.factors, kind)
    if before <= ROUGHLY * begun.left:
        return begun
    with np.errstate(over="ignore", invalid="ignore"):
        fast = _swept(whole.astype(HALVES[whole.dtype]), begun, kind, note, ROUGHLY)
        factors = [factor.astype(whole.dtype) for factor in fast.factors]
        after = _left(whole, factors, kind)
    return _Swept(factors, fast.captured, after) if after < before else begun  # what overflowed is no number


def _left(whole: np.ndarray, factors: Cores, kind: MonarchClass) -> float:
    """Squared norm that factors leave."""
    return float(_square(whole - _dense(factors, kind)).sum())


def _swept(
    whole: np.ndarray,
    begun: _Swept,
    kind: MonarchClass,
    note: Callable[[float], None],
    enough: float,
    sweeps: int = MORE_SWEEPS,
) -> _Swept:
    """Swept until that no longer gains, or leaves no more than a share `enough` of the squared norm."""
    total = float(_square(whole).sum())
    factors = before = [factor.astype(whole.dtype, copy=False) for factor in begun.factors]
    captured, left, momentum, room = begun.captured, begun.left, 0, Room()
    for sweep in range(sweeps):
        moved = _ahead(factors, before, momentum)
        found = _sweep(whole, moved, kind.output_radices, room)
        if not isfinite(found):
            break
        rest = total - found
        if rest < NEARLY * total:
            rest = _left(whole, moved, kind)
        if momentum and rest > left:  # too far: once more from where it was
            momentum, before = 0, factors
            continue
        gains = sweep < SWEEPS and found - captured > SETTLED * max(captured, left)
        settled = not gains and rest >= left * (1 - SHRINKS)
        captured, left, momentum, before, factors = found, rest, momentum + 1, factors, moved
        note(sqrt(max(left, 0.0) / total) if total else 0.0)
        if settled or left < enough * total:
            break
    return _Swept(factors, captured, left)


def _ahead(factors: Cores, before: Cores, momentum: int) -> Cores:
    """Where a sweep begins: where the last one ended, and on by a share of what it moved."""
    if not momentum:
        return list(factors)
    share = momentum / (momentum + 3)
    return [now + now.dtype.type(share) * (now - was) for now, was in zip(factors, before, strict=True)]


def product(cores: Cores, kind: MonarchClass) -> np.ndarray:
    """The digit tensor of a member whose bonds are of width one, axes (i_0, …, i_{p−1}, a_0, …, a_{p−1})."""
    return product_of_factors(_factors(cores, kind), kind)


def product_of_factors(factors: Cores, kind: MonarchClass) -> np.ndarray:
    """The same of its factors."""
    return _dense([factor[None] for factor in factors], kind).reshape(kind.output_radices + kind.input_radices)


def _laid_out(tensor: np.ndarray, kind: MonarchClass) -> np.ndarray:
    """A digit tensor, axes (i_0, i_1 …, a_0, a_1 …), in memory as stage 0 contracts it."""
    m, n = kind.output_radices[0], kind.input_radices[0]
    whole = tensor.reshape(m, prod(kind.output_radices[1:]), n, prod(kind.input_radices[1:]))
    if n < WIDE:
        return np.ascontiguousarray(whole)
    return np.ascontiguousarray(whole.transpose(0, 3, 1, 2)).transpose(0, 2, 3, 1)


def _dense(factors: Cores, kind: MonarchClass) -> np.ndarray:
    """The sum, axes (i_0, i_1 …, a_0, a_1 …)."""
    suffix = _suffixes(factors, kind.output_radices, Room())[0]  # (t, i_0, i_1 …, a_1 …)
    if len(suffix) == 1:  # an outer product, which is no work for BLAS
        return suffix[0][:, :, None] * factors[0][0, 0][:, None]
    return np.asarray((suffix.transpose(1, 3, 2, 0) @ factors[0][:, 0].transpose(1, 3, 0, 2)).transpose(0, 2, 3, 1))


def _factors(cores: Cores, kind: MonarchClass) -> Cores:
    """C_k, shape (i_0 … i_{k−1}, i_k, a_k, a_{k+1} … a_{p−1})."""
    rows, columns = kind.output_radices, kind.input_radices
    shapes = ((prod(rows[:k]), rows[k], columns[k]) for k in range(kind.order))
    return [
        core.reshape(before, -1, m, n).transpose(0, 2, 3, 1) for core, (before, m, n) in zip(cores, shapes, strict=True)
    ]


def _sweep(whole: np.ndarray, factors: Cores, rows: tuple[int, ...], room: Room) -> float:
    """Solve for one stage after another, in place; ‖T‖² less the squared distance at the end."""
    suffixes, after_grams = _suffixes(factors, rows, room), _suffix_grams(factors, rows)
    terms = len(factors[0])
    state = whole  # T contracted with the conjugates of each term's factors before
    grams = np.ones((terms, terms, 1, *factors[0].shape[3:]))  # Σ conj(P_t) P_u, (t, u, i_0 … i_{k−1}, a_k, a_{k+1} …)
    captured = 0.0
    for k, factor in enumerate(factors):
        _, before, m, n, after = factor.shape
        rest = prod(rows[k + 1 :])
        suffix = suffixes[k].reshape(terms, before, m, rest, after)
        if k == 0:  # all of T, once for all terms
            found = _first_found(whole, suffix[:, 0].conj())[:, None]
        else:
            state = state.reshape(terms, before, m, rest, n, after)
            found = np.einsum("timqna,timqa->timna", state, suffix.conj())
        weight = grams[:, :, :, None] * after_grams[k][:, :, :, :, None]  # (t, u, before, m, n, after)
        factors[k] = solved = _solve(weight, found, factor)
        last = k + 1 == len(factors)
        if last:
            image = np.einsum("tuimna,uimna->timna", weight, solved)
            captured = float((solved.conj() * (2 * found - image)).real.sum())
        elif k == 0:
            state = _first_state(whole, solved[:, 0].conj(), room)
        else:
            after_it = room.of("state", k, suffix.shape, state.dtype)
            state = np.einsum("timqna,timna->timqa", state, solved.conj(), out=after_it)
        if not last:
            grams = (_pairs(solved) * grams[:, :, :, None]).sum(4)  # (t, u, before, m, after)
            grams = grams.reshape(terms, terms, before * m, factors[k + 1].shape[3], -1)
    return captured


def _first_found(whole: np.ndarray, suffix: np.ndarray) -> np.ndarray:
    """Σ T S over i_1 …, shape (t, i_0, a_0, a_1 …): for wide stages a product of matrices."""
    if whole.shape[2] < WIDE:
        return np.asarray(np.einsum("mqna,tmqa->tmna", whole, suffix))
    return np.asarray((suffix.transpose(1, 3, 0, 2) @ whole.transpose(0, 3, 1, 2)).transpose(2, 0, 3, 1))


def _first_state(whole: np.ndarray, factor: np.ndarray, room: Room) -> np.ndarray:
    """Σ T C over a_0, shape (t, i_0, i_1 …, a_1 …)."""
    terms, m, _, after = factor.shape
    state = room.of("state", 0, (terms, m, whole.shape[1], after), np.result_type(whole, factor))
    if whole.shape[2] < WIDE:
        return np.asarray(np.einsum("mqna,tmna->tmqa", whole, factor, out=state))
    image = whole.transpose(0, 3, 1, 2) @ factor.transpose(1, 3, 2, 0)  # (i_0, a_1 …, i_1 …, t)
    state[...] = image.transpose(3, 0, 2, 1)
    return state


def _pairs(factor: np.ndarray) -> np.ndarray:
    """conj(C_t) C_u, axes (t, u, …)."""
    return _square(factor)[None] if len(factor) == 1 else factor.conj()[:, None] * factor[None]


def _suffix_grams(factors: Cores, rows: tuple[int, ...]) -> Cores:
    """Σ conj(S_t) S_u over i_{k+1} … i_{p−1} for every k, shape (t, u, i_0 … i_k, a_{k+1} …), one by the next."""
    terms = len(factors[0])
    grams = [np.ones((terms, terms, prod(rows[:-1]), rows[-1], 1))]
    for k in range(len(factors) - 1, 0, -1):
        summed = (_pairs(factors[k]) * grams[-1][:, :, :, :, None]).sum(3)  # (t, u, before, n, after)
        grams.append(summed.reshape(terms, terms, prod(rows[: k - 1]), rows[k - 1], -1))
    return grams[::-1]


def _solve(weight: np.ndarray, found: np.ndarray, before: np.ndarray) -> np.ndarray:
    """The unknowns of every entry, one a term; what nothing depends on stays as it was."""
    if len(found) == 1:
        held = weight[0] > np.finfo(before.dtype).tiny
        return np.divide(found, weight[0], out=before.copy(), where=held, casting="same_kind")
    systems = np.moveaxis(weight, (0, 1), (-2, -1))
    # (G + λ) c = b + λ c_before is the nearest that is not far from c_before: never farther, and never singular
    unit = float(np.finfo(before.dtype).eps)
    ridge = RIDGE * unit * np.einsum("...tt", systems).real + np.finfo(before.dtype).tiny
    systems = systems + ridge[..., None, None] * np.eye(len(found))
    known = np.moveaxis(found + ridge * before, 0, -1)[..., None]
    return np.moveaxis(np.linalg.solve(systems, known)[..., 0], -1, 0).astype(before.dtype, copy=False)


def _suffixes(factors: Cores, rows: tuple[int, ...], room: Room) -> Cores:
    """∏_{j>k} C_{tj} for every k, shape (t, i_0 … i_k, i_{k+1} … i_{p−1}, a_{k+1} … a_{p−1})."""
    terms = len(factors[0])
    suffix = np.ones((terms, prod(rows), 1, 1), factors[-1].dtype)
    found = [suffix]
    for k in range(len(factors) - 1, 0, -1):
        _, before, m, n, after = factors[k].shape
        old, factor = suffix.reshape(terms, before, m, -1, 1, after), factors[k][:, :, :, None]
        shape = terms, before, m, old.shape[3], n, after
        grown = np.multiply(old, factor, out=room.of("suffix", k, shape, np.result_type(old, factor)))
        suffix = grown.reshape(terms, before, -1, n * after)
        found.append(suffix)
    return found[::-1]


def _square(array: np.ndarray) -> np.ndarray:
    return np.asarray(array.real**2 + array.imag**2 if np.iscomplexobj(array) else array**2)
