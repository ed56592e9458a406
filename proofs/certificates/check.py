"""Certificates: what they prove is what the exact deciders say, and changed ones are refused."""

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from monarch_theory.causality import CausalMonarch, MonarchOperator
from monarch_theory.certificates import (
    CertificateError,
    causality_certificate,
    kernel_certificate,
    membership_certificate,
    recheck_exact,
)
from monarch_theory.domains import FLOAT64, INTEGERS, RATIONALS, Cyclotomic, Domain, PrimeField, prime_with_root
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Monarch, random_monarch
from monarch_theory.proving import Instance

Certificate = dict[str, Any]


def _negated(certificate: Certificate) -> Certificate:
    claim = certificate["claim"]
    return certificate | {"claim": claim.removeprefix("not ") if claim.startswith("not") else f"not {claim}"}


def _one_more(name: str) -> Callable[[Certificate], Certificate]:
    """The certificate with the first integer under `name` one larger, where it has that part."""

    def more(value: Any) -> Any:
        if isinstance(value, list):
            return [more(value[0]), *value[1:]] if value else [1]
        return value + 1

    return lambda certificate: certificate | {name: more(certificate[name])} if name in certificate else certificate


def _another_split(certificate: Certificate) -> Certificate:
    if "minor" not in certificate:
        return certificate
    minor = certificate["minor"]
    return certificate | {"minor": minor | {"rows": [minor["rows"][0], minor["rows"][0]]}}


def _another_leak(certificate: Certificate) -> Certificate:
    if "leak" not in certificate:
        return certificate
    leak = certificate["leak"]
    return certificate | {"leak": leak | {"input": leak["output"]}}


def _another_witness(certificate: Certificate) -> Certificate:
    """What shows that a number is not zero gives one more than it does."""
    for part in certificate.keys() & {"leak", "minor"}:
        if "gives" in certificate[part]:
            certificate = certificate | {part: certificate[part] | {"gives": certificate[part]["gives"] + 1}}
    return certificate


def _fewer_roundings(certificate: Certificate) -> Certificate:
    if "roundings" not in certificate:
        return certificate
    return certificate | {"roundings": [[certificate["roundings"][0][0], len(certificate["radices"])]]}


def _right_output(certificate: Certificate) -> Certificate:
    if "output" not in certificate:
        return certificate
    row = zip(certificate["matrix"][certificate["row"]], certificate["signal"], strict=True)
    return certificate | {"output": sum(a * b for a, b in row), "scale": [0, 0]}


SIZES = "operators to N = 16 over F_q, Q and Q(ζ_N); matrices to N = 12, p ≤ 3; kernels to N = 12"
MUTATIONS: dict[str, dict] = {
    "a rounding for every stage is enough": {"changed": _fewer_roundings},
    "any output is wrong": {"changed": _right_output},
    "the opposite follows": {"changed": _negated},
    "any inverse will do": {"changed": _one_more("inverse")},
    "any denominator will do": {"changed": _one_more("denominator")},
    "any factors will do": {"changed": _one_more("factors")},
    "any entry is a leak": {"changed": _another_leak},
    "any rows make a minor": {"changed": _another_split},
    "any root of unity will do": {"changed": _one_more("root")},
    "any multiple shows that a number is not zero": {"changed": _another_witness},
}


def instances(changed: Callable[[Certificate], Certificate] = lambda certificate: certificate) -> list[Instance]:
    def case(about: str, make: Callable[[], Certificate], claim: str) -> Instance:
        return Instance(f"{about}: {claim}", lambda: _proves(changed(make()), claim))

    rng = np.random.default_rng(0)
    cases = []
    for radices in ((2, 2), (2, 3), (2, 2, 2), (4, 4)):
        field = PrimeField(prime_with_root(int(np.prod(radices))))
        causal = MonarchOperator(CausalMonarch(radices).random(field, rng))
        leaking = MonarchOperator(fourier(radices, field), n=causal.size)
        cases.append(case(f"family, {radices}", lambda o=causal: causality_certificate(o), "causal"))
        cases.append(case(f"DFT unpadded, {radices}", lambda o=leaking: causality_certificate(o), "not causal"))
        roots = Cyclotomic(causal.size)
        padded = MonarchOperator(fourier(radices, roots))
        leaking = MonarchOperator(padded.M0, n=causal.size)
        cases.append(case(f"DFT, {radices}, {roots}", lambda o=padded: causality_certificate(o), "causal"))
        cases.append(
            case(f"DFT unpadded, {radices}, {roots}", lambda o=leaking: causality_certificate(o), "not causal")
        )
    rational = MonarchOperator(random_monarch((2, 2), RATIONALS, rng))
    cases.append(case("random, (2, 2), Q", lambda: causality_certificate(rational), "not causal"))
    for radices in ((2, 2), (2, 3), (2, 3, 2)):
        for domain in (PrimeField(101), RATIONALS, Cyclotomic(12)):
            member = random_monarch(radices, domain, rng).dense()
            if isinstance(domain, Cyclotomic):
                member = member * fourier(radices, domain).dense()
            other = domain.array(rng.integers(1, 100, member.shape))
            for matrix, claim in ((member, "Monarch"), (other, "not Monarch")):
                about = f"{radices} over {domain}"
                cases.append(case(about, lambda m=matrix, r=radices, d=domain: _membership(m, r, d), claim))
        for bits in (8, 24, 53):
            about = f"off by more than roundings to {bits} bits, {radices}"
            cases.append(case(about, lambda r=radices, b=bits: _kernel(r, b), "wrong"))
    return cases


def _kernel(radices: tuple[int, ...], bits: int) -> Certificate:
    """What all roundings up, one for every term and one to store, come to in every stage, and a little more."""
    rng = np.random.default_rng(bits)
    factors = [np.abs(factor).astype(float) for factor in random_monarch(radices, INTEGERS, rng).factors]
    x, times = rng.integers(1, 9, int(np.prod(radices))).astype(float), sum(radices) + len(radices)
    row = Monarch(tuple(factors), FLOAT64).dense()[1]
    more = 1.000001 if bits < 53 else 1.3  # of what a float can say
    grown = float((1 + Fraction(1, 2**bits)) ** times - 1) * more
    return kernel_certificate(factors, x * 2.0**-60, 1, (row @ x) * (1 + grown) * 2.0**-60, [(bits, times)])


def _membership(matrix: np.ndarray, radices: tuple[int, ...], domain: Domain) -> Certificate:
    return membership_certificate(matrix, membership_of(matrix, MonarchClass(radices), domain=domain), domain)


def _proves(certificate: Certificate, claim: str) -> bool:
    try:
        return recheck_exact(certificate).startswith(f"{claim}:")
    except CertificateError:
        return False
