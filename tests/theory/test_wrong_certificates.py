"""Wrong certificates are refused, of every claim in every kind of field: by the command, and by Coq on its own."""

import json

import numpy as np
import pytest
from command_line import asked
from forged import changed, right_certificates
from one_coq import proved

from monarch_theory.certificates import CertificateError, coq_source, recheck_exact

RIGHT = right_certificates()


def _more(value):
    """Another number: one more, or of a polynomial its constant coefficient."""
    if isinstance(value, list):
        return [value[0] + 1, *value[1:]] if value else [1]
    return value + 1


def _wrong(right):
    """What is changed, to certificates that prove nothing: every part that carries the claim, one at a time."""
    claim = right["claim"]
    wrong = {"claim": right | {"claim": claim.removeprefix("not ") if "not" in claim else f"not {claim}"}}
    wrong["no prime"] = right | {"characteristic": 12}
    if "root" in right:
        wrong["characteristic beside a root"] = right | {"characteristic": 7}
        if claim != "Monarch":  # products of powers of a root are what they are for any root
            wrong["root"] = right | {"root": right["root"] + 1}
        wrong["no root"] = {key: value for key, value in right.items() if key != "root"}
    if "N" in right:
        wrong |= _wrong_of_operator(right, claim)
    elif claim == "wrong":
        wrong |= _wrong_of_matrix(right, "Monarch") | _wrong_of_kernel(right)
    else:
        wrong |= _wrong_of_matrix(right, claim)
    return wrong


def _wrong_of_operator(right, claim):
    wrong = {
        "inverse": changed(right, ("inverse", 0, 0), _more),
        "M0": changed(right, ("M0", 1, 0), _more),
        "denominator": changed(right, ("denominator",), lambda d: d + 1),
        "denominator 0": right | {"denominator": 0},
        "N": right | {"N": right["N"] + 1},
    }
    if right["characteristic"]:  # what integers show of characteristic 0, they show of others, too
        wrong["characteristic"] = right | {"characteristic": 17}
        wrong["characteristic 0"] = right | {"characteristic": 0}
    if claim == "causal":
        wrong["n"] = right | {"n": right["N"]}
        if isinstance(right["M2"], list):
            wrong["M2"] = changed(right, ("M2", 1, 0), _more)
        return wrong
    leak = right["leak"]
    wrong["n below the leak"] = right | {"n": leak["input"]}
    wrong["leak below the diagonal"] = right | {"leak": leak | {"output": leak["input"]}}
    wrong["filter beyond n"] = right | {"leak": leak | {"filter": right["n"]}}
    zero = next(place for place in np.ndindex(4, 4, 4) if place[0] < place[1] and _vanishes(right, place))
    wrong["T vanishes"] = right | {"leak": leak | dict(zip(("output", "input", "filter"), zero, strict=True))}
    return wrong


def _vanishes(right, place):
    """Whether it is refused as a leak; what shows that a number of roots is not zero is of another place, too."""
    there = right["leak"] | dict(zip(("output", "input", "filter"), place, strict=True))
    try:
        recheck_exact(right | {"leak": there})
    except CertificateError:
        return True
    return False


def _wrong_of_matrix(right, claim):
    wrong = {
        "radices": right | {"radices": right["radices"][::-1]},
        "one radix": right | {"radices": right["radices"][:1]},
    }
    if claim == "Monarch":
        wrong["matrix"] = changed(right, ("matrix", 0, 0), _more)
        wrong["first factor"] = changed(right, ("factors", 0, 0, 0), _more)
        wrong["last factor"] = changed(right, ("factors", 1, 0, 0), _more)
        wrong["a factor missing"] = changed(right, ("factors",), lambda tables: tables[:1])
        return wrong
    if "root" not in right:
        wrong["characteristic of the minor"] = right | {"characteristic": _divisor(right)}
    wrong["the same row twice"] = changed(right, ("minor", "rows"), lambda rows: [rows[0], rows[0]])
    wrong["the same column twice"] = changed(right, ("minor", "columns"), lambda columns: [columns[0], columns[0]])
    wrong["rows of two slices"] = changed(right, ("minor", "rows"), lambda rows: [rows[0], rows[1] ^ 1])
    wrong["split"] = changed(right, ("minor", "split"), lambda split: split + 1)
    wrong["row beyond"] = changed(right, ("minor", "rows"), lambda rows: [rows[0], 6])
    return wrong


def _wrong_of_kernel(right):
    """Another signal, row or scale may make another claim that is true."""
    a, b = right["scale"]
    exact = sum(m * x for m, x in zip(right["matrix"][right["row"]], right["signal"], strict=True))
    return {
        "characteristic": right | {"characteristic": 13},
        "a root": right | {"root": 1},
        "output right": right | {"output": exact, "scale": [0, 0]},
        "coarser": right | {"roundings": [[4, 5], [4, 2]]},
        "more roundings": right | {"roundings": [[8, 5], [8, 25]]},
        "fewer roundings than terms": right | {"roundings": [[8, 6]]},
        "no rounding": right | {"roundings": []},
        "row beyond": right | {"row": 6},
        "a negative row": right | {"row": -2},
        "signal short": right | {"signal": right["signal"][:-1]},
        "signal long": right | {"signal": [*right["signal"], 1]},
        "negative scale": right | {"scale": [a - 1, b - 1]},
        "one scale": right | {"scale": [a]},
    }


def _divisor(right):
    """A prime that divides the minor, over whose field it is zero."""
    (i, i2), (j, j2) = right["minor"]["rows"], right["minor"]["columns"]
    A = right["matrix"]
    value = abs(A[i][j] * A[i2][j2] - A[i][j2] * A[i2][j])
    return next(p for p in range(2, value + 1) if value % p == 0)


WRONG = {(*where, part): wrong for where, right in RIGHT.items() for part, wrong in _wrong(right).items()}


def _written(certificate, folder):
    file = folder / "certificate.json"
    file.write_text(json.dumps(certificate))
    return file


@pytest.mark.parametrize("where", RIGHT, ids=", ".join)
def test_a_right_certificate_has_exit_code_0(where, tmp_path):
    assert RIGHT[where]["claim"] == where[0]
    assert asked("recheck", _written(RIGHT[where], tmp_path)).exit_code == 0


def test_every_part_of_a_certificate_of_every_claim_is_changed():
    """So that a new part is not forgotten."""
    parts = {key for right in RIGHT.values() for key in right}
    assert parts == {
        "format", "claim", "characteristic", "root", "N", "n", "inverse", "denominator", "M0", "M1", "M2", "leak",
        "radices", "matrix", "factors", "minor", "signal", "row", "output", "scale", "roundings",
    }  # fmt: skip
    assert len(WRONG) >= 130


@pytest.mark.parametrize("where", RIGHT, ids=", ".join)
def test_a_wrong_certificate_has_exit_code_1_or_2(where, tmp_path):
    for (*kind, part), wrong in WRONG.items():
        if tuple(kind) == where:
            answer = asked("recheck", _written(wrong, tmp_path))
            assert answer.exit_code in (1, 2), (part, answer.output)
            assert "Traceback" not in answer.output


@pytest.mark.usefixtures("coq")
@pytest.mark.parametrize("where", RIGHT, ids=", ".join)
def test_a_wrong_certificate_has_no_other_exit_code_with_coq(where, tmp_path):
    for (*kind, part), wrong in WRONG.items():
        if tuple(kind) == where:
            answer = asked("recheck", _written(wrong, tmp_path), "--coq")
            assert answer.exit_code in (1, 2), (part, answer.output)


def _source(certificate):
    """What Coq is given where Python would not have refused it before; None where there is nothing to give."""
    try:
        return coq_source(certificate)
    except (CertificateError, KeyError, TypeError, ValueError):
        return None


def _for_coq():
    """Every part of every claim once, over one kind of field after the other.

    Not what Coq takes on trust, that a characteristic is prime, nor what is true though no certificate says it: that a
    claim of a root of unity holds in another characteristic.
    """
    fields = {}
    for claim, where, part in WRONG:
        if part not in ("no prime", "claim", "characteristic beside a root"):
            fields.setdefault((claim, part), []).append(where)
    return {
        (claim, wheres[k % len(wheres)], part): WRONG[claim, wheres[k % len(wheres)], part]
        for k, ((claim, part), wheres) in enumerate(fields.items())
    }


@pytest.mark.long
@pytest.mark.usefixtures("coq")
def test_coq_refuses_wrong_certificates_without_python(certificates_compiled):
    asked_of_coq = {where: _source(wrong) for where, wrong in _for_coq().items()}
    sources = {"_".join(where).replace(" ", "_"): source for where, source in asked_of_coq.items() if source}
    sources["right"] = coq_source(RIGHT["causal", "a prime field"])
    assert len(sources) > 30
    assert proved(certificates_compiled, sources) == {"right"}
