"""The exact decision: is a Monarch operator causal? A certificate, or the smallest witness.

With T[i, j, j'] = (M0⁻¹(M1 e_{j'} ⊙ M2 e_j))_i the operator is causal iff T[i, j, j'] = 0 for all j > i. Three routes,
from fastest to plainest, all exact arithmetic:

* *theorem*: the bases of M0 and of the signal's side are triangular and nothing wraps around (`triangular_condition`);
  nothing else needs to be computed;
* *random filters*: for a random filter k every T[i, j, ·] is seen at once as the entry (i, j) of one n × n matrix. A
  linear form that is not zero vanishes at a random point of Sⁿ with probability at most 1/|S| (Schwartz 1980, Zippel
  1979), so r filters miss a leak with probability at most |S|^−r, which is held below `DOUBT`. They follow from the
  operator as well as from the seed, so that nobody who writes an operator knows them before;
* *every filter*: k = e_0 … e_{n−1}, no randomness.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass
from math import ceil, log2
from typing import Any, Literal, get_args

import numpy as np

from monarch_theory.causality.conditions import triangular_condition
from monarch_theory.causality.operator import MonarchOperator
from monarch_theory.digits import check_radices, is_integer
from monarch_theory.domains import NoRootOfUnityError, PrimeField
from monarch_theory.monarch import Convention
from monarch_theory.notebook import as_html

__all__ = ["Decision", "Witness", "approximate", "decide", "smallest_witness"]

DOUBT = 2.0**-60
"""Probability with which random filters may miss a leak, where nobody says how many there are."""

LONGEST_VALUE = 60
"""Characters of an exact value that are shown."""

Route = Literal["theorem", "random filters", "every filter"]


@dataclass(frozen=True)
class Witness:
    """Input j > i reaches output i through filter coefficient j': T[i, j, j'] = value ≠ 0."""

    output: int
    input: int
    filter: int
    value: Any

    def __str__(self) -> str:
        i, j, value = self.output, self.input, str(self.value)
        shown = f"= {value}" if len(value) <= LONGEST_VALUE else f"≠ 0, of size {approximate(self.value):.6g}"
        return f"output {i} sees input {j}: T[{i},{j},{self.filter}] {shown}"


def approximate(value: Any) -> float:
    """The absolute value of a rational or cyclotomic number.

    >>> import flint
    >>> approximate(flint.fmpq(-3, 4))
    0.75
    """
    return abs(int(value.p) / int(value.q)) if hasattr(value, "q") else abs(complex(value))


@dataclass(frozen=True)
class Decision:
    """What was decided, how, and how surely.

    `evidence` is always "exact": arithmetic is exact at this size. `error_probability` is 0 except when causality was
    concluded from random filters; a witness is never in doubt.
    """

    causal: bool
    route: Route
    n: int
    domain: str
    error_probability: float = 0.0
    witness: Witness | None = None
    evidence: str = "exact"

    def __str__(self) -> str:
        doubt = f", wrong with probability at most {self.error_probability:.1e}" if self.error_probability else ""
        verdict = "causal" if self.causal else f"not causal: {self.witness}"
        return f"{verdict} (n = {self.n}, over {self.domain}, exact, by {self.route}{doubt})"

    def _repr_html_(self) -> str:
        facts = {"evidence": self.evidence, "witness": self.witness, "n": self.n, "over": self.domain, "by": self.route}
        if self.error_probability:
            facts["wrong with probability"] = f"at most {self.error_probability:.1e}"
        return as_html("causal" if self.causal else "not causal", "yes" if self.causal else "no", facts)


def decide(
    operator: MonarchOperator,
    *,
    route: Route | None = None,
    trials: int | None = None,
    seed: int = 0,
    support: tuple[int, ...] | None = None,
) -> Decision:
    """Decide exactly whether `operator` is causal.

    Theorems: `proofs/causal_at_four`, `proofs/causal_at_six`, `proofs/causality_characterisation`,
    `proofs/causality_sufficient`, `proofs/larger_causal_families`, `proofs/product_order_causality`,
    `proofs/random_filters`.

    Args:
        operator: M0, M1, M2 and n, over an exact domain. Basis polynomials enter by `BasisPolynomials.to_monarch`.
        route: force one of the routes; when not given, the theorem if it applies, then every filter for small n, then
            random filters, where fewer of them than n leave no more doubt than `DOUBT`.
        trials: how many random filters; the error probability is |S|^−trials, S = F_q or 2³¹ integers. When not given,
            so many that it is at most `DOUBT`.
        seed: of the random filters.
        support: decide *product-order* causality instead: signals live on the box of digits a_l < support[l], and
            output i may see input j only if every digit of j is at most that of i.

    Raises:
        ValueError: the domain is not exact, M0 is singular, or an argument is out of range.
        TypeError: it is no operator.

    >>> from monarch_theory.domains import Cyclotomic, PrimeField
    >>> from monarch_theory.fourier_matrix import fourier
    >>> print(decide(MonarchOperator(fourier((4, 4), PrimeField(17)))))
    causal (n = 8, over F_17, exact, by theorem)
    >>> print(decide(MonarchOperator(fourier((2, 2), Cyclotomic(4)), n=3)))
    not causal: output 0 sees input 2: T[0,2,2] = 1 (n = 3, over Q(zeta_4), exact, by every filter)
    """
    if not isinstance(operator, MonarchOperator):
        raise TypeError(f"operator: expected a MonarchOperator, got {type(operator).__name__}")
    if route not in (None, *get_args(Route)):
        raise ValueError(f"route: expected one of {', '.join(get_args(Route))}, got {route!r}")
    if not is_integer(seed) or seed < 0:
        raise ValueError(f"seed: expected a non-negative integer, got {seed!r}")
    domain = operator.domain
    if not domain.exact:
        raise ValueError(f"operator: expected an exact domain, got {domain}; real factors convert with over(RATIONALS)")
    if trials is not None and (not is_integer(trials) or trials < 1):
        raise ValueError(f"trials: expected a positive integer, got {trials!r}")
    if route in (None, "theorem") and support is None and _theorem_applies(operator):
        return Decision(True, "theorem", operator.n, str(domain))
    if route == "theorem":
        raise ValueError("route: expected triangular bases for the theorem to apply; see triangular_condition")
    inputs, forbidden = _forbidden(operator, support)
    sample = domain.q if isinstance(domain, PrimeField) else 2**31
    trials = trials or ceil(log2(1 / DOUBT) / log2(sample))
    if route is None:
        few = operator.size * operator.n**2 <= 2**17 or trials >= len(inputs)
        route = "every filter" if few else "random filters"
    rng = np.random.default_rng([seed, _digest(operator)])
    leaking = np.zeros_like(forbidden)
    signal = operator.M2 @ domain.eye(operator.size)[:, inputs]
    for filtered in _filters(operator, inputs, route, trials, rng):
        image = operator.interpolation @ domain.normal(filtered[:, None] * signal)
        leaking |= forbidden & ~domain.is_zero(image[inputs])
        if route == "random filters" and leaking.any():
            break
    if not leaking.any():
        error = float(sample) ** -trials if route == "random filters" else 0.0
        return Decision(True, route, len(inputs), str(domain), error)
    i, j = (int(inputs[x]) for x in np.argwhere(leaking)[0])
    return Decision(False, route, len(inputs), str(domain), witness=smallest_witness(operator, i, j, inputs))


def smallest_witness(operator: MonarchOperator, i: int, j: int, filters: np.ndarray | None = None) -> Witness | None:
    """The least filter index j' with T[i, j, j'] ≠ 0 and that value, or None: one row of T by transposed multiplies."""
    domain = operator.domain
    unit = domain.eye(operator.size)
    row = operator.interpolation.T @ unit[:, i]
    values = operator.M1.T @ domain.normal(row * (operator.M2 @ unit[:, j]))
    for index in range(operator.n) if filters is None else filters:
        if not domain.is_zero(values[index : index + 1])[0]:
            return Witness(i, j, int(index), values[index])
    return None


def _digest(operator: MonarchOperator) -> int:
    """A number that follows from all scalars of the operator, and from which nothing about them follows."""
    found = hashlib.sha256(str(operator.domain).encode())
    for matrix in (operator.M0, operator.M1, operator.M2):
        for factor in matrix.factors:
            found.update(f"{factor.shape}:{' '.join(map(str, factor.ravel()))};".encode())
    return int.from_bytes(found.digest(), "big")


def _theorem_applies(operator: MonarchOperator) -> bool:
    matrices = (operator.M0, operator.M1, operator.M2)
    square = operator.M0.input_radices == operator.M0.output_radices
    if not square or any(m.convention is not Convention.M2 for m in matrices):
        return False
    try:
        return triangular_condition(*matrices, n=operator.n).holds
    except NoRootOfUnityError:
        return False


def _forbidden(operator: MonarchOperator, support: tuple[int, ...] | None) -> tuple[np.ndarray, np.ndarray]:
    """(indices that carry the signal, mask of (output, input) pairs among them that must not interact)."""
    if support is None:
        inputs = np.arange(operator.n)
        return inputs, np.triu(np.ones((operator.n, operator.n), dtype=bool), k=1)
    radices = operator.M0.input_radices
    box = check_radices(support, name="support")
    if len(box) != len(radices) or any(s > b for s, b in zip(box, radices, strict=True)):
        raise ValueError(f"support: expected one bound for each radix {radices}, got {box}")
    digits = np.indices(box).reshape(len(box), -1)
    inputs = np.asarray(np.ravel_multi_index(tuple(digits), radices))
    return inputs, np.asarray((digits[:, None, :] > digits[:, :, None]).any(axis=0))


def _filters(
    operator: MonarchOperator, inputs: np.ndarray, route: Route, trials: int, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    """M1 k for the filters k of the route, supported on `inputs`."""
    domain = operator.domain
    unit = domain.eye(operator.size)
    if route == "every filter":
        for index in inputs:
            yield operator.M1 @ unit[:, index]
        return
    for _ in range(trials):
        k = domain.zeros(operator.size)
        bound = domain.q if isinstance(domain, PrimeField) else 2**31
        k[inputs] = domain.array(rng.integers(0, bound, size=len(inputs)))
        yield operator.M1 @ k
