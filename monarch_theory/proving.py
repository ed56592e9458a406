"""The proofs as data: find them, run their exact checks, and have Coq check the machine-checked ones.

A proof is a folder `proofs/NAME` with `statement.md` (the statement, and a proof for a human), `check.py` (the
statement decided in exact arithmetic at named sizes) and, where there is one, `theorem.v` (a proof for all sizes that
Coq checks). `check.py` defines three names:

* `instances(**parts) -> list[Instance]`, the cases to decide. Its arguments are parts of the statement, such as an
  exponent or a bound; their defaults are the statement itself.
* `SIZES`, what the cases cover, for the status table.
* `MUTATIONS`, false variants of the statement: what each says, and the parts it replaces. A check that accepts one of
  them cannot tell true from false, so its statement is left undecided.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, replace
from graphlib import TopologicalSorter
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, Literal

from monarch_theory.extras import advice, is_declared

__all__ = [
    "CannotRunError", "CoqVerdict", "Instance", "Proof", "Result", "check_with_coq", "coq_version", "find_proofs",
    "load_check", "proofs_folder", "run_check", "verify", "why_no_coq", "without_library",
]  # fmt: skip

Progress = Callable[[int, int], None]
"""Called with (instances done, instances in all)."""

COQ_PREFIX = "MonarchProofs"

LIBRARIES = {
    "mathcomp": ("From mathcomp Require Import all_ssreflect ssralg matrix mxpoly.", "libcoq-mathcomp-algebra"),
    "SsrMultinomials": ("From SsrMultinomials Require Import mpoly.", "libcoq-mathcomp-multinomials"),
    "Flocq": ("From Flocq Require Import Core.", "libcoq-flocq"),
}
"""Libraries of Coq: a line that needs each, and Debian's name for it."""

AXIOMS_OF_REALS = frozenset((
    "ClassicalDedekindReals.sig_forall_dec", "ClassicalDedekindReals.sig_not_dec", "Classical_Prop.classic",
    "FunctionalExtensionality.functional_extensionality_dep",
))  # fmt: skip
"""What Coq's own real numbers rest on; a file that asks for them by name may, and says so. No other axiom is taken."""


class CannotRunError(RuntimeError):
    """A proof could not be run at all, which is neither true nor false."""


@dataclass(frozen=True)
class Instance:
    """One case of a statement: what it is about, and a function that decides it.

    `decide` returns whether the statement holds there. `evidence` is "exact" for exact arithmetic, and "measured" for
    floating point held to an error bound.
    """

    about: str
    decide: Callable[[], bool]
    evidence: Literal["exact", "measured"] = "exact"


@dataclass(frozen=True)
class Result:
    """What a check found.

    Attributes:
        sizes: the sizes the check covers, for the status table.
        exact: number of instances decided in exact arithmetic.
        measured: number decided in floating point.
        failures: instances in which the statement does not hold.
        refused: false variants of the statement that the check refused.
        accepted: false variants that it accepted: it is blind to what they change.
    """

    sizes: str
    exact: int
    measured: int
    failures: tuple[str, ...] = ()
    refused: tuple[str, ...] = ()
    accepted: tuple[str, ...] = ()

    @property
    def holds(self) -> bool | None:
        """None when the check decides nothing: it has no instance, or accepts a false statement too."""
        if self.failures:
            return False
        return None if self.accepted or self.exact + self.measured == 0 else True

    @property
    def evidence(self) -> str:
        kinds = [kind for kind, count in (("exact", self.exact), ("measured", self.measured)) if count]
        return " and ".join(kinds)


def verify(instances: Sequence[Instance], progress: Progress, *, sizes: str) -> Result:
    """Decide every instance.

    >>> cases = [Instance("1 + 1", lambda: 1 + 1 == 2), Instance("2 + 2", lambda: 2 + 2 == 5)]
    >>> verify(cases, print, sizes="tiny").failures
    0 2
    1 2
    2 2
    ('2 + 2',)
    """
    failures = []
    progress(0, len(instances))
    for done, instance in enumerate(instances, start=1):
        if not instance.decide():
            failures.append(instance.about)
        progress(done, len(instances))
    measured = sum(instance.evidence == "measured" for instance in instances)
    return Result(sizes, len(instances) - measured, measured, tuple(failures))


@dataclass(frozen=True)
class Proof:
    """One folder of proofs."""

    folder: Path

    @property
    def name(self) -> str:
        return self.folder.name

    @property
    def statement(self) -> str:
        """The text of `statement.md`."""
        return (self.folder / "statement.md").read_text(encoding="utf-8")

    @property
    def title(self) -> str:
        """The first heading of the statement."""
        return self.statement.partition("\n")[0].removeprefix("# ")

    @property
    def claim(self) -> str:
        """The status line of the statement: what is claimed for all sizes, and how it is known."""
        return self._line("Status")

    @property
    def functions(self) -> tuple[str, ...]:
        """Dotted names of the Python functions and classes that rest on the theorem."""
        return tuple(re.findall(r"`([\w.]+)`", self._line("Rests on it")))

    @property
    def coq(self) -> Path | None:
        """`theorem.v`, when there is a machine-checked proof."""
        file = self.folder / "theorem.v"
        return file if file.exists() else None

    def _line(self, field: str) -> str:
        found = re.search(rf"^\*\*{field}:\*\* ((?:.+\n?)+)", self.statement, flags=re.MULTILINE)
        if found is None:
            raise CannotRunError(f"{self.folder / 'statement.md'}: expected a paragraph that begins '**{field}:**'")
        return " ".join(found[1].split())


def proofs_folder() -> Path:
    """Where the proofs are: inside an installed package, or beside the package in a checkout."""
    package = Path(__file__).parent
    installed, checkout = package / "_proofs", package.parent / "proofs"
    for folder in (installed, checkout):
        if folder.is_dir():
            return folder
    raise CannotRunError(f"proofs: expected them in {installed} or {checkout}, found neither; give --folder")


def find_proofs(folder: Path, names: Sequence[str] = ()) -> list[Proof]:
    """The proofs in `folder`, by name; only those in `names` when some are given.

    Raises:
        CannotRunError: no such folder, no proofs in it, or a name that is not there.
    """
    if not folder.is_dir():
        raise CannotRunError(f"folder: expected a folder of proofs, got {folder}")
    proofs = {path.parent.name: Proof(path.parent) for path in sorted(folder.glob("*/statement.md"))}
    if not proofs:
        raise CannotRunError(f"folder: expected folders with a statement.md in {folder}, found none")
    for name in names:
        if name not in proofs:
            raise CannotRunError(f"theorem: expected one of {', '.join(proofs)}, got {name!r}")
    return [proofs[name] for name in (names or proofs)]


def load_check(proof: Proof) -> Any:
    """`check.py` as a module, with `instances`, `SIZES` and `MUTATIONS`.

    Raises:
        CannotRunError: there is none, it does not load, or it lacks one of the three.
    """
    file = proof.folder / "check.py"
    spec = spec_from_file_location(f"monarch_proofs_{proof.name}", file)
    if not file.is_file() or spec is None or spec.loader is None:
        raise CannotRunError(f"{proof.name}: expected a check in {file}, found none")
    module = module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except Exception as error:
        raise _stopped(proof, error) from error
    for part in ("instances", "SIZES", "MUTATIONS"):
        if not getattr(module, part, None):
            raise CannotRunError(f"{proof.name}: expected {part} in {file}, found none")
    return module


def _stopped(proof: Proof, error: Exception) -> CannotRunError:
    told = f"{proof.name}: {proof.folder / 'check.py'} stopped with {type(error).__name__}: {error}"
    if isinstance(error, ModuleNotFoundError) and is_declared(error.name):
        told += f"; {advice(error.name)}"
    return CannotRunError(told)


def run_check(proof: Proof, progress: Progress) -> Result:
    """Run `check.py`: every instance of the statement, and every false variant until one of its instances fails.

    Raises:
        CannotRunError: the check does not load, has no instance, or stops with an exception.
    """
    module = load_check(proof)
    try:
        result = verify(module.instances(), progress, sizes=module.SIZES)
        accepted = {
            name: all(instance.decide() for instance in module.instances(**parts))
            for name, parts in module.MUTATIONS.items()
        }
    except Exception as error:
        raise _stopped(proof, error) from error
    if not result.evidence:
        raise CannotRunError(f"{proof.name}: expected at least one instance from {proof.folder / 'check.py'}, got none")
    return replace(
        result,
        refused=tuple(name for name in accepted if not accepted[name]),
        accepted=tuple(name for name in accepted if accepted[name]),
    )


@dataclass(frozen=True)
class CoqVerdict:
    """What Coq said of one file.

    Attributes:
        checked: compiled, every `Print Assumptions` answered "Closed under the global context", or with axioms of Coq's
            real numbers where the file asks for these, and every theorem and corollary of the file was asked about.
        theorems: names asked about.
        axioms: of the real numbers, that it rests on.
        problem: why not, when not.
        rechecked: whether coqchk, which trusts neither tactics nor the compiler, read the compiled proofs again.
    """

    checked: bool
    theorems: tuple[str, ...] = ()
    axioms: tuple[str, ...] = ()
    problem: str = ""
    rechecked: bool = False


def coq_version() -> str | None:
    """Version of the installed Coq, or None."""
    if shutil.which("coqc") is None or shutil.which("coqdep") is None:
        return None
    return subprocess.run(["coqc", "--print-version"], capture_output=True, text=True).stdout.split()[0]


def why_no_coq() -> str | None:
    """Why the machine-checked proofs cannot be run here, or None when they can."""
    if coq_version() is None:
        return "coqc is not installed (Debian: coq libcoq-mathcomp-algebra)"
    return None if _has_library("mathcomp") else "MathComp is not installed (Debian: libcoq-mathcomp-algebra)"


def _has_library(name: str) -> bool:
    with tempfile.TemporaryDirectory(prefix="monarch-proofs-") as temporary:
        (Path(temporary) / "probe.v").write_text(LIBRARIES[name][0] + "\n")
        return _coqc(Path(temporary), "probe.v")[0]


def without_library(folder: Path, names: Sequence[str]) -> dict[str, str]:
    """Those of the named proofs that need a library which is not installed here, and what it is called.

    Raises:
        CannotRunError: coqdep cannot read the dependencies.
    """
    graph = _dependencies(folder)
    needs = {}
    for name in names:
        files = _with_dependencies(graph, [f"{name}/theorem.v"])
        text = "".join((folder / file).read_text(encoding="utf-8") for file in files if (folder / file).exists())
        needs[name] = set(re.findall(r"^From (\w+) Require", text, flags=re.MULTILINE)) & LIBRARIES.keys()
    absent = {library for library in sorted(set().union(*needs.values())) if not _has_library(library)}
    return {
        name: f"{', '.join(sorted(LIBRARIES[library][1] for library in needs[name] & absent))} is not installed"
        for name in names
        if needs[name] & absent
    }


def check_with_coq(
    folder: Path, names: Sequence[str], progress: Progress, *, jobs: int = 2, recheck: bool = True
) -> dict[str, CoqVerdict]:
    """Have Coq check `NAME/theorem.v` for each name, in a copy of `folder`, dependencies first, and coqchk re-check it.

    What the libraries of MathComp hold is trusted; every file of `folder` that a proof needs is read again, unless
    `recheck` is False: coqchk has no compiled evaluation, which proofs by long computations need.

    Raises:
        CannotRunError: Coq is not installed, or cannot read the dependencies.
    """
    reason = why_no_coq()
    if reason:
        raise CannotRunError(f"coq: {reason}")
    with tempfile.TemporaryDirectory(prefix="monarch-proofs-") as temporary:
        copy = Path(temporary)
        shutil.copytree(folder, copy, dirs_exist_ok=True, ignore=shutil.ignore_patterns("*.vo*", "*.glob", ".*.aux"))
        wanted = [f"{name}/theorem.v" for name in names]
        graph = _with_dependencies(_dependencies(copy), wanted)
        outputs = dict(_compile(copy, graph, jobs, progress))
        refused = _recheck(copy, [file for file, (compiled, _) in outputs.items() if compiled]) if recheck else None
    verdicts = {}
    for name, file in zip(names, wanted, strict=True):
        verdict = _verdict((folder / file).read_text(encoding="utf-8"), *outputs[file])
        if verdict.checked and refused:
            verdict = replace(verdict, checked=False, problem=refused)
        verdicts[name] = replace(verdict, rechecked=verdict.checked and refused is not None)
    return verdicts


def _recheck(folder: Path, files: Sequence[str]) -> str | None:
    """What coqchk holds against the compiled files, "" for nothing; None when it is not installed or has no file."""
    if shutil.which("coqchk") is None or not files:
        return None
    modules = [f"{COQ_PREFIX}.{file.removesuffix('.v').replace('/', '.')}" for file in files]
    command = ["coqchk", "-silent", "-o", "-Q", ".", COQ_PREFIX, *(word for m in modules for word in ("-norec", m))]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    if run.returncode:
        return f"coqchk: {(run.stdout + run.stderr).strip()}"
    # of its summary only our own names count: MathComp seals definitions, which it lists as axioms
    ours = [line.strip() for line in run.stdout.splitlines() if line.strip().startswith(COQ_PREFIX + ".")]
    return f"coqchk: rests on {', '.join(ours)}" if ours else ""


def _dependencies(folder: Path) -> dict[str, set[str]]:
    files = [str(path.relative_to(folder)) for path in sorted(folder.glob("*/*.v"))]
    run = subprocess.run(
        ["coqdep", "-Q", ".", COQ_PREFIX, *files], cwd=folder, capture_output=True, text=True, errors="replace"
    )
    if run.returncode:
        raise CannotRunError(f"coqdep: {run.stderr.strip()}")
    graph: dict[str, set[str]] = {file: set() for file in files}
    for line in run.stdout.splitlines():
        targets, _, sources = line.partition(":")
        file = targets.split()[0].removesuffix("o")
        if file in graph:
            needed = {word.removesuffix("o").removeprefix("./") for word in sources.split() if word.endswith(".vo")}
            graph[file] |= needed & graph.keys()
    return graph


def _with_dependencies(graph: dict[str, set[str]], wanted: Sequence[str]) -> dict[str, set[str]]:
    kept: dict[str, set[str]] = {}
    pending = list(wanted)
    while pending:
        file = pending.pop()
        if file not in kept:
            kept[file] = graph.get(file, set())
            pending.extend(kept[file])
    return kept


def _compile(
    folder: Path, graph: dict[str, set[str]], jobs: int, progress: Progress
) -> Iterator[tuple[str, tuple[bool, str]]]:
    """(file, (compiled, output)) for every file, each after those it needs; a file whose need failed is not tried."""
    sorter = TopologicalSorter(graph)
    sorter.prepare()
    failed: set[str] = set()
    done = 0
    progress(0, len(graph))
    with ThreadPoolExecutor(jobs) as pool:
        running: dict[Future[tuple[bool, str]], str] = {}
        while sorter.is_active():
            for file in sorter.get_ready():
                broken = graph[file] & failed
                work = (lambda b: (False, f"needs {', '.join(sorted(b))}"), broken) if broken else (_coqc, folder, file)
                running[pool.submit(*work)] = file
            finished, _ = wait(running, return_when=FIRST_COMPLETED)
            for future in finished:
                file = running.pop(future)
                if not future.result()[0]:
                    failed.add(file)
                sorter.done(file)
                done += 1
                progress(done, len(graph))
                yield file, future.result()


def _coqc(folder: Path, file: str) -> tuple[bool, str]:
    command = ["coqc", "-q", "-w", "none", "-Q", ".", COQ_PREFIX, file]
    run = subprocess.run(command, cwd=folder, capture_output=True, text=True, errors="replace")
    return run.returncode == 0, run.stdout + run.stderr


_THEOREM = re.compile(r"^\s*(?:Theorem|Corollary)\s+(\w+)", flags=re.MULTILINE)
_ASKED = re.compile(r"^\s*Print Assumptions\s+(\w+)\s*\.", flags=re.MULTILINE)
_UNPROVED = re.compile(r"\b(?:Admitted|admit|Axiom|Axioms|Parameter|Parameters|Conjecture)\b")
_REALS = re.compile(r"^From Coq Require Import [^.]*\bReals\b", flags=re.MULTILINE)
_COMMENT = re.compile(r"\(\*.*?\*\)", flags=re.DOTALL)


def _verdict(source: str, compiled: bool, output: str) -> CoqVerdict:
    if not compiled:
        return CoqVerdict(False, problem=output.strip())
    source = _COMMENT.sub("", source)
    asked = tuple(_ASKED.findall(source))
    silent = sorted(set(_THEOREM.findall(source)) - set(asked))
    if silent or not asked:
        problem = f"no Print Assumptions for {', '.join(silent) or 'any theorem'}"
        return CoqVerdict(False, asked, problem=problem)
    unproved = _UNPROVED.search(source)
    if unproved:
        return CoqVerdict(False, asked, problem=f"contains {unproved[0]}")
    # an answer is a line of its own; under "Axioms:" each begins a line, and what it says is indented
    answers = re.findall(r"^(?:Closed under the global context|Axioms:)$", output, flags=re.MULTILINE)
    named = re.findall(r"^([^\W\d][\w.']*)(?= :|$)", output, flags=re.MULTILINE)
    allowed = AXIOMS_OF_REALS if _REALS.search(source) else frozenset()
    if len(answers) != len(asked) or not allowed.issuperset(named):
        return CoqVerdict(False, asked, problem=f"rests on axioms: {output.strip()}")
    return CoqVerdict(True, asked, tuple(sorted(set(named))))
