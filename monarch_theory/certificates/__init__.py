"""Certificates of exact verdicts: lists of integers that decide the question again by arithmetic, here or in Coq.

A certificate says whether a Monarch operator is causal, with a multiple of the inverse of M0, which gives the
coordinates of every q_j q_j′, the columns of M0, M1 and M2, and where it leaks the entry of T; or whether a matrix is
Monarch, with a table of factors for each stage or with a minor that is not zero; or that a kernel which multiplies by a
Monarch matrix is wrong, with the row, the signal and what came out, which no roundings explain. The scalars are those
of a prime field, integers, or polynomials in a primitive root of unity: matrices over ℚ and ℚ(ζ_m) are multiplied by a
common denominator, which changes neither verdict; floats by a power of two. `recheck_exact` repeats the arithmetic with
Python's integers; `recheck_with_coq` has Coq run the deciders of `proofs/certificates`, which are proved right over
every field of that characteristic, and at every primitive m-th root of unity in it.

On trust are: that the matrices are those that were meant, and, in Coq, that the characteristic is a prime number
(Python checks it); in Python, that the m-th cyclotomic polynomial is the one that flint names (Coq checks it).
"""

from monarch_theory.certificates.coq import coq_source, recheck_with_coq
from monarch_theory.certificates.recheck import CertificateError, is_exact, recheck_exact
from monarch_theory.certificates.scalars import FORMAT, long_integers
from monarch_theory.certificates.writing import (
    causality_certificate,
    kernel_certificate,
    membership_certificate,
    write_certificate,
)

__all__ = [
    "FORMAT", "CertificateError", "causality_certificate", "coq_source", "is_exact", "kernel_certificate",
    "long_integers", "membership_certificate", "recheck_exact", "recheck_with_coq", "write_certificate",
]  # fmt: skip
