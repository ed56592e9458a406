"""Divide and conquer as Monarch matrices: neighbouring segments of polynomials, combined at every frequency.

A state holds, for every segment of `length` terms, a few polynomials of degree below `length`. Two neighbours combine
into polynomials of degree below 2·length by multiplying with known polynomials and adding: zero-padded DFTs of length
2·length, a small mixing at every frequency, inverse DFTs. That is two Monarch matrices, each with one passive digit
that counts the segments. Segments are numbered bit-reversed, so that the two to be combined always differ in the most
significant bit of the number.
"""

from __future__ import annotations

import numpy as np

from monarch_theory.digits import balanced_radices, reversal
from monarch_theory.domains import Domain
from monarch_theory.expressivity.constructions.stages import as_stages, from_stages, halve_columns, prepend_terms
from monarch_theory.expressivity.constructions.transforms import dft, inverse_dft
from monarch_theory.monarch import Monarch

__all__ = ["combine", "segment_order", "times"]


def segment_order(count: int) -> np.ndarray:
    """Which segment stands at each place: bit reversal."""
    return reversal((2,) * (count.bit_length() - 1)) if count > 1 else np.zeros(1, dtype=int)


def times(left: np.ndarray, right: np.ndarray, domain: Domain) -> np.ndarray:
    """The product of two polynomials, lowest coefficient first."""
    result = domain.zeros(len(left) + len(right) - 1)
    for k in range(len(left)):
        part = domain.normal(left[k : k + 1] * right)
        result[k : k + len(right)] = domain.normal(result[k : k + len(right)] + part)
    return result


def combine(mixing: np.ndarray, domain: Domain) -> tuple[Monarch, Monarch]:
    """The two Monarch matrices, leftmost first, that combine segments pairwise.

    Args:
        mixing: (segments, 2·length, rows, columns), segments after combining and in their bit-reversed order: at every
            frequency, what becomes of the columns, polynomial by polynomial and of each first the left segment's.
    """
    segments, size, rows, columns = mixing.shape
    radices = balanced_radices(size)[::-1]  # the first is halved, and so has to be even
    padded = halve_columns(dft(radices, domain))
    # (segment, frequency) → (frequency digits, least significant first; segment)
    by_digit = mixing.reshape((segments, *radices[::-1], rows, columns)).transpose(2, 1, 0, 3, 4)
    stages = [stage[..., None, None, :, :] for stage in as_stages(padded)]
    stages += [by_digit, domain.eye(segments)[None, None, None]]
    forward = from_stages(stages, (*padded.input_radices, columns, segments), (*radices, rows, segments), domain)
    back = prepend_terms([prepend_terms([inverse_dft(radices, domain)], domain.eye(rows))], domain.eye(segments))
    return back, forward
