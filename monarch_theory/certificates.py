"""Certificates of exact verdicts: lists of integers that decide the question again by arithmetic, here or in Coq.

A certificate says whether a Monarch operator is causal, with a multiple of the inverse of M0, which gives the
coordinates of every q_j q_j′, the columns of M0, M1 and M2, and where it leaks the entry of T; or whether a matrix is
Monarch, with a table of factors for each stage or with a minor that is not zero. The scalars are those of a prime
field, or integers: rational matrices are multiplied by a common denominator, which changes neither verdict.
`recheck_exact` repeats the arithmetic with Python's integers; `recheck_with_coq` has Coq run the deciders of
`proofs/certificates`, which are proved to decide over every field of that characteristic.

On trust are: that the matrices are those that were meant, and, in Coq, that the characteristic is a prime number
(Python checks it).
"""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable, Mapping
from math import lcm, prod
from pathlib import Path
from typing import Any

import flint
import numpy as np

from monarch_theory.causality import MonarchOperator, decide
from monarch_theory.domains import INTEGERS, RATIONALS, Domain, PrimeField
from monarch_theory.expressivity.membership import Membership
from monarch_theory.monarch import Convention, Monarch
from monarch_theory.proving import check_with_coq, proofs_folder

__all__ = [
    "FORMAT", "CertificateError", "causality_certificate", "coq_source", "is_exact", "membership_certificate",
    "recheck_exact", "recheck_with_coq", "write_certificate",
]  # fmt: skip

FORMAT = "monarch exact certificate 1"
CLAIMS = ("causal", "not causal", "Monarch", "not Monarch")


class CertificateError(ValueError):
    """The certificate does not prove what it claims; the message says what is wrong."""


def causality_certificate(operator: MonarchOperator) -> dict[str, Any]:
    """Whether the operator is causal, with what it takes to decide it again.

    Theorem: `proofs/certificates`.

    Raises:
        ValueError: the scalars are neither those of a prime field nor rational, or M0 is singular.

    >>> from monarch_theory.fourier_matrix import fourier
    >>> certificate = causality_certificate(MonarchOperator(fourier((2, 2), PrimeField(5))))
    >>> certificate["claim"], recheck_exact(certificate)
    ('causal', 'causal: T[i, j, j′] = 0 for all j > i, N = 4, n = 2, in characteristic 5')
    """
    domain = operator.domain
    characteristic = _characteristic(domain)
    matrices = [_integers(matrix.dense(), domain) for matrix in (operator.M0, operator.M1, operator.M2)]
    inverse, denominator = _integers(operator.interpolation.dense(), domain)
    verdict = decide(operator, route="every filter")
    names: dict[str, Any] = {}
    for k, (matrix, _) in enumerate(matrices):
        same = [f"M{e}" for e in range(k) if np.array_equal(matrices[e][0], matrix)]
        names[f"M{k}"] = same[-1] if same else matrix.T.tolist()
    if verdict.witness is not None:
        leak = verdict.witness
        names["leak"] = {"output": leak.output, "input": leak.input, "filter": leak.filter}
    return {
        "format": FORMAT, "claim": "causal" if verdict.causal else "not causal", "characteristic": characteristic,
        "N": operator.size, "n": operator.n, "inverse": inverse.tolist(), "denominator": denominator * matrices[0][1],
    } | names  # fmt: skip


def membership_certificate(matrix: Any, answer: Membership, domain: Domain) -> dict[str, Any]:
    """Whether the matrix is Monarch, with its factors or a minor.

    Theorem: `proofs/certificates`.

    Args:
        matrix: entries in `domain`, of the shape of the class.
        answer: what `membership_of` found of it, exactly.
        domain: a prime field, the integers or the rational numbers.

    Raises:
        ValueError: the answer is not exact, the class is not of rank one and convention M2, or the domain another.

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
    entries, _ = _integers(domain.array(matrix), domain)
    certificate = {
        "format": FORMAT, "claim": "Monarch" if answer.member else "not Monarch",
        "characteristic": _characteristic(domain),
        "radices": [list(pair) for pair in zip(kind.output_radices, kind.input_radices, strict=True)],
    }  # fmt: skip
    if answer.refutation:
        found = answer.refutation
        minor = {"split": found.split, "rows": list(found.rows), "columns": list(found.columns)}
        return certificate | {"matrix": entries.tolist(), "minor": minor}
    assert answer.train is not None
    (term,) = answer.train.terms()
    tables = [_integers(stage_table(term, k), term.domain)[0] for k in range(term.order)]
    # each table may have its own denominator: the product is a multiple of the matrix, and both are Monarch or neither
    return certificate | {"matrix": _product(tables, kind.shape).tolist(), "factors": [t.tolist() for t in tables]}


def stage_table(matrix: Monarch, k: int) -> np.ndarray:
    """g_k, shape (m_0 … m_k, n_k … n_{p−1}): M[i, j] = ∏_k g_k[i mod m_0 … m_k, j mod n_k … n_{p−1}].

    Theorem: `proofs/entry_formula`.

    >>> from monarch_theory.monarch import random_monarch
    >>> M = random_monarch((2, 3, 2), INTEGERS, np.random.default_rng(0))
    >>> bool((_product([stage_table(M, k) for k in range(3)], M.shape) == M.dense()).all())
    True
    """
    rows, columns = matrix.output_radices, matrix.input_radices
    axes = (*rows[:k], prod(columns[k + 1 :]), rows[k], columns[k])
    digits = matrix.factors[k].reshape(axes)  # (i_0 … i_{k−1}, later a, i_k, a_k)
    order = (k + 1, *reversed(range(k)), k + 2, k)  # (i_k, i_{k−1} … i_0, a_k, later a)
    return digits.transpose(order).reshape(prod(rows[: k + 1]), prod(columns[k:]))


def write_certificate(certificate: Mapping[str, Any], file: Path) -> None:
    """One JSON object, which `monarch recheck` reads."""
    file.write_text(json.dumps(certificate) + "\n", encoding="utf-8")


def is_exact(document: Any) -> bool:
    """Whether it says that it is a certificate of this kind."""
    return isinstance(document, dict) and document.get("format") == FORMAT


def recheck_exact(certificate: Mapping[str, Any]) -> str:
    """What the certificate proves, by Python's integers.

    Theorem: `proofs/certificates`.

    Raises:
        CertificateError: something is missing, out of range, or not so.
    """
    claim, q = _field(certificate, "claim", str), _field(certificate, "characteristic", int)
    _demand(claim in CLAIMS, f"claim: expected one of {', '.join(CLAIMS)}, got {claim!r}")
    _demand(q == 0 or (q > 1 and flint.fmpz(q).is_prime()), f"characteristic: expected 0 or a prime, got {q}")
    zero = (lambda z: z == 0) if q == 0 else (lambda z: z % q == 0)
    if claim in ("causal", "not causal"):
        return f"{_recheck_causality(certificate, claim, zero)}, in characteristic {q}"
    return f"{_recheck_membership(certificate, claim, zero)}, in characteristic {q}"


def _recheck_causality(certificate: Mapping[str, Any], claim: str, zero: Callable[[Any], Any]) -> str:
    size, n, d = (_field(certificate, name, int) for name in ("N", "n", "denominator"))
    _demand(1 <= n <= size, f"n: expected one between 1 and N = {size}, got {n}")
    _demand(not zero(d), "denominator: expected one that is not 0")
    A, C0, C1, C2 = (
        _table(certificate.get(_place(certificate, x)), (size, size), x) for x in ("inverse", "M0", "M1", "M2")
    )
    _demand(np.all(zero(A @ C0.T - d * np.eye(size, dtype=int).astype(object))), "inverse: it is not that of M0")
    if claim == "not causal":
        i, j, filtered = _leak(certificate, n)
        _demand(not zero(A[i] @ (C1[filtered] * C2[j])), f"leak: T[i, j, j′] is 0 at {(i, j, filtered)}")
        return f"not causal: T[i, j, j′] is not 0 at {(i, j, filtered)}, N = {size}, n = {n}"
    pairs = ((j, filtered) for j in range(n) for filtered in range(n))
    leaks = ((j, filtered) for j, filtered in pairs if not np.all(zero(A[:j] @ (C1[filtered] * C2[j]))))
    found = next(leaks, None)
    _demand(found is None, f"claim: some T[i, j, j′] with i < j is not 0 at j, j′ = {found}")
    return f"causal: T[i, j, j′] = 0 for all j > i, N = {size}, n = {n}"


def _recheck_membership(certificate: Mapping[str, Any], claim: str, zero: Callable[[Any], Any]) -> str:
    radices = _radices(certificate)
    rows, columns = zip(*radices, strict=True)
    shape = prod(rows), prod(columns)
    matrix = _table(certificate.get("matrix"), shape, "matrix")
    if claim == "Monarch":
        given = _field(certificate, "factors", list)
        _demand(len(given) == len(radices), f"factors: expected {len(radices)} tables, got {len(given)}")
        sizes = [(prod(rows[: k + 1]), prod(columns[k:])) for k in range(len(radices))]
        tables = [
            _table(table, size, f"factors[{k}]") for k, (table, size) in enumerate(zip(given, sizes, strict=True))
        ]
        _demand(np.all(zero(matrix - _product(tables, shape))), "factors: their product is not the matrix")
        return f"Monarch: its factors give all {prod(shape)} entries"
    k, (i, i2), (j, j2) = _minor(certificate, shape, len(radices))
    outer, inner = prod(rows[: k + 1]), prod(columns[k + 1 :])
    same = i % outer == i2 % outer and j % inner == j2 % inner
    _demand(same, f"minor: rows {i}, {i2} and columns {j}, {j2} are not in one slice of split {k}")
    value = matrix[i, j] * matrix[i2, j2] - matrix[i, j2] * matrix[i2, j]
    _demand(not zero(value), "minor: it is 0")
    return f"not Monarch: the minor of rows {(i, i2)} and columns {(j, j2)}, in a slice of split {k}, is {value}"


def coq_source(certificate: Mapping[str, Any]) -> str:
    """A file of Coq whose theorem `verdict` is what the certificate claims, proved by running the decider."""
    claim, q = certificate["claim"], certificate["characteristic"]
    lines = [COQ_HEADER, f"Definition q : Z := {q}."]
    if claim in ("causal", "not causal"):
        places = {f"C{k}": _place(certificate, f"M{k}").replace("M", "C") for k in range(3)}
        tables = {"A": "inverse", "C0": "M0", "C1": "M1", "C2": "M2"}
        for name, key in tables.items():
            there = places.get(name, name)
            lines += [f"Definition {name} : table := {_literal(certificate[key]) if there == name else there}."]
        symmetric = places["C1"] == places["C2"]
        text = COQ_NOT_CAUSAL if claim == "not causal" else COQ_SYMMETRIC if symmetric else COQ_CAUSAL
        parts = {name: certificate[key] for name, key in (("N", "N"), ("n", "n"), ("d", "denominator"))}
        causal = "causal {n}%N (columns F N C0) (columns F N C1) (columns F N C2)".format(**parts)
        leak = " ".join(f"{x}%N" for x in _leak(certificate, parts["n"])) if claim == "not causal" else ""
        return "\n".join([*lines, text.format(**parts, causal=causal, leak=leak)])
    radices = "; ".join(f"({m}%N, {n}%N)" for m, n in certificate["radices"])
    lines += [
        f"Definition rs : radices := [:: {radices}].",
        f"Definition A : table := {_literal(certificate['matrix'])}.",
    ]
    if claim == "Monarch":
        factors = "; ".join(_literal(table) for table in certificate["factors"])
        return "\n".join([*lines, f"Definition g : seq table := [:: {factors}].", COQ_MONARCH])
    minor = certificate["minor"]
    numbers = " ".join(f"{x}%N" for x in (minor["split"], *minor["rows"], *minor["columns"]))
    return "\n".join([*lines, COQ_NOT_MONARCH.format(minor=numbers)])


def recheck_with_coq(certificate: Mapping[str, Any]) -> str:
    """What the certificate proves, by Python's integers and then by Coq.

    Theorem: `proofs/certificates`.

    Raises:
        CertificateError: one of the two refuses it.
        CannotRunError: Coq or MathComp is not installed.
    """
    found = recheck_exact(certificate)
    with tempfile.TemporaryDirectory(prefix="monarch-certificate-") as temporary:
        folder = Path(temporary) / "proofs"
        shutil.copytree(proofs_folder(), folder, ignore=shutil.ignore_patterns("*.vo*", "*.glob", "*.py", "*.md"))
        (folder / "certified").mkdir()
        (folder / "certified" / "theorem.v").write_text(coq_source(certificate), encoding="utf-8")
        verdict = check_with_coq(folder, ["certified"], lambda done, total: None, recheck=False)["certified"]
    if not verdict.checked:
        raise CertificateError(f"Coq refused it: {verdict.problem}")
    return f"{found}; Coq agrees"


COQ_HEADER = """From Coq Require Import ZArith.
From mathcomp Require Import all_ssreflect ssralg zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.monarch foundations.operator certificates.theorem.
Import GRing.Theory.
Open Scope Z_scope."""

COQ_CAUSAL = """Definition N := {N}%N.
Lemma inverse_right : inverseb q N A C0 ({d}) = true.
Proof. vm_cast_no_check (erefl true). Qed.
Lemma decided : causalb q N {n}%N A C1 C2 = true.
Proof. vm_cast_no_check (erefl true). Qed.
Theorem verdict : forall F : fieldType, characteristic F q -> columns F N C0 \\in unitmx /\\ {causal}.
Proof. exact (causal_certified inverse_right decided). Qed.
Print Assumptions verdict.
"""

COQ_SYMMETRIC = COQ_CAUSAL.replace("causalb q N {n}%N A C1 C2", "causal_symmetricb q N {n}%N A C2").replace(
    "causal_certified", "causal_symmetric_certified"
)

COQ_NOT_CAUSAL = """Definition N := {N}%N.
Lemma inverse_right : inverseb q N A C0 ({d}) = true.
Proof. vm_cast_no_check (erefl true). Qed.
Lemma decided : leakb q N {n}%N A C1 C2 {leak} = true.
Proof. vm_cast_no_check (erefl true). Qed.
Theorem verdict : forall F : fieldType, characteristic F q -> columns F N C0 \\in unitmx /\\ ~ {causal}.
Proof. exact (not_causal_certified inverse_right decided). Qed.
Print Assumptions verdict.
"""

COQ_MONARCH = """Lemma decided : memberb q rs A g = true.
Proof. vm_cast_no_check (erefl true). Qed.
Theorem verdict : forall F : fieldType, characteristic F q -> exists G : factors F rs, matrix_of F rs A = monarch G.
Proof. exact (monarch_certified decided). Qed.
Print Assumptions verdict.
"""

COQ_NOT_MONARCH = """Lemma decided : refutedb q rs A {minor} = true.
Proof. vm_cast_no_check (erefl true). Qed.
Theorem verdict : forall F : fieldType, characteristic F q -> ~ exists G : factors F rs, matrix_of F rs A = monarch G.
Proof. exact (not_monarch_certified decided). Qed.
Print Assumptions verdict.
"""


def _characteristic(domain: Domain) -> int:
    if isinstance(domain, PrimeField):
        return domain.q
    if domain in (INTEGERS, RATIONALS):
        return 0
    raise ValueError(f"domain: expected a prime field, the integers or the rational numbers, got {domain}")


def _integers(entries: np.ndarray, domain: Domain) -> tuple[np.ndarray, int]:
    """(integers, d) with entries = integers/d."""
    if domain is not RATIONALS:
        return np.array([int(x) for x in entries.flat], dtype=object).reshape(entries.shape), 1
    d = lcm(*(int(x.q) for x in entries.flat))
    return np.array([int(x.p) * (d // int(x.q)) for x in entries.flat], dtype=object).reshape(entries.shape), d


def _product(tables: list[np.ndarray], shape: tuple[int, int]) -> np.ndarray:
    rows, columns = np.indices(shape)
    entries = np.ones(shape, dtype=int).astype(object)
    for table in tables:
        entries = entries * table[rows % table.shape[0], columns % table.shape[1]]
    return entries


def _literal(table: list[list[int]]) -> str:
    return (
        "[:: " + "; ".join("[:: " + "; ".join(f"({x})" if x < 0 else str(x) for x in row) + "]" for row in table) + "]"
    )


def _demand(condition: Any, message: str) -> None:
    if not bool(condition):
        raise CertificateError(message)


def _integer(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _field(certificate: Mapping[str, Any], name: str, kind: type) -> Any:
    value = certificate.get(name)
    right = _integer(value) if kind is int else isinstance(value, kind)
    _demand(right, f"{name}: expected {kind.__name__}, got {type(value).__name__}")
    return value


def _place(certificate: Mapping[str, Any], name: str) -> str:
    """Where the table of a matrix stands: instead of it there may be the name of an earlier one that is the same."""
    value = certificate.get(name)
    return _place(certificate, value) if value in [f"M{k}" for k in range(3) if f"M{k}" < name <= "M2"] else name


def _leak(certificate: Mapping[str, Any], n: int) -> tuple[int, int, int]:
    leak = _field(certificate, "leak", dict)
    i, j, filtered = (_field(leak, part, int) for part in ("output", "input", "filter"))
    _demand(0 <= i < j < n and 0 <= filtered < n, f"leak: expected output < input < {n} and a filter below {n}")
    return i, j, filtered


def _table(value: Any, shape: tuple[int, int], name: str) -> np.ndarray:
    """A list of rows of integers, as an array of Python integers of that shape."""
    rows = isinstance(value, list) and len(value) == shape[0] and all(isinstance(row, list) for row in value)
    right = rows and all(len(row) == shape[1] and all(map(_integer, row)) for row in value)
    _demand(right, f"{name}: expected integers of shape {shape}")
    return np.array(value, dtype=object).reshape(shape)


def _radices(certificate: Mapping[str, Any]) -> list[tuple[int, int]]:
    pairs = _field(certificate, "radices", list)
    right = pairs and all(isinstance(p, list) and len(p) == 2 and all(_integer(x) and x > 0 for x in p) for p in pairs)
    _demand(right, "radices: expected pairs of positive integers")
    return [(m, n) for m, n in pairs]


def _minor(
    certificate: Mapping[str, Any], shape: tuple[int, int], order: int
) -> tuple[int, tuple[int, int], tuple[int, int]]:
    minor = _field(certificate, "minor", dict)
    split = _field(minor, "split", int)
    _demand(0 <= split < order - 1, f"minor: expected a split below {order - 1}, got {split}")
    pairs = []
    for name, size in zip(("rows", "columns"), shape, strict=True):
        pair = _field(minor, name, list)
        right = len(pair) == 2 and all(_integer(x) and 0 <= x < size for x in pair)
        _demand(right, f"minor: expected two {name} below {size}, got {pair}")
        pairs.append((pair[0], pair[1]))
    return split, pairs[0], pairs[1]
