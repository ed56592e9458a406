"""Certificates written: of an operator that was decided, of a matrix that is Monarch or not."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from math import lcm, prod
from pathlib import Path
from typing import Any

import numpy as np

from monarch_theory.causality import MonarchOperator, decide
from monarch_theory.certificates.recheck import CertificateError, recheck_exact
from monarch_theory.certificates.scalars import FORMAT, kind_of, long_integers, plain, table_product, whole
from monarch_theory.domains import INTEGERS, Cyclotomic, Domain
from monarch_theory.expressivity.membership import Membership
from monarch_theory.monarch import Convention, Monarch

__all__ = ["causality_certificate", "kernel_certificate", "membership_certificate", "stage_table", "write_certificate"]


def causality_certificate(operator: MonarchOperator) -> dict[str, Any]:
    """Whether the operator is causal, with what it takes to decide it again.

    Theorem: `proofs/certificates`.

    Raises:
        ValueError: the scalars are neither those of a prime field nor rational nor cyclotomic, or M0 is singular.

    >>> from monarch_theory.certificates import recheck_exact
    >>> from monarch_theory.domains import PrimeField
    >>> from monarch_theory.fourier_matrix import fourier
    >>> certificate = causality_certificate(MonarchOperator(fourier((2, 2), PrimeField(5))))
    >>> certificate["claim"], recheck_exact(certificate)
    ('causal', 'causal: T[i, j, j′] = 0 for all j > i, N = 4, n = 2, in characteristic 5')
    """
    domain = operator.domain
    kind = kind_of(domain)
    matrices = [whole(matrix.dense(), domain) for matrix in (operator.M0, operator.M1, operator.M2)]
    inverse, denominator = whole(operator.interpolation.dense(), domain)
    verdict = decide(operator, route="every filter")
    names: dict[str, Any] = {}
    for k, (matrix, _) in enumerate(matrices):
        same = [f"M{e}" for e in range(k) if np.array_equal(matrices[e][0], matrix)]
        names[f"M{k}"] = same[-1] if same else plain(matrix.T)
    if verdict.witness is not None:
        i, j, filtered = (verdict.witness.output, verdict.witness.input, verdict.witness.filter)
        (_, _), (M1, _), (M2, _) = matrices
        value = (inverse[i] * M1[:, filtered] * M2[:, j]).sum()
        names["leak"] = {"output": i, "input": j, "filter": filtered} | _not_zero(value, domain)
    return {
        "format": FORMAT, "claim": "causal" if verdict.causal else "not causal", **kind,
        "N": operator.size, "n": operator.n, "inverse": plain(inverse), "denominator": denominator * matrices[0][1],
    } | names  # fmt: skip


def membership_certificate(matrix: Any, answer: Membership, domain: Domain) -> dict[str, Any]:
    """Whether the matrix is Monarch, with its factors or a minor.

    Theorem: `proofs/certificates`.

    Args:
        matrix: entries in `domain`, of the shape of the class.
        answer: what `membership_of` found of it, exactly.
        domain: a prime field, the integers, the rational or cyclotomic numbers.

    Raises:
        ValueError: the answer is not exact, the class is not of rank one and convention M2, or the domain another.

    >>> from monarch_theory.certificates import recheck_exact
    >>> from monarch_theory.domains import INTEGERS
    >>> from monarch_theory.expressivity.classes import MonarchClass
    >>> from monarch_theory.expressivity.membership import membership_of
    >>> matrix = np.eye(4, dtype=int)
    >>> certificate = membership_certificate(matrix, membership_of(matrix, MonarchClass((2, 2))), INTEGERS)
    >>> recheck_exact(certificate)
    'not Monarch: the minor of rows (0, 2) and columns (0, 2), in a slice of split 0, is 1, in characteristic 0'
    """
    kind = answer.kind
    if answer.evidence != "exact" or answer.member is None:
        raise ValueError("answer: expected one that is exact, so that there is something to certify")
    if kind.rank != 1 or kind.convention is not Convention.M2:
        raise ValueError(f"answer: expected rank 1 and convention m2, got {kind.rank} and {kind.convention.name}")
    certificate = {
        "format": FORMAT, "claim": "Monarch" if answer.member else "not Monarch", **kind_of(domain),
        "radices": [list(pair) for pair in zip(kind.output_radices, kind.input_radices, strict=True)],
    }  # fmt: skip
    if answer.refutation:
        entries, _ = whole(domain.array(matrix), domain)
        found = answer.refutation
        (i, i2), (j, j2) = found.rows, found.columns
        value = entries[i, j] * entries[i2, j2] - entries[i, j2] * entries[i2, j]
        minor = {"split": found.split, "rows": [i, i2], "columns": [j, j2]} | _not_zero(value, domain)
        return certificate | {"matrix": plain(entries), "minor": minor}
    assert answer.train is not None
    (term,) = answer.train.terms()
    tables = [whole(stage_table(term, k), term.domain)[0] for k in range(term.order)]
    # each table may have its own denominator: the product is a multiple of the matrix, and both are Monarch or neither
    return certificate | {"matrix": plain(table_product(tables, kind.shape)), "factors": plain(tables)}


def kernel_certificate(
    factors: Sequence[np.ndarray], x: np.ndarray, row: int, output: float, roundings: Sequence[tuple[int, int]]
) -> dict[str, Any]:
    """That a kernel which multiplies by a Monarch matrix is wrong: entry `row` is off by more than roundings explain.

    Theorem: `proofs/certificates`, `wrong_certified`.

    Args:
        factors: floats, factor k of shape (blocks, m_k, n_k), convention M2; x: floats, (inputs,).
        output: what came out. The numbers are written as the integers they are, times a power of two.
        roundings: (bits, times): so often a datum may be rounded with a relative error of 2^−bits at most. Underflow is
            left aside.

    Raises:
        ValueError: a number is not finite, or roundings explain it.

    >>> from monarch_theory.certificates import recheck_exact
    >>> blocks, x = np.ones((2, 2, 2), np.float32), np.ones(4, np.float32)
    >>> recheck_exact(kernel_certificate([blocks, blocks], x, 3, 4.125, [(24, 6)])).partition(" in any order")[0]
    'wrong: entry 3 is further off than 6 roundings to 24 bits come to'
    """
    tables, shifts = zip(*(_dyadic(factor) for factor in (*factors, x, np.array([output]))), strict=True)
    matrix = Monarch(tuple(tables[:-2]), INTEGERS)
    stages = [stage_table(matrix, k) for k in range(matrix.order)]
    apart = sum(shifts[:-1]) - shifts[-1]  # of the exponents of the exact answer and of the output
    certificate = {
        "format": FORMAT, "claim": "wrong", "characteristic": 0,
        "radices": [list(pair) for pair in zip(matrix.output_radices, matrix.input_radices, strict=True)],
        "matrix": plain(table_product(stages, matrix.shape)), "factors": plain(stages), "signal": plain(tables[-2]),
        "row": row, "output": int(tables[-1][0]), "scale": [max(apart, 0), max(-apart, 0)],
        "roundings": [list(pair) for pair in roundings],
    }  # fmt: skip
    try:
        recheck_exact(certificate)
    except CertificateError as error:
        raise ValueError(f"certificate: expected an error that no rounding explains; {error}") from error
    return certificate


def _dyadic(values: np.ndarray) -> tuple[np.ndarray, int]:
    """Integers, and the exponent e: the values times 2^e.

    >>> _dyadic(np.array([0.75, -2.0]))
    (array([3, -8], dtype=object), 2)
    """
    if not np.isfinite(values).all():
        raise ValueError("certificate: expected finite numbers")
    ratios = [float(value).as_integer_ratio() for value in np.ravel(values)]
    exponent = max((denominator.bit_length() - 1 for _, denominator in ratios), default=0)
    whole_numbers = [(numerator << exponent) // denominator for numerator, denominator in ratios]
    return np.array(whole_numbers, dtype=object).reshape(np.shape(values)), exponent


def _not_zero(value: Any, domain: Domain) -> dict[str, Any]:
    """What shows that a cyclotomic number is not zero: a multiple of it that is an integer; nothing for other numbers.

    >>> from monarch_theory.domains.cyclotomic import CyclotomicNumber
    >>> _not_zero(CyclotomicNumber.of(4, [1, 1]), Cyclotomic(4))  # (1 + i)(1 − i)
    {'times': [1, -1], 'gives': 2}
    """
    if not isinstance(domain, Cyclotomic):
        return {}
    reciprocal = value.reciprocal()
    d = lcm(*(int(c.q) for c in reciprocal.polynomial.coeffs()))
    return {"times": plain(reciprocal * d), "gives": d}


def stage_table(matrix: Monarch, k: int) -> np.ndarray:
    """g_k, shape (m_0 … m_k, n_k … n_{p−1}): M[i, j] = ∏_k g_k[i mod m_0 … m_k, j mod n_k … n_{p−1}].

    Theorem: `proofs/entry_formula`.

    >>> from monarch_theory.domains import INTEGERS
    >>> from monarch_theory.monarch import random_monarch
    >>> M = random_monarch((2, 3, 2), INTEGERS, np.random.default_rng(0))
    >>> bool((table_product([stage_table(M, k) for k in range(3)], M.shape) == M.dense()).all())
    True
    """
    rows, columns = matrix.output_radices, matrix.input_radices
    axes = (*rows[:k], prod(columns[k + 1 :]), rows[k], columns[k])
    digits = matrix.factors[k].reshape(axes)  # (i_0 … i_{k−1}, later a, i_k, a_k)
    order = (k + 1, *reversed(range(k)), k + 2, k)  # (i_k, i_{k−1} … i_0, a_k, later a)
    return digits.transpose(order).reshape(prod(rows[: k + 1]), prod(columns[k:]))


def write_certificate(certificate: Mapping[str, Any], file: Path) -> None:
    """One JSON object, which `monarch recheck` reads."""
    with long_integers():
        file.write_text(json.dumps(certificate) + "\n", encoding="utf-8")
