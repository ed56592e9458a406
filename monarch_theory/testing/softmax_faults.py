"""Ways in which kernels get a softmax wrong: its maximum, its mask, and what a running maximum must rescale."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

import numpy as np

from monarch_theory.testing.faults import TILES

__all__ = ["Softmax", "softmax_faults"]

Softmax = Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]
"""Scores (…, n, m), which of them count (n, m), and values (…, m, e), to (…, n, e)."""

CAPS = (20.0, 30.0, 50.0)
"""Usual limits of capped scores: c tanh(s/c)."""

MASKS = (1e4, 1e9)
"""What masked scores are set to, or lessened by, instead of left out."""


def softmax_faults(keys: int, *, causal: bool) -> Iterable[tuple[str, str, Softmax]]:
    """Causes, what exactly, and what a kernel with such a fault gives."""
    tiles = [tile for tile in TILES if tile < keys]
    for real in (np.float32, np.float64):
        inside = f"in {real.__name__}, which overflow or vanish together"
        shifts: tuple[tuple[str, Callable[[np.ndarray], Any]], ...] = (
            ("of the scores as they are", _nothing),
            ("of the scores less their maximum or zero", _maximum_or_zero),
            *((f"of the scores less the maximum of the first {t} keys", partial(_of_first, tile=t)) for t in tiles),
        )
        for less, shift in shifts:
            yield "softmax without its maximum", f"exponentials {less}, {inside}", partial(_shifted, shift, real)
    for tile in (tile for tile in TILES if keys % tile):
        more = f"{-keys % tile} keys of score zero after the last of {keys}, which fill a tile of {tile}"
        yield "padding counted", f"the sum of weights has {more}", partial(_padded, -keys % tile)
    for cap in CAPS:
        yield "scores capped", f"scores s taken for {cap:g} tanh(s/{cap:g})", partial(_capped, cap)
    for tile in tiles:
        for what, sums in (("what was summed", (False, False)), ("the sum of values", (True, False)),
                           ("the sum of weights", (False, True))):  # fmt: skip
            detail = f"tiles of {tile} keys: {what} before is not rescaled where the maximum grows"
            yield "not rescaled", detail, partial(_in_tiles, tile, *sums)
    if causal:
        for least in MASKS:
            set_to, lessened = (partial(_masked, least, added) for added in (False, True))
            yield "mask too weak", f"masked scores are set to {-least:g}, which large scores are below", set_to
            yield "mask too weak", f"masked scores are lessened by {least:g}, which large scores make up for", lessened
        for tile in tiles:
            detail = f"the mask of the first {tile} keys serves for every tile of {tile}"
            yield "not causal", detail, partial(_mask_of_first, tile)


def _nothing(scores: np.ndarray) -> Any:
    return scores.dtype.type(0)


def _maximum_or_zero(scores: np.ndarray) -> Any:
    return np.maximum(scores.max(-1, keepdims=True), 0)


def _of_first(scores: np.ndarray, tile: int) -> Any:
    return scores[..., :tile].max(-1, keepdims=True)


def _shifted(
    shift: Callable[[np.ndarray], Any], real: Any, scores: np.ndarray, keep: np.ndarray, v: np.ndarray
) -> np.ndarray:
    held = np.where(keep, scores, -np.inf).astype(real)
    e = np.exp(held - shift(held))
    return np.asarray((e / e.sum(-1, keepdims=True)) @ v)


def _weighed(scores: np.ndarray, keep: np.ndarray, v: np.ndarray) -> np.ndarray:
    e = np.where(keep, np.exp(scores - np.where(keep, scores, -np.inf).max(-1, keepdims=True)), 0.0)
    return np.asarray((e / e.sum(-1, keepdims=True)) @ v)


def _capped(cap: float, scores: np.ndarray, keep: np.ndarray, v: np.ndarray) -> np.ndarray:
    return _weighed(cap * np.tanh(scores / cap), keep, v)


def _padded(more: int, scores: np.ndarray, keep: np.ndarray, v: np.ndarray) -> np.ndarray:
    """Without a mask, or beside one, keys that are not there have a score of zero, and values of zero."""
    held = np.where(keep, scores, -np.inf)
    top = np.maximum(held.max(-1, keepdims=True), 0)
    e = np.exp(held - top)
    return np.asarray((e @ v) / (e.sum(-1, keepdims=True) + more * np.exp(-top)))


def _masked(least: float, added: bool, scores: np.ndarray, keep: np.ndarray, v: np.ndarray) -> np.ndarray:
    held = np.where(keep, scores, scores - least if added else -least)
    return _weighed(held, np.ones_like(keep), v)


def _mask_of_first(tile: int, scores: np.ndarray, keep: np.ndarray, v: np.ndarray) -> np.ndarray:
    queries, keys = keep.shape
    return _weighed(scores, np.arange(keys) % tile <= np.arange(queries)[:, None], v)


def _in_tiles(
    tile: int, weights_are: bool, values_are: bool, scores: np.ndarray, keep: np.ndarray, v: np.ndarray
) -> np.ndarray:
    """A running maximum over tiles; weights and values summed are rescaled to the last one, or stay as they were."""
    held = np.where(keep, scores, -np.inf)
    firsts = range(0, held.shape[-1], tile)
    tops = np.stack([held[..., : start + tile].max(-1) for start in firsts], -1)  # (…, n, tiles)
    running = np.repeat(tops, tile, -1)[..., : held.shape[-1]]
    at_the_time = np.where(np.isneginf(held), 0.0, np.exp(held - running))
    at_last = np.where(np.isneginf(held), 0.0, np.exp(held - tops[..., -1:]))
    weights, values = (at_last if are else at_the_time for are in (weights_are, values_are))
    return np.asarray((values @ v) / weights.sum(-1, keepdims=True))
