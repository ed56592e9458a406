"""Certificates of exact verdicts: right ones are accepted, here and by Coq, and every part of one matters."""

import copy
import json
from fractions import Fraction
from math import prod

import numpy as np
import pytest
from command_line import asked
from forged import changed
from one_coq import proved
from typer.testing import CliRunner

from monarch_theory.causality import CausalMonarch, MonarchOperator
from monarch_theory.certificates import (
    CertificateError,
    causality_certificate,
    coq_source,
    membership_certificate,
    recheck_exact,
    recheck_with_coq,
    write_certificate,
)
from monarch_theory.certificates.scalars import Scalars, modulus
from monarch_theory.domains import FLOAT64, INTEGERS, RATIONALS, Cyclotomic, PrimeField
from monarch_theory.domains.cyclotomic import CyclotomicNumber
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Convention, random_monarch
from monarch_theory.proving import CoqVerdict

RNG = np.random.default_rng(0)


def _membership(matrix, kind, domain):
    return membership_certificate(matrix, membership_of(matrix, kind, domain=domain), domain)


def _certificates():
    field = PrimeField(13)
    member = random_monarch((2, 3), RATIONALS, RNG).dense()
    other = member + np.eye(6, dtype=int)
    kind = MonarchClass((2, 3))
    three = (CausalMonarch((2, 2)).random(field, RNG) for _ in range(3))
    roots = Cyclotomic(6)
    transform = fourier((2, 3), roots)
    others = (CausalMonarch((2, 3)).random(roots, RNG) for _ in range(2))
    # each column by a number of its own, so that it stays Monarch, by products of polynomials that have to be reduced
    scaled = transform.dense() * [roots.root_of_unity(6) + roots.scalar(Fraction(1, k + 2)) for k in range(6)]
    apart = scaled + roots.eye(6) * roots.root_of_unity(6)
    return {
        "causal": causality_certificate(MonarchOperator(CausalMonarch((2, 2)).random(field, RNG))),
        "not causal": causality_certificate(MonarchOperator(fourier((2, 2), field), n=4)),
        "causal, of three matrices": causality_certificate(MonarchOperator(*three)),
        "Monarch": _membership(member, kind, RATIONALS),
        "not Monarch": _membership(other, kind, RATIONALS),
        "causal, of roots": causality_certificate(MonarchOperator(transform)),
        "causal, of roots in three matrices": causality_certificate(MonarchOperator(transform, *others)),
        "not causal, of roots": causality_certificate(MonarchOperator(transform, n=6)),
        "Monarch, of roots": _membership(scaled, kind, roots),
        "not Monarch, of roots": _membership(apart, kind, roots),
    }


CERTIFICATES = _certificates()


@pytest.fixture(params=CERTIFICATES)
def claim(request):
    return request.param


def test_a_right_certificate_proves_its_claim(claim):
    certificate = CERTIFICATES[claim]
    assert certificate["claim"] == claim.partition(",")[0]
    assert recheck_exact(json.loads(json.dumps(certificate))).startswith(f"{certificate['claim']}:")


OF_ROOTS = [claim for claim in CERTIFICATES if "roots" in claim]


def _wrong(claim):
    """One number changed that the proof needs."""
    wrong = copy.deepcopy(CERTIFICATES[claim])
    if claim.startswith("not Monarch"):
        wrong["minor"]["rows"][1] = wrong["minor"]["rows"][0]
    elif claim.startswith("not causal"):
        wrong["leak"]["filter"] -= 1
    else:
        part = "matrix" if claim.startswith("Monarch") else "inverse"
        return changed(wrong, (part, *next(_numbers(wrong[part]))), lambda x: x + 1)
    return wrong


def _wrong_of_roots():
    """What can be wrong of roots alone: which root, what shows that a number is not zero, and its polynomial."""
    causal, leak, minor = (CERTIFICATES[f"{claim}, of roots"] for claim in ("causal", "not causal", "not Monarch"))
    source = coq_source(causal)
    assert "at_root (0) 6%N 2%N [:: 1; (-1)]" in source
    return {
        "root": coq_source(causal | {"root": 12}),
        "times": coq_source(leak | {"leak": leak["leak"] | {"times": [1, 1]}}),
        "times_nothing": coq_source(minor | {"minor": minor["minor"] | {"times": []}}),
        "cube_root": source.replace("[:: 1; (-1)]", "[:: 1; 1]"),
    }


@pytest.mark.long
@pytest.mark.usefixtures("coq")
def test_coq_agrees_with_the_right_and_refuses_the_wrong(certificates_compiled):
    right = {f"right{k}": coq_source(certificate) for k, certificate in enumerate(CERTIFICATES.values())}
    wrong = {f"wrong{k}": coq_source(_wrong(claim)) for k, claim in enumerate(CERTIFICATES)} | _wrong_of_roots()
    assert proved(certificates_compiled, wrong | right) == set(right)


@pytest.mark.long
@pytest.mark.usefixtures("coq")
def test_recheck_with_coq_asks_coq():
    assert recheck_with_coq(CERTIFICATES["causal"]).endswith("; Coq agrees")


@pytest.mark.parametrize("checked", [True, False])
def test_recheck_with_coq_says_what_coq_says(monkeypatch, checked):
    verdict = CoqVerdict(checked, problem="no")
    monkeypatch.setattr("monarch_theory.certificates.coq.check_with_coq", lambda *_, **__: {"certified": verdict})
    if checked:
        assert recheck_with_coq(CERTIFICATES["causal"]).endswith("; Coq agrees")
    else:
        with pytest.raises(CertificateError, match="Coq refused it: no"):
            recheck_with_coq(CERTIFICATES["causal"])


def _numbers(value, path=()):
    """Where the integers of a certificate are."""
    if isinstance(value, dict | list):
        for key, part in value.items() if isinstance(value, dict) else enumerate(value):
            yield from _numbers(part, (*path, key))
    elif isinstance(value, int):
        yield path


def test_the_opposite_claim_is_refused(claim):
    said = CERTIFICATES[claim]["claim"]
    opposite = said.removeprefix("not ") if said.startswith("not") else f"not {said}"
    # the opposite of a leak is one that is not there, which every place of it shows
    leaks = [{"output": 0, "input": 1, "filter": k} for k in range(2)]
    for more in [{}, *({"leak": leak} for leak in leaks)]:
        with pytest.raises(CertificateError):
            recheck_exact(CERTIFICATES[claim] | {"claim": opposite} | more)


@pytest.mark.parametrize(
    ("claim", "part"),
    [
        ("causal", "inverse"), ("causal", "M0"), ("causal", "denominator"), ("not causal", "inverse"),
        ("not causal", "M0"), ("not causal", "denominator"), ("not causal", "leak"), ("Monarch", "factors"),
        ("Monarch", "matrix"), ("causal, of roots", "inverse"), ("causal, of roots", "M0"),
        ("causal, of roots", "denominator"), ("not causal, of roots", "inverse"), ("not causal, of roots", "M0"),
        ("not causal, of roots", "denominator"), ("not causal, of roots", "leak"), ("Monarch, of roots", "factors"),
        ("Monarch, of roots", "matrix"), ("not Monarch, of roots", "minor"),
    ],
)  # fmt: skip
def test_every_number_that_carries_the_proof_matters(claim, part):
    for path in _numbers(CERTIFICATES[claim][part]):
        with pytest.raises(CertificateError):
            recheck_exact(changed(CERTIFICATES[claim], (part, *path), lambda x: x + 1))


def test_a_part_that_is_missing_or_no_integer_is_refused(claim):
    certificate = CERTIFICATES[claim]
    for part in certificate.keys() - {"format"}:
        with pytest.raises(CertificateError):
            recheck_exact({key: value for key, value in certificate.items() if key != part})
    for path in list(_numbers(certificate))[::7]:
        for value in (lambda x: float(x), lambda x: str(x), lambda x: True, lambda x: None):
            with pytest.raises(CertificateError):
                recheck_exact(changed(certificate, path, value))


def test_integers_of_any_length_are_written_and_read(tmp_path):
    """With more digits than Python reads by itself."""
    one, times = CERTIFICATES["causal, of roots"], 10**5000
    larger = [[[times * c for c in x] for x in row] for row in one["inverse"]]
    file = tmp_path / "certificate.json"
    write_certificate(one | {"inverse": larger, "denominator": times * one["denominator"]}, file)
    answer = asked("recheck", file)
    assert (answer.exit_code, file.stat().st_size > 5000) == (0, True), answer.output


def test_one_table_may_stand_for_another_that_is_the_same():
    one = CERTIFICATES["causal"]
    assert (one["M1"], one["M2"]) == ("M0", "M1")
    spelled = one | {"M1": one["M0"], "M2": one["M0"]}
    assert recheck_exact(spelled) == recheck_exact(one)
    assert "causal_symmetricb" in coq_source(one) and "causalb" in coq_source(spelled)
    for names in ({"M1": "M2"}, {"M1": "M1"}, {"M0": "M1"}, {"inverse": "M0"}, {"M2": "M3"}, {"M2": ["M0"]}):
        with pytest.raises(CertificateError):
            recheck_exact(one | names)


def test_a_characteristic_that_is_no_prime_is_refused(claim):
    for q in (1, -7, 4, 13 * 17):
        with pytest.raises(CertificateError, match="characteristic"):
            recheck_exact(CERTIFICATES[claim] | {"characteristic": q})


@pytest.mark.parametrize("claim", OF_ROOTS)
def test_another_root_of_unity_is_refused(claim):
    certificate = CERTIFICATES[claim]
    for m in (1, 2, 3, 4, 5, 7, 8, 9, 10, 12, 18, 30):
        with pytest.raises(CertificateError):
            recheck_exact(certificate | {"root": m})
    for m in (0, -6, 10**9, True, 6.0, "6", None):
        with pytest.raises(CertificateError, match="root: expected"):
            recheck_exact(certificate | {"root": m})
    with pytest.raises(CertificateError, match="characteristic: expected 0 beside a root, got 7"):
        recheck_exact(certificate | {"characteristic": 7})


@pytest.mark.parametrize(("claim", "part"), [("not causal, of roots", "leak"), ("not Monarch, of roots", "minor")])
def test_a_number_of_roots_is_not_zero_only_where_a_multiple_shows_it(claim, part):
    certificate = CERTIFICATES[claim]
    shown = certificate[part]
    for wrong in ({"times": []}, {"times": [], "gives": 0}, {"gives": 0}, {"gives": -shown["gives"]}, {"times": 1}):
        with pytest.raises(CertificateError):
            recheck_exact(certificate | {part: shown | wrong})
    for key in ("times", "gives"):
        with pytest.raises(CertificateError):
            recheck_exact(certificate | {part: {name: value for name, value in shown.items() if name != key}})


def test_numbers_are_polynomials_exactly_where_there_is_a_root():
    for claim in ("causal", "Monarch"):
        with pytest.raises(CertificateError, match="expected lists of at most 6 integers"):
            recheck_exact(CERTIFICATES[claim] | {"characteristic": 0, "root": 6})
    for claim in OF_ROOTS:
        with pytest.raises(CertificateError, match="expected integers, got list"):
            recheck_exact({key: value for key, value in CERTIFICATES[claim].items() if key != "root"})


@pytest.mark.parametrize("m", [1, 2, 3, 4, 6, 8, 9, 12, 15, 30])
def test_polynomials_in_a_root_are_zero_exactly_where_the_numbers_are(m):
    rng = np.random.default_rng(m)
    for coefficients in [*rng.integers(-3, 4, (40, m)), *np.eye(m, dtype=int), np.ones(m, dtype=int), np.zeros(m, int)]:
        polynomial = [int(c) for c in coefficients]
        scalars = Scalars.at_root(m, 2, 2, [polynomial])
        number = CyclotomicNumber.of(m, polynomial)
        for read, value in ((scalars.read(polynomial), number), (scalars.read(polynomial) ** 2, number * number)):
            assert scalars.zero(read) == (not value), polynomial


@pytest.mark.parametrize("m", range(1, 41))
def test_the_cyclotomic_polynomial_is_what_is_left_of_the_smaller_orders(m):
    found = modulus(m)
    unity = {k: np.polynomial.Polynomial([-1] + [0] * (k - 1) + [1]) for k in (m, *found.smaller)}
    phi, psi, chi = (np.polynomial.Polynomial(part) for part in (found.phi, found.psi, found.chi))
    assert (phi * psi == unity[m]) and (psi * chi == prod((unity[k] for k in found.smaller), start=phi**0))


def test_what_cannot_be_certified_is_named():
    identity = np.eye(4)
    with pytest.raises(ValueError, match="answer: expected one that is exact"):
        membership_certificate(identity, membership_of(identity, MonarchClass((2, 2))), RATIONALS)
    integers = identity.astype(int)
    kind = MonarchClass((2, 2), convention=Convention.DAO)
    with pytest.raises(ValueError, match="expected rank 1 and convention m2"):
        membership_certificate(integers, membership_of(integers, kind), INTEGERS)
    with pytest.raises(ValueError, match="domain: expected a prime field"):
        causality_certificate(MonarchOperator(random_monarch((2, 2), FLOAT64, RNG)))


def test_coq_source_asks_what_it_rests_on(claim):
    assert "Print Assumptions verdict." in coq_source(CERTIFICATES[claim])


def test_express_writes_one_and_recheck_reads_it(tmp_path):
    import typer

    from monarch_theory.command.express import express
    from monarch_theory.command.recheck import recheck

    app = typer.Typer()
    app.command("express")(express)
    app.command("recheck")(recheck)
    file, written = tmp_path / "matrix.npy", tmp_path / "certificate.json"
    turned = np.outer([1, 1j, 2, 1 - 1j], [1, 3, 1j, 1 + 1j])
    for matrix, code in ((turned, 0), (np.eye(4) * 1j, 1), (np.ones((4, 4)), 0), (np.eye(4), 1)):
        np.save(file, matrix)
        wanted = ["express", str(file), "--exact", "--certificate", str(written)]
        assert CliRunner().invoke(app, wanted).exit_code == code
        result = CliRunner().invoke(app, ["recheck", str(written), "--json"])
        assert result.exit_code == 0 and json.loads(result.stdout)["evidence"] == "exact"
    certificate = json.loads(written.read_text())
    written.write_text(json.dumps(certificate | {"claim": "Monarch"}))
    assert CliRunner().invoke(app, ["recheck", str(written)]).exit_code == 1
    result = CliRunner().invoke(app, ["express", str(file), "--certificate", str(written)])
    assert result.exit_code == 2
