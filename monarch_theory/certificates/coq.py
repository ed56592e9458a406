"""Certificates re-checked by Coq: a file whose theorem is the claim, proved by running a decider of `proofs`."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from monarch_theory.certificates.recheck import CertificateError, leak_of, place, recheck_exact
from monarch_theory.certificates.scalars import modulus
from monarch_theory.proving import check_with_coq, proofs_folder

__all__ = ["coq_source", "recheck_with_coq"]


class _Setting(NamedTuple):
    """How the numbers are defined, of which fields the verdict speaks, what they stand for there and why that is so."""

    definitions: str
    fields: str
    value: str
    introduced: str
    meaning: str


def coq_source(certificate: Mapping[str, Any]) -> str:
    """A file of Coq whose theorem `verdict` is what the certificate claims, proved by running the decider."""
    q = f"({certificate['characteristic']})"
    setting = _at_root(q, certificate["root"]) if "root" in certificate else _of_integers(q)
    if certificate["claim"] == "wrong":
        return "\n".join([COQ_HEADER, setting.definitions, *_of_kernel(certificate)])
    of_operator = certificate["claim"] in ("causal", "not causal")
    definitions, decided, claim, proof = (_of_operator if of_operator else _of_matrix)(certificate)
    verdict = COQ_VERDICT.format(decided=decided, claim=claim, proof=proof, **setting._asdict())
    return "\n".join([COQ_HEADER, setting.definitions, *definitions, verdict])


Parts = tuple[list[str], str, str, str]
"""Definitions, the decider run on them, what it decides, and the theorem that says so."""


def _of_operator(certificate: Mapping[str, Any]) -> Parts:
    N, n, d = (certificate[name] for name in ("N", "n", "denominator"))
    places = {f"C{k}": place(certificate, f"M{k}").replace("M", "C") for k in range(3)}
    lines = [f"Definition N := {N}%N.", _table("A", certificate["inverse"])]
    for name, there in places.items():
        given = certificate[name.replace("C", "M")]
        lines.append(_table(name, given) if there == name else f"Definition {name} : table S := {there}.")
    lines += [f"Definition d : S := {_literal([d] if 'root' in certificate else d)}.", COQ_INVERSE]
    claim = f"causal {n}%N (columns value N C0) (columns value N C1) (columns value N C2)"
    if certificate["claim"] == "not causal":
        leak = " ".join(f"{x}%N" for x in leak_of(certificate, n))
        decided, proof = f"leakb N {n}%N A C1 C2 {leak} {_witness(certificate, 'leak')}", "not_causal_certified"
        claim = f"~ {claim}"
    elif places["C1"] == places["C2"]:
        decided, proof = f"causal_symmetricb N {n}%N A C2", "causal_symmetric_certified"
    else:
        decided, proof = f"causalb N {n}%N A C1 C2", "causal_certified"
    return lines, decided, f"columns value N C0 \\in unitmx /\\ {claim}", f"{proof} means inverse"


def _of_matrix(certificate: Mapping[str, Any]) -> Parts:
    radices = "; ".join(f"({m}%N, {n}%N)" for m, n in certificate["radices"])
    lines = [f"Definition rs : radices := [:: {radices}].", _table("A", certificate["matrix"])]
    claim = "exists G : factors F rs, matrix_of value rs A = monarch G"
    if certificate["claim"] == "Monarch":
        lines.append(f"Definition g : seq (table S) := {_literal(certificate['factors'])}.")
        return lines, "memberb rs A g", claim, "monarch_certified means"
    minor = certificate["minor"]
    numbers = " ".join(f"{x}%N" for x in (minor["split"], *minor["rows"], *minor["columns"]))
    decided = f"refutedb rs A {numbers} {_witness(certificate, 'minor')}"
    return lines, decided, f"~ {claim}", "not_monarch_certified means"


def _of_kernel(certificate: Mapping[str, Any]) -> list[str]:
    """That the matrix is Monarch over every field, and that over every ordered one no rounding explains the output."""
    lines, member, claim, proof = _of_matrix(dict(certificate) | {"claim": "Monarch"})
    up, down = certificate["scale"]
    rounds = "; ".join(f"({bits}%N, {times}%N)" for bits, times in certificate["roundings"])
    return [
        *lines,
        f"Definition x : table S := {_literal([certificate['signal']])}.",
        f"Definition rounds : seq (nat * nat) := [:: {rounds}].",
        f"Definition r := line A {certificate['row']}%N.",
        f"Definition y : S := ({certificate['output']}).",
        COQ_KERNEL.format(member=member, claim=claim, proof=proof, row=certificate["row"], up=up, down=down),
    ]


def _of_integers(q: str) -> _Setting:
    return _Setting(
        f"Definition S := integers {q}.",
        f"forall F : fieldType, characteristic F {q} ->",
        "number F",
        "F char_q",
        "integers_certify char_q",
    )


def _at_root(q: str, m: int) -> _Setting:
    found = modulus(m)
    parts = {"phi": found.phi[:-1], "psi": found.psi, "chi": found.chi}
    names = {name: _literal(part) for name, part in parts.items()}
    smaller = "; ".join(f"{k}%N" for k in found.smaller)
    return _Setting(
        COQ_CYCLOTOMIC.format(q=q, m=m, d=len(found.phi) - 1, smaller=smaller, **names),
        f"forall (F : fieldType) (zeta : F), characteristic F {q} -> {m}.-primitive_root zeta ->",
        "value_at zeta",
        "F zeta char_q primitive",
        "roots_certify cyclotomic char_q primitive",
    )


def recheck_with_coq(certificate: Mapping[str, Any]) -> str:
    """What the certificate proves, by Python's integers and then by Coq.

    Theorem: `proofs/certificates`.

    Raises:
        monarch_theory.certificates.recheck.CertificateError: one of the two refuses it.
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
From mathcomp Require Import all_ssreflect ssralg ssrnum poly zmodp matrix mxalgebra.
From MonarchProofs Require Import foundations.monarch foundations.operator foundations.scalars foundations.roots.
From MonarchProofs Require Import certificates.theorem.
Import GRing.Theory Num.Theory.
Local Open Scope ring_scope.
Open Scope Z_scope."""

COQ_CYCLOTOMIC = """Definition S := at_root {q} {m}%N {d}%N {phi}.
Lemma cyclotomic : cyclotomicb {m}%N [:: {smaller}] (monic {d}%N {phi}) {psi} {chi} = true.
Proof. vm_cast_no_check (erefl true). Qed."""

COQ_INVERSE = """Lemma inverse : inverseb N A C0 d = true.
Proof. vm_cast_no_check (erefl true). Qed."""

COQ_VERDICT = """Lemma decided : {decided} = true.
Proof. vm_cast_no_check (erefl true). Qed.
Theorem verdict : {fields} let value : S -> F := {value} in {claim}.
Proof. move=> {introduced} value; have means : meaning value := {meaning}; exact ({proof} decided). Qed.
Print Assumptions verdict.
"""


COQ_KERNEL = """Lemma decided : {member} = true.
Proof. vm_cast_no_check (erefl true). Qed.
Lemma counted : fits rs r (line x 0%N) {row}%N && enough rs rounds = true.
Proof. vm_cast_no_check (erefl true). Qed.
Lemma far : wrongb r (line x 0%N) y {up}%N {down}%N rounds = true.
Proof. vm_cast_no_check (erefl true). Qed.
Theorem verdict :
  (forall F : fieldType, characteristic F 0 -> let value : S -> F := number F in {claim}) /\\
  forall R : realFieldType, let value : S -> R := number R in
    (grows R rounds * (\\sum_(p <- zip r (line x 0%N)) `|value p.1| * `|value p.2|)
      < `|value y * 2%:R ^+ {up}%N / 2%:R ^+ {down}%N
          - \\sum_(p <- zip r (line x 0%N)) value p.1 * value p.2|)%R.
Proof.
split; last exact (fun R => wrong_certified R far).
move=> F char_q value; have means : meaning value := integers_certify char_q; exact ({proof} decided).
Qed.
Print Assumptions verdict.
"""


def _witness(certificate: Mapping[str, Any], name: str) -> str:
    """What shows that a number is not zero; 1 for an integer, of which that is seen."""
    return _literal(certificate[name]["times"]) if "root" in certificate else "1"


def _table(name: str, table: Any) -> str:
    return f"Definition {name} : table S := {_literal(table)}."


def _literal(value: Any) -> str:
    if isinstance(value, list):
        return f"[:: {'; '.join(map(_literal, value))}]"
    digits = str(abs(value)) if abs(value) < 2**32 else hex(abs(value))  # Coq reads long decimals slowly
    return f"(-{digits})" if value < 0 else digits
