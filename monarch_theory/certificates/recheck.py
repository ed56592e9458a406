"""Certificates read again: every part is checked for its form, and the claim by arithmetic on integers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from math import prod
from typing import Any

import flint
import numpy as np

from monarch_theory.certificates.scalars import FORMAT, LARGEST_ROOT, Scalars, table_product
from monarch_theory.digits import is_integer

__all__ = ["CertificateError", "is_exact", "leak_of", "place", "recheck_exact"]

TABLES = {"inverse", "M0", "M1", "M2", "matrix", "factors"}
OPERATOR = {"N", "n", "inverse", "denominator", "M0", "M1", "M2"}
MATRIX = {"radices", "matrix"}
CLAIMS = {
    "causal": OPERATOR, "not causal": OPERATOR | {"leak"}, "Monarch": MATRIX | {"factors"},
    "not Monarch": MATRIX | {"minor"},
    "wrong": MATRIX | {"factors", "signal", "row", "output", "scale", "roundings"},
}  # fmt: skip
"""The parts of a certificate of each claim, beside its format, claim and scalars."""
LARGEST_EXPONENT = 5000
"""Of two, and of how often a datum is rounded to one format: Coq counts these one by one."""
SHOWN = {"leak": {"output", "input", "filter"}, "minor": {"split", "rows", "columns"}}
"""What is in the parts that have names of their own, beside what shows that a number of roots is not zero."""


class CertificateError(ValueError):
    """The certificate does not prove what it claims; the message says what is wrong."""


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
    _only(certificate, {"format", "claim", "characteristic", "root"} | CLAIMS[claim], "certificate")
    _demand(q == 0 or (q > 1 and flint.fmpz(q).is_prime()), f"characteristic: expected 0 or a prime, got {q}")
    scalars = Scalars(q)
    if "root" in certificate:
        m = _field(certificate, "root", int)
        _demand(q == 0, f"characteristic: expected 0 beside a root, got {q}")
        _demand(1 <= m <= LARGEST_ROOT, f"root: expected one between 1 and {LARGEST_ROOT}, got {m}")
        scalars = _at_root(certificate, m)
    if claim in ("causal", "not causal"):
        found = _recheck_causality(certificate, claim, scalars)
    elif claim == "wrong":
        found = _recheck_kernel(certificate, scalars)
    else:
        found = _recheck_membership(certificate, claim, scalars)
    for name in SHOWN.keys() & certificate.keys():
        _only(certificate[name], SHOWN[name] | ({"times", "gives"} if "root" in certificate else set()), name)
    return f"{found}, {scalars}"


def _at_root(certificate: Mapping[str, Any], m: int) -> Scalars:
    """Scalars with enough bits for every sum that is computed of the numbers of this certificate."""
    numbers = list(_polynomials([certificate[key] for key in sorted(certificate.keys() & TABLES)]))
    shown = [part for part in (certificate.get("leak"), certificate.get("minor")) if isinstance(part, dict)]
    numbers += [number for part in shown for number in _polynomials([part.get("times")])]
    beside: list[Any] = [certificate.get("denominator"), *(part.get("gives") for part in shown)]
    numbers += [[value] for value in beside if is_integer(value)]
    N, radices = certificate.get("N"), certificate.get("radices")
    terms = max(2, N) if isinstance(N, int) else 2
    factors = max(4, len(radices)) if isinstance(radices, list) else 4
    return Scalars.at_root(m, terms, factors, numbers)


def _polynomials(value: Any) -> Iterator[list[int]]:
    """The lists of integers within lists."""
    if isinstance(value, list) and all(map(is_integer, value)):
        yield value
    elif isinstance(value, list):
        for part in value:
            yield from _polynomials(part)


def _recheck_causality(certificate: Mapping[str, Any], claim: str, scalars: Scalars) -> str:
    size, n, d = (_field(certificate, name, int) for name in ("N", "n", "denominator"))
    _demand(1 <= n <= size, f"n: expected one between 1 and N = {size}, got {n}")
    zero = scalars.zero
    _demand(not zero(d), "denominator: expected one that is not 0")
    A, C0, C1, C2 = (
        _table(certificate.get(place(certificate, x)), (size, size), x, scalars) for x in ("inverse", "M0", "M1", "M2")
    )
    _demand(np.all(zero(A @ C0.T - d * np.eye(size, dtype=int).astype(object))), "inverse: it is not that of M0")
    if claim == "not causal":
        i, j, filtered = leak_of(certificate, n)
        _demand(
            _differs(A[i] @ (C1[filtered] * C2[j]), certificate["leak"], scalars),
            f"leak: T[i, j, j′] is 0 at {(i, j, filtered)}, or not shown to differ from it",
        )
        return f"not causal: T[i, j, j′] is not 0 at {(i, j, filtered)}, N = {size}, n = {n}"
    pairs = ((j, filtered) for j in range(n) for filtered in range(n))
    leaks = ((j, filtered) for j, filtered in pairs if not np.all(zero(A[:j] @ (C1[filtered] * C2[j]))))
    found = next(leaks, None)
    _demand(found is None, f"claim: some T[i, j, j′] with i < j is not 0 at j, j′ = {found}")
    return f"causal: T[i, j, j′] = 0 for all j > i, N = {size}, n = {n}"


def _recheck_membership(certificate: Mapping[str, Any], claim: str, scalars: Scalars) -> str:
    radices = _radices(certificate)
    rows, columns = zip(*radices, strict=True)
    shape = prod(rows), prod(columns)
    matrix = _table(certificate.get("matrix"), shape, "matrix", scalars)
    if claim == "Monarch":
        given = _field(certificate, "factors", list)
        _demand(len(given) == len(radices), f"factors: expected {len(radices)} tables, got {len(given)}")
        sizes = [(prod(rows[: k + 1]), prod(columns[k:])) for k in range(len(radices))]
        tables = [
            _table(table, size, f"factors[{k}]", scalars)
            for k, (table, size) in enumerate(zip(given, sizes, strict=True))
        ]
        _demand(np.all(scalars.zero(matrix - table_product(tables, shape))), "factors: their product is not the matrix")
        return f"Monarch: its factors give all {prod(shape)} entries"
    k, (i, i2), (j, j2) = _minor(certificate, shape, len(radices))
    outer, inner = prod(rows[: k + 1]), prod(columns[k + 1 :])
    same = i % outer == i2 % outer and j % inner == j2 % inner
    _demand(same, f"minor: rows {i}, {i2} and columns {j}, {j2} are not in one slice of split {k}")
    value = matrix[i, j] * matrix[i2, j2] - matrix[i, j2] * matrix[i2, j]
    _demand(_differs(value, certificate["minor"], scalars), "minor: it is 0, or not shown to differ from it")
    shown = "not 0" if scalars.root else value
    return f"not Monarch: the minor of rows {(i, i2)} and columns {(j, j2)}, in a slice of split {k}, is {shown}"


def _recheck_kernel(certificate: Mapping[str, Any], scalars: Scalars) -> str:
    """The matrix is Monarch, and what came out of a row of it times a signal is further off than roundings come to."""
    _demand(not scalars.root and not certificate["characteristic"], "characteristic: expected 0 and no root")
    _recheck_membership(certificate, "Monarch", scalars)
    radices = _radices(certificate)
    rows, columns = (prod(side) for side in zip(*radices, strict=True))
    row, output = (_field(certificate, name, int) for name in ("row", "output"))
    _demand(0 <= row < rows, f"row: expected one below {rows}, got {row}")
    (signal,) = _table([certificate.get("signal")], (1, columns), "signal", scalars)
    up, down = _pair(certificate.get("scale"), "scale")
    given = _field(certificate, "roundings", list)
    _demand(1 <= len(given) <= 4, f"roundings: expected one to four pairs, got {len(given)}")
    rounds = [_pair(pair, "roundings") for pair in given]
    least = sum(n + 1 for _, n in radices)
    total = sum(times for _, times in rounds)
    _demand(total >= least, f"roundings: expected {least} at least, one for every term and one to store, got {total}")
    terms = np.array(certificate["matrix"][row], dtype=object) * signal
    below = prod(2 ** (bits * times) for bits, times in rounds)
    above = prod((2**bits + 1) ** times for bits, times in rounds)
    off = abs(output * 2**up - int(terms.sum()) * 2**down) * below
    _demand(off > (above - below) * int(np.abs(terms).sum()) * 2**down, "output: roundings explain it")
    told = " and ".join(f"{times} roundings to {bits} bits" for bits, times in rounds)
    return f"wrong: entry {row} is further off than {told} come to in any order of sums, underflow aside"


def _pair(value: Any, name: str) -> tuple[int, int]:
    most = LARGEST_EXPONENT
    right = isinstance(value, list) and len(value) == 2 and all(is_integer(x) and 0 <= x <= most for x in value)
    _demand(right, f"{name}: expected pairs of integers from 0 to {most}, got {value!s:.40}")
    return value[0], value[1]


def _differs(value: int, shown: Mapping[str, Any], scalars: Scalars) -> bool:
    """Not zero; of a polynomial, as the integer that a multiple of it is shows."""
    if not scalars.root:
        return not scalars.zero(value)
    gives = _field(shown, "gives", int)
    return gives != 0 and bool(scalars.zero(value * _number(shown.get("times"), "times", scalars) - gives))


def _demand(condition: Any, message: str) -> None:
    if not bool(condition):
        raise CertificateError(message)


def _only(part: Any, names: set[str], where: str) -> None:
    """A part that nothing reads may say anything to whoever reads the file."""
    more = sorted(map(str, part.keys() - names)) if isinstance(part, dict) else []
    _demand(not more, f"{where}: expected no part but {', '.join(sorted(names))}, got {'; '.join(more)!r:.60}")


def _field(certificate: Mapping[str, Any], name: str, kind: type) -> Any:
    value = certificate.get(name)
    right = is_integer(value) if kind is int else isinstance(value, kind)
    _demand(right, f"{name}: expected {kind.__name__}, got {type(value).__name__}")
    return value


def place(certificate: Mapping[str, Any], name: str) -> str:
    """Where the table of a matrix stands: instead of it there may be the name of an earlier one that is the same."""
    value = certificate.get(name)
    return place(certificate, value) if value in [f"M{k}" for k in range(3) if f"M{k}" < name <= "M2"] else name


def leak_of(certificate: Mapping[str, Any], n: int) -> tuple[int, int, int]:
    leak = _field(certificate, "leak", dict)
    i, j, filtered = (_field(leak, part, int) for part in ("output", "input", "filter"))
    _demand(0 <= i < j < n and 0 <= filtered < n, f"leak: expected output < input < {n} and a filter below {n}")
    return i, j, filtered


def _table(value: Any, shape: tuple[int, int], name: str, scalars: Scalars) -> np.ndarray:
    """A list of rows of numbers, as an array of Python integers of that shape."""
    rows = isinstance(value, list) and len(value) == shape[0] and all(isinstance(row, list) for row in value)
    _demand(rows and all(len(row) == shape[1] for row in value), f"{name}: expected numbers of shape {shape}")
    numbers = [_number(x, name, scalars) for row in value for x in row]
    return np.array(numbers, dtype=object).reshape(shape)


def _number(value: Any, name: str, scalars: Scalars) -> int:
    if not scalars.root:
        _demand(is_integer(value), f"{name}: expected integers, got {type(value).__name__}")
        return scalars.read(value)
    right = isinstance(value, list) and len(value) <= scalars.root and all(map(is_integer, value))
    _demand(right, f"{name}: expected lists of at most {scalars.root} integers, got {value!s:.40}")
    return scalars.read(value)


def _radices(certificate: Mapping[str, Any]) -> list[tuple[int, int]]:
    pairs = _field(certificate, "radices", list)
    right = pairs and all(
        isinstance(p, list) and len(p) == 2 and all(is_integer(x) and x > 0 for x in p) for p in pairs
    )
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
        right = len(pair) == 2 and all(is_integer(x) and 0 <= x < size for x in pair)
        _demand(right, f"minor: expected two {name} below {size}, got {pair}")
        pairs.append((pair[0], pair[1]))
    return split, pairs[0], pairs[1]
