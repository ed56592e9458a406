"""Every proof holds, every check can fail, and every machine-checked theorem is closed under the global context."""

import ast
import importlib
import shutil
from pathlib import Path

import numpy as np
import pytest

from monarch_theory import proving
from monarch_theory.causality.conditions import Condition
from monarch_theory.causality.decision import Decision
from monarch_theory.expressivity import constructions
from monarch_theory.expressivity.membership import Membership
from monarch_theory.monarch import random_monarch
from monarch_theory.proving import (
    CannotRunError,
    check_with_coq,
    find_proofs,
    load_check,
    proofs_folder,
    run_check,
    without_library,
)

FOLDER = proofs_folder()
PROOFS = find_proofs(FOLDER)
MACHINE_CHECKED = {
    "best_permutation", "border_rank", "causal_at_four", "causality_characterisation", "causality_sufficient",
    "certificates", "circulant_factors", "coarser_radices", "conditioning", "cost", "depth_of_products",
    "dft_is_monarch", "displacement_rank", "entry_formula", "free_parameters", "ieee_formats", "interpolation",
    "larger_causal_families", "largest_degree", "main_text_condition", "multivariate_evaluation", "necessity",
    "optimal_projection", "orthogonal_blocks", "permutation_routing", "product_modulo",
    "product_order_causality", "products_of_sums", "random_errors_in_norm", "random_filters", "rank_one_slices",
    "real_points", "rebased_convolution", "relaxed_convolution", "rounding", "rounding_in_norm",
    "rounding_in_probability", "transpose", "trigonometric_transforms", "univariate_view", "unpadded_causality",
    "vandermonde_and_cauchy",
}  # fmt: skip


def ignore(done: int, total: int) -> None:
    """A progress display that shows nothing."""


LONG = (
    "causal_at_four", "causality_characterisation", "causality_sufficient", "certificates", "conditioning",
    "dft_is_monarch", "free_parameters", "interpolation", "largest_degree", "main_text_condition", "products_of_sums",
    "random_filters", "real_points", "unpadded_causality",
)  # fmt: skip
"""Whose many instances take a second or more."""


@pytest.fixture(params=PROOFS, ids=lambda proof: proof.name)
def proof(request):
    return request.param


@pytest.fixture(params=[pytest.param(p, marks=pytest.mark.long if p.name in LONG else ()) for p in PROOFS],
                ids=lambda proof: proof.name)  # fmt: skip
def checked(request):
    """A proof whose instances are decided."""
    return request.param


def test_statement_holds_and_its_false_variants_are_refused(checked):
    result = run_check(checked, ignore)
    assert result.holds, (result.failures, result.accepted)
    assert result.refused


def test_statement_names_functions_that_exist(proof):
    assert proof.functions
    for name in proof.functions:
        if name.startswith("monarch_gpu"):
            pytest.importorskip("torch", reason="the extra `torch` is not installed")
        _resolve(name)


def test_claim_says_machine_checked_when_and_only_when_there_is_a_coq_file(proof):
    assert ("machine-checked" in proof.claim) == (proof.coq is not None) == (proof.name in MACHINE_CHECKED)


def test_check_is_documented(proof):
    tree = ast.parse((proof.folder / "check.py").read_text(encoding="utf-8"))
    assert ast.get_docstring(tree) and "∎" in proof.statement


@pytest.mark.long
@pytest.mark.usefixtures("coq")
def test_every_coq_file_is_closed_under_the_global_context():
    unable = without_library(FOLDER, sorted(MACHINE_CHECKED))
    verdicts = check_with_coq(FOLDER, sorted(MACHINE_CHECKED - unable.keys()), ignore)
    assert {name: v.problem for name, v in verdicts.items() if not v.checked} == {}
    assert sum(len(v.theorems) for v in verdicts.values()) >= 50
    assert all(v.rechecked for v in verdicts.values()) or shutil.which("coqchk") is None
    if unable:
        pytest.skip(f"the others hold; {unable}")


@pytest.mark.usefixtures("coq")
def test_a_proof_whose_library_is_absent_is_not_run_and_named(monkeypatch):
    names = ["multivariate_evaluation", "transpose"]
    monkeypatch.setattr(proving, "_has_library", lambda library: library != "SsrMultinomials")
    assert without_library(FOLDER, names) == {names[0]: "libcoq-mathcomp-multinomials is not installed"}


REALS = "Theorem t (x : R) : (x = x \\/ x <> x)%R. destruct (Req_dec x x); auto. Qed. Print Assumptions t."
NOTHING_PROVED = [
    (f"Require Import Reals. {REALS}", "axioms"),
    ("Theorem t : 1 = 2. Admitted. Print Assumptions t.", "contains Admitted"),
    ("Axiom a : 1 = 2. Theorem t : 1 = 2. exact a. Qed. Print Assumptions t.", "contains Axiom"),
    (
        "Require Import Classical. Theorem t (P : Prop) : P \\/ ~ P. exact (classic P). Qed. Print Assumptions t.",
        "axioms",
    ),
    (
        "From Coq Require Import Reals Lra. Axiom a : (1 < 0)%R. Theorem t : (1 < 0)%R. exact a. Qed. "
        "Print Assumptions t.",
        "contains Axiom",
    ),
    (
        "From Coq Require Import Reals Description. Theorem t (P : nat -> Prop) : (exists! x, P x) -> {x | P x}. "
        "exact (@constructive_definite_description nat P). Qed. Print Assumptions t.",
        "axioms",
    ),
    ("Theorem t : 1 = 1. reflexivity. Qed.", "no Print Assumptions"),
    ("Theorem t : 1 = 2. reflexivity. Qed. Print Assumptions t.", "Unable to unify"),
    ("(* Theorem t : 1 = 1. Print Assumptions t. *)", "no Print Assumptions"),
]


def checked_by_coq(folder, sources):
    for name, source in sources.items():
        (folder / name).mkdir()
        (folder / name / "theorem.v").write_text(source.replace(". ", ".\n"))
    return check_with_coq(folder, list(sources), ignore)


ALL_REFUSED = [pytest.param(True, id="with libraries", marks=pytest.mark.long), pytest.param(False, id="without")]


@pytest.mark.usefixtures("coq")
@pytest.mark.parametrize("libraries", ALL_REFUSED)
def test_coq_files_that_prove_nothing_are_refused(libraries, tmp_path):
    """All in one run of Coq, each for its own reason; what needs a library takes as long as that to load."""
    chosen = [row for row in NOTHING_PROVED if ("Require" in row[0]) == libraries]
    verdicts = checked_by_coq(tmp_path, {f"faulty_{k}": source for k, (source, _) in enumerate(chosen)})
    assert len(chosen) >= 4
    for (_, problem), verdict in zip(chosen, verdicts.values(), strict=True):
        assert not verdict.checked and problem in verdict.problem


@pytest.mark.long
@pytest.mark.usefixtures("coq")
def test_a_coq_file_that_rests_on_the_real_numbers_is_checked_and_says_so(tmp_path):
    (verdict,) = checked_by_coq(tmp_path, {"reals": f"From Coq Require Import Reals. {REALS}"}).values()
    assert verdict.checked and verdict.axioms and set(verdict.axioms) <= proving.AXIOMS_OF_REALS


@pytest.mark.usefixtures("coq")
def test_a_file_whose_need_failed_is_not_tried(tmp_path):
    for name, source in {
        "base": "Lemma one : 1 = 2.\nProof. reflexivity. Qed.\n",
        "above": "From MonarchProofs Require Import base.theorem.\nTheorem t : 1 = 2.\nProof. exact one. Qed.\n"
        "Print Assumptions t.\n",
    }.items():
        (tmp_path / name).mkdir()
        (tmp_path / name / "theorem.v").write_text(source)
    verdict = check_with_coq(tmp_path, ["above"], ignore)["above"]
    assert not verdict.checked and verdict.problem == "needs base/theorem.v"


def _no_reversal(original):
    return lambda radices: np.arange(int(np.prod(radices)))


def _reversed_rows(original):
    return lambda *arguments, **options: original(*arguments, **options)[::-1]


def _holds(original):
    return lambda *arguments, **options: Condition("always")


def _says(causal):
    return lambda original: lambda *arguments, **options: Decision(causal, "every filter", 1, "nowhere")


def _nothing(original):
    return property(lambda self: 0)


FAULTS = {
    "best_permutation": (
        "monarch_theory.expressivity.projection.project",
        lambda original: lambda matrix, kind: original(1.1 * matrix, kind),
    ),
    "border_rank": ("monarch_theory.causality.decide", _says(True)),
    "causal_at_four": ("monarch_theory.causality.decide", _says(True)),
    "causal_at_six": ("monarch_theory.causality.decide", _says(True)),
    "causality_characterisation": ("monarch_theory.causality.decide", _says(True)),
    "causality_sufficient": ("monarch_theory.causality.decide", _says(False)),
    "certificates": ("monarch_theory.certificates.writing.decide", _says(True)),
    "circulant_factors": (
        "monarch_theory.expressivity.constructions.f_circulant",
        lambda original: lambda v, root, *rest: original(v[::-1], root, *rest),
    ),
    "coarser_radices": (
        "monarch_theory.expressivity.membership.membership_of",
        lambda original: lambda matrix, kind, domain: Membership(True, "exact", kind),
    ),
    "conditioning": (
        "monarch_theory.causality.CausalMonarch.condition_bound", lambda original: lambda self, rho: 1 + rho / 9
    ),
    "cost": ("monarch_theory.monarch.Monarch.parameters", _nothing),
    "depth_of_products": (
        "monarch_theory.causality.CausalMonarch.random",
        lambda original: lambda self, field, rng: random_monarch(self.radices, field, rng),
    ),
    "dft_is_monarch": ("monarch_theory.fourier_matrix.vandermonde", _reversed_rows),
    "displacement_rank": (
        "monarch_theory.expressivity.constructions.shift", lambda original: lambda f, n, d: original(f, n, d).T
    ),
    "entry_formula": ("monarch_theory.monarch.reversal", _no_reversal),
    "free_parameters": ("monarch_theory.causality.CausalMonarch.scalings", _nothing),
    "ieee_formats": (
        "monarch_theory.formats.Format.smallest_subnormal", lambda original: property(lambda self: 2.0**-149)
    ),
    "interpolation": ("monarch_theory.monarch.reversal", _no_reversal),
    "larger_causal_families": ("monarch_theory.causality.decide", _says(False)),
    "largest_degree": ("monarch_theory.causality.decide", _says(False)),
    "main_text_condition": ("monarch_theory.causality.paper_condition", _holds),
    "multivariate_evaluation": ("monarch_theory.monarch.reversal", _no_reversal),
    "necessity": ("monarch_theory.causality.sufficient_condition", _holds),
    "optimal_projection": (
        "monarch_theory.expressivity.projection.project",
        lambda original: lambda matrix, kind: original(np.asarray(matrix, float) + 1e-3, kind),
    ),
    "orthogonal_blocks": ("monarch_theory.monarch.Monarch.dense", lambda original: lambda self: 2 * original(self)),
    "permutation_routing": (
        "monarch_theory.expressivity.constructions.permutation",
        lambda original: lambda order, radices: original(np.argsort(order), radices),
    ),
    "product_modulo": ("monarch_theory.polynomials.multiply_modulo", _reversed_rows),
    "product_order_causality": ("monarch_theory.causality.product_order_condition", _holds),
    "products_of_sums": (
        "monarch_theory.rounding.strassen_growth", lambda original: lambda *a, **o: original(*a, **o) / 2
    ),
    "random_errors_in_norm": (
        "monarch_theory.rounding.random_errors_in_norm", lambda original: lambda norm, model: original(norm, model) / 2
    ),
    "random_filters": ("monarch_theory.causality.decide", _says(False)),
    "real_points": ("monarch_theory.causality.decide", _says(False)),
    "rank_one_slices": (
        "monarch_theory.expressivity.membership.membership_of",
        lambda original: lambda matrix, kind, domain: Membership(True, "exact", kind),
    ),
    "rebased_convolution": (
        "monarch_theory.causality.MonarchOperator.matrix",
        lambda original: lambda self, k: original(self, k) * (1 + np.arange(self.n)),
    ),
    "relaxed_convolution": ("numpy.zeros", lambda original: lambda *a, **o: original(*a, **o) + 1),
    "rounding": ("monarch_theory.rounding.gamma", lambda original: lambda n, u: original(n - 1, u)),
    "rounding_in_norm": (
        "monarch_theory.rounding.fourier_growth_in_norm", lambda original: lambda *arguments: original(*arguments) / 2
    ),
    "rounding_in_probability": (
        "monarch_theory.rounding.probabilistic_gamma", lambda original: lambda n, u, p: original(n, u, 2 * p)
    ),
    "transpose": ("monarch_theory.monarch.reversal", _no_reversal),
    "trigonometric_transforms": (
        "monarch_theory.expressivity.constructions.dct3", lambda original: constructions.dct2
    ),
    "univariate_view": ("monarch_theory.monarch.reversal", _no_reversal),
    "unpadded_causality": ("monarch_theory.causality.decide", _says(True)),
    "vandermonde_and_cauchy": (
        "monarch_theory.expressivity.constructions.chirp",
        lambda original: lambda first, ratio, *rest: original(ratio, first, *rest),
    ),
}  # fmt: skip
"""For each check, a fault it must see: the attribute that is replaced, and by what."""


def test_check_sees_a_fault(checked, monkeypatch):
    _sees(checked, *FAULTS[checked.name], monkeypatch)


def _split_zero_alone(original):
    """Membership by the slices of split 0: wrong from order three on."""

    def refute(tensor, positions, kind, split, *arguments):
        return original(tensor, positions, kind, split, *arguments) if split == 0 else None

    return refute


MORE_FAULTS = [
    ("rank_one_slices", "monarch_theory.expressivity.membership._refute", _split_zero_alone),
    (
        "conditioning", "monarch_theory.causality.CausalMonarch.condition_bound",
        lambda original: lambda self, rho: ((1 + rho) / (1 - rho)) ** (len(self.radices) / 2),
    ),
    (
        "causality_sufficient", "monarch_theory.causality.triangular_condition",
        lambda original: lambda M0, M1, M2, n=None: original(M0, M2, M1, n),
    ),
]  # fmt: skip


@pytest.mark.parametrize(("name", "place", "fault"), MORE_FAULTS, ids=[name for name, _, _ in MORE_FAULTS])
def test_check_sees_a_subtle_fault(name, place, fault, monkeypatch):
    (proof,) = find_proofs(FOLDER, [name])
    _sees(proof, place, fault, monkeypatch)


def _sees(proof, place, fault, monkeypatch):
    owner_name, _, attribute = place.rpartition(".")
    owner = _resolve(owner_name)
    monkeypatch.setattr(owner, attribute, fault(getattr(owner, attribute)))
    assert not all(instance.decide() for instance in load_check(proof).instances())


CHECK = """SIZES = "tiny"
MUTATIONS = {{"false": {{}}}}
def instances():
    {body}
"""
"""A check, with the body of its `instances`."""


def test_broken_proof_fails():
    broken = find_proofs(Path(__file__).parent / "data" / "broken_proof")
    assert [proof.name for proof in broken] == ["even_squares"]
    assert run_check(broken[0], ignore).failures == ("n = 1", "n = 3")


NOT_THERE = "raise ModuleNotFoundError('no module named {0}', name='{0}')"


def test_a_check_that_crashes_or_answers_nothing_cannot_run(tmp_path):
    folder = tmp_path / "faulty"
    folder.mkdir()
    (folder / "statement.md").write_text("# Title\n\n**Status:** open.\n")
    proof = proving.Proof(folder)
    with pytest.raises(CannotRunError, match="expected a check in"):
        run_check(proof, ignore)
    for source, complaint in [
        (CHECK.format(body="1 / 0"), "stopped with ZeroDivisionError: division by zero"),
        (CHECK.format(body="return []"), "expected at least one instance"),
        (CHECK.format(body="return True"), "stopped with TypeError"),
        ("def instances(): return []", "expected SIZES in"),
        ("def instances(): return []\nSIZES = 'none'\nMUTATIONS = {}", "expected MUTATIONS in"),
        ("x = ", "stopped with SyntaxError"),
        (NOT_THERE.format("flint.types"), "named flint.types; pip install python-flint$"),
        (NOT_THERE.format("nobody"), "named nobody$"),
    ]:
        (folder / "check.py").write_text(source)
        with pytest.raises(CannotRunError, match=complaint):
            run_check(proof, ignore)


def test_no_instance_is_no_evidence():
    assert proving.verify([], ignore, sizes="none").holds is None


def test_a_check_that_accepts_a_false_variant_leaves_its_statement_undecided(tmp_path):
    folder = tmp_path / "blind"
    folder.mkdir()
    body = "from monarch_theory.proving import Instance; return [Instance('1', lambda: True)]"
    (folder / "check.py").write_text(CHECK.format(body=body))
    result = run_check(proving.Proof(folder), ignore)
    assert result.holds is None and result.accepted == ("false",) and not result.failures


def test_missing_folder_and_names_are_named(tmp_path):
    with pytest.raises(CannotRunError, match="expected a folder of proofs, got"):
        find_proofs(tmp_path / "nowhere")
    with pytest.raises(CannotRunError, match="found none"):
        find_proofs(tmp_path)
    with pytest.raises(CannotRunError, match="got 'nosuch'"):
        find_proofs(FOLDER, ["nosuch"])


def _resolve(name):
    """The module or attribute with this dotted name."""
    parts = name.split(".")
    found = importlib.import_module(parts[0])
    for length, part in enumerate(parts[1:], start=2):
        if not hasattr(found, part):
            importlib.import_module(".".join(parts[:length]))
        found = getattr(found, part)
    return found
