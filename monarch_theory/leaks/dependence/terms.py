"""Terms: what an element is a function of, written out, so that two elements of one term are equal for all inputs.

Every element of a tensor is given a number, and equal numbers stand for equal terms: an input's element has a number of
its own, and f(a, b) the number that f had with those of a and b. So rows that are masked, and steps that never see what
a mask hides, have the same term: a weight that is exactly 0 is left out of a sum, and a score that is −∞ of a softmax.
Sums, products and other symmetric functions are of bags, in which order does not count: the claim is about the
functions over the real numbers. Numbers below 0 stand for constants.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from math import copysign, isnan

import numpy as np

__all__ = ["Terms"]

HALF = 1 << 31


@dataclass
class Terms:
    """The numbers of all terms so far.

    >>> terms = Terms()
    >>> x = terms.fresh((3,))
    >>> one, other = (terms.bag("sum", x[order][None]) for order in ([0, 1], [1, 0]))
    >>> bool(one == other), bool(terms.of("exp", x[:1, None]) == terms.of("exp", x[1:2, None]))
    (True, False)
    """

    numbers: dict[Hashable, dict[bytes, int]] = field(default_factory=dict)
    constant_numbers: dict[Hashable, int] = field(default_factory=dict)
    values: list[complex] = field(default_factory=list)
    count: int = 0

    def fresh(self, shape: tuple[int, ...]) -> np.ndarray:
        """Numbers of no other term, for each element its own."""
        size = int(np.prod(shape))
        self.count += size
        return np.arange(self.count - size, self.count).reshape(shape)

    def constants(self, values: np.ndarray) -> np.ndarray:
        """The numbers of known values; integers and the floating-point numbers equal to them have the same."""
        flat = [self._constant(v) for v in np.asarray(values).reshape(-1).tolist()]
        return np.array(flat, np.int64).reshape(np.shape(values))

    def _constant(self, value: complex) -> int:
        sign = copysign(1.0, value) if isinstance(value, float) else 1.0
        key: Hashable = "NaN" if value != value else (value, sign)
        if key not in self.constant_numbers:
            self.values.append(value)
            self.constant_numbers[key] = -len(self.values)
        return self.constant_numbers[key]

    def equal(self, numbers: np.ndarray, value: complex) -> np.ndarray:
        """Which are known to equal a value; NaN equals none."""
        found = [-1 - k for k, v in enumerate(self.values) if v == value and not (isinstance(v, float) and isnan(v))]
        return np.isin(numbers, found)

    def known(self, numbers: np.ndarray) -> np.ndarray:
        """The values of constants, all of which these are."""
        return np.array([self.values[-1 - k] for k in numbers.reshape(-1)]).reshape(numbers.shape)

    def of(self, word: Hashable, operands: np.ndarray) -> np.ndarray:
        """The numbers of word(…) with operands in order, (…, count) to (…)."""
        table = self.numbers.setdefault(word, {})
        rows = np.ascontiguousarray(operands.reshape(-1, operands.shape[-1]), np.int64)
        found = [self._number(table, row.tobytes()) for row in rows]
        return np.array(found, np.int64).reshape(operands.shape[:-1])

    def bag(self, word: Hashable, operands: np.ndarray, kept: np.ndarray | None = None) -> np.ndarray:
        """The numbers of word{…} with operands in any order, those alone that are kept, (…, count) to (…)."""
        table = self.numbers.setdefault(word, {})
        rows = operands.reshape(-1, operands.shape[-1]).astype(np.int64)
        keep = np.ones(rows.shape, bool) if kept is None else np.broadcast_to(kept, operands.shape).reshape(rows.shape)
        found = [self._number(table, np.sort(row[k]).tobytes()) for row, k in zip(rows, keep, strict=True)]
        return np.array(found, np.int64).reshape(operands.shape[:-1])

    def pairs(self, a: np.ndarray, b: np.ndarray) -> np.ndarray:
        """Products of two, in any order, as operands of a bag; with broadcasting.

        Raises:
            OverflowError: there are too many terms to tell pairs apart.
        """
        if self.count >= HALF or len(self.values) >= HALF:
            raise OverflowError("too many terms")
        return (np.minimum(a, b) << 32) + np.maximum(a, b)

    def _number(self, table: dict[bytes, int], key: bytes) -> int:
        if key not in table:
            table[key] = self.count
            self.count += 1
        return table[key]
