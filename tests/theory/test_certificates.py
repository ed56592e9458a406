"""Certificates of exact verdicts: right ones are accepted, here and by Coq, and every part of one matters."""

import copy
import json
import shutil

import numpy as np
import pytest
from typer.testing import CliRunner

from monarch_theory.causality import CausalMonarch, MonarchOperator
from monarch_theory.certificates import (
    CertificateError,
    causality_certificate,
    coq_source,
    membership_certificate,
    recheck_exact,
    recheck_with_coq,
)
from monarch_theory.domains import INTEGERS, RATIONALS, Cyclotomic, PrimeField
from monarch_theory.expressivity.classes import MonarchClass
from monarch_theory.expressivity.membership import membership_of
from monarch_theory.fourier_matrix import fourier
from monarch_theory.monarch import Convention, random_monarch
from monarch_theory.proving import CoqVerdict, check_with_coq, proofs_folder, why_no_coq

NO_COQ = why_no_coq()
NEEDS_COQ = pytest.mark.skipif(NO_COQ is not None, reason=NO_COQ or "")
RNG = np.random.default_rng(0)


def _membership(matrix, kind, domain):
    return membership_certificate(matrix, membership_of(matrix, kind, domain=domain), domain)


def _certificates():
    field = PrimeField(13)
    member = random_monarch((2, 3), RATIONALS, RNG).dense()
    other = member + np.eye(6, dtype=int)
    kind = MonarchClass((2, 3))
    three = (CausalMonarch((2, 2)).random(field, RNG) for _ in range(3))
    return {
        "causal": causality_certificate(MonarchOperator(CausalMonarch((2, 2)).random(field, RNG))),
        "not causal": causality_certificate(MonarchOperator(fourier((2, 2), field), n=4)),
        "causal, of three matrices": causality_certificate(MonarchOperator(*three)),
        "Monarch": _membership(member, kind, RATIONALS),
        "not Monarch": _membership(other, kind, RATIONALS),
    }


CERTIFICATES = _certificates()


@pytest.fixture(params=CERTIFICATES)
def claim(request):
    return request.param


def test_a_right_certificate_proves_its_claim(claim):
    certificate = CERTIFICATES[claim]
    assert certificate["claim"] == claim.partition(",")[0]
    assert recheck_exact(json.loads(json.dumps(certificate))).startswith(f"{certificate['claim']}:")


def _wrong(claim):
    """One number changed that the proof needs."""
    wrong = copy.deepcopy(CERTIFICATES[claim])
    if claim == "not Monarch":
        wrong["minor"]["rows"][1] = wrong["minor"]["rows"][0]
    elif claim == "not causal":
        wrong["leak"]["filter"] -= 1
    else:
        wrong["matrix" if claim == "Monarch" else "inverse"][0][0] += 1
    return wrong


@pytest.mark.long
@NEEDS_COQ
def test_coq_agrees_with_the_right_and_refuses_the_wrong(tmp_path):
    folder = tmp_path / "proofs"
    shutil.copytree(proofs_folder(), folder)
    sources = {f"right{k}": coq_source(CERTIFICATES[claim]) for k, claim in enumerate(CERTIFICATES)}
    sources |= {f"wrong{k}": coq_source(_wrong(claim)) for k, claim in enumerate(CERTIFICATES)}
    for name, source in sources.items():
        (folder / name).mkdir()
        (folder / name / "theorem.v").write_text(source)
    verdicts = check_with_coq(folder, list(sources), lambda done, total: None, recheck=False)
    right = {f"right{k}" for k in range(len(CERTIFICATES))}
    assert {name for name, verdict in verdicts.items() if verdict.checked} == right


@pytest.mark.parametrize("checked", [True, False])
def test_recheck_with_coq_says_what_coq_says(monkeypatch, checked):
    verdict = CoqVerdict(checked, problem="no")
    monkeypatch.setattr("monarch_theory.certificates.check_with_coq", lambda *_, **__: {"certified": verdict})
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


def _changed(certificate, path, value):
    changed = copy.deepcopy(certificate)
    place = changed
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value(place[path[-1]])
    return changed


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
        ("Monarch", "matrix"),
    ],
)  # fmt: skip
def test_every_number_that_carries_the_proof_matters(claim, part):
    for path in _numbers(CERTIFICATES[claim][part]):
        with pytest.raises(CertificateError):
            recheck_exact(_changed(CERTIFICATES[claim], (part, *path), lambda x: x + 1))


def test_a_part_that_is_missing_or_no_integer_is_refused(claim):
    certificate = CERTIFICATES[claim]
    for part in certificate.keys() - {"format"}:
        with pytest.raises(CertificateError):
            recheck_exact({key: value for key, value in certificate.items() if key != part})
    for path in list(_numbers(certificate))[::7]:
        for value in (lambda x: float(x), lambda x: str(x), lambda x: True, lambda x: None):
            with pytest.raises(CertificateError):
                recheck_exact(_changed(certificate, path, value))


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


def test_what_cannot_be_certified_is_named():
    identity = np.eye(4)
    with pytest.raises(ValueError, match="answer: expected one that is exact"):
        membership_certificate(identity, membership_of(identity, MonarchClass((2, 2))), RATIONALS)
    integers = identity.astype(int)
    kind = MonarchClass((2, 2), convention=Convention.DAO)
    with pytest.raises(ValueError, match="expected rank 1 and convention m2"):
        membership_certificate(integers, membership_of(integers, kind), INTEGERS)
    with pytest.raises(ValueError, match="domain: expected a prime field"):
        causality_certificate(MonarchOperator(fourier((2, 2), Cyclotomic(4))))


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
    for matrix, code in ((np.ones((4, 4)), 0), (np.eye(4), 1)):
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
