"""`monarch express`: can a structured family represent this matrix, how near can it get, and what to try next."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from fractions import Fraction
from importlib.util import find_spec
from math import prod
from os.path import realpath
from pathlib import Path
from typing import Annotated, Any, Literal, overload

import numpy as np
import typer
from scipy.sparse import coo_array

from monarch_theory.certificates import membership_certificate, write_certificate
from monarch_theory.command import user_matrix
from monarch_theory.command.answer import Answer, say
from monarch_theory.command.far_operators import FarOperator, examine_operator
from monarch_theory.command.harmless import one_line
from monarch_theory.command.idle import refuse_idle
from monarch_theory.command.outputs import check_outputs
from monarch_theory.command.outputs import write as write_to
from monarch_theory.command.progress import progress
from monarch_theory.digits import check_radices
from monarch_theory.domains import INTEGERS, RATIONALS, Cyclotomic, Floating
from monarch_theory.expressivity.checkpoints import INDEX, SUFFIXES, Stored, read_checkpoint, shards, suffix_of
from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.comparison import Comparison, compare
from monarch_theory.expressivity.examination import (
    Examination,
    Neighbour,
    examine_family,
    examine_monarch,
    examine_sparse,
    family_named,
    neighbours,
)
from monarch_theory.expressivity.families import Family
from monarch_theory.expressivity.matrices import Matrix, dyadic, ordinary, read_matrix
from monarch_theory.expressivity.parts import Member, Part, Train, write_members
from monarch_theory.expressivity.permutations import search_permutations
from monarch_theory.expressivity.report import CONVENTIONS, comparison_facts, comparison_text, draw, facts, text
from monarch_theory.expressivity.sparse_matrices import SparseMatrix, is_sparse_file, read_sparse
from monarch_theory.expressivity.torch_source import torch_source
from monarch_theory.extras import advice
from monarch_theory.monarch import Convention
from monarch_theory.rounding import BFLOAT16, Format
from monarch_theory.sandbox import Sandbox, SandboxError
from monarch_theory.sandbox.limits import MEMORY, SECONDS

SOURCE = (
    "FILE.npy; FILE.py:NAME for an array, operator, layer or linear function; FILE:NAME of a .safetensors, .npz, .pt, "
    ".onnx or .index.json, or without NAME a comparison over all its matrices; a sparse matrix that SciPy saved as "
    "FILE.npz"
)
NAMED = re.compile(rf"(?P<path>.+?({'|'.join(map(re.escape, SUFFIXES))})):(?P<name>.*)", re.DOTALL)
"""The name may have colons and dots of its own."""
DENSE = 2**24
"""Entries, zeros among them, up to which a sparse matrix or an operator is made dense: all options and families are for
it then."""
NEAR = 1e-6
"""Share of the norm beyond which factors are not those of a member, which are off by rounding."""
Large = SparseMatrix | FarOperator
VERDICTS = {True: ("member", 0), False: ("not a member", 1), None: ("undecided", 2)}


def express(
    context: typer.Context,
    source: Annotated[str, typer.Argument(help=SOURCE)],
    family: Annotated[str, typer.Option(help="monarch, or another family of `monarch atlas`")] = "monarch",
    order: Annotated[int | None, typer.Option(help="number of stages; 2 unless the radices say otherwise")] = None,
    radices: Annotated[str, typer.Option(help="input radices, as 4,8; the most equal ones unless given")] = "",
    output_radices: Annotated[str, typer.Option(help="output radices; the input radices for a square matrix")] = "",
    convention: Annotated[str, typer.Option(help="m2, dao or dao-transposed")] = "m2",
    rank: Annotated[int, typer.Option(help="most a slice may have; 1 is Monarch")] = 1,
    exact: Annotated[bool, typer.Option("--exact", help="read floats as the dyadic rationals they are")] = False,
    accuracy: Annotated[float | None, typer.Option(help="relative accuracy of the entries; derived otherwise")] = None,
    parameters: Annotated[int | None, typer.Option(help="budget for other families; a Monarch's otherwise")] = None,
    size: Annotated[int, typer.Option(help="number of inputs, for a linear function in FILE.py")] = 0,
    search: Annotated[int, typer.Option(help="steps of the heuristic search for a better row and column order")] = 0,
    seed: Annotated[int, typer.Option(min=0, help="of the search, and of FILE.py")] = 0,
    timeout: Annotated[float, typer.Option(help="seconds FILE.py may take")] = SECONDS,
    memory: Annotated[float, typer.Option(help="GiB FILE.py may take, 0 for no limit")] = MEMORY,
    compare_all: Annotated[bool, typer.Option("--compare", help="every family on this one matrix")] = False,
    calibration: Annotated[Path | None, typer.Option(help="FILE.npy of inputs (samples, inputs), to weigh by")] = None,
    write: Annotated[Path | None, typer.Option(help="save the factors found, as FILE.safetensors")] = None,
    torch: Annotated[Path | None, typer.Option(help="save torch modules that multiply by them, as FILE.py")] = None,
    png: Annotated[Path | None, typer.Option(help="draw where the error sits")] = None,
    certificate: Annotated[Path | None, typer.Option(help="write what decided it exactly, for monarch recheck")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Can a Monarch matrix (or another family) represent this matrix? Exit status: 0 member, 1 not, 2 undecided.

    Of a whole checkpoint: which family comes nearest to each of its matrices? Exit status: 0 where that was measured.
    """
    asked = Asked(
        source, family, order, radices, output_radices, convention, rank, exact, accuracy, parameters, size, search,
        seed, timeout, memory or None, compare_all, calibration, (write, torch), png, certificate, as_json,
    )  # fmt: skip
    try:
        if not _is_run(source):
            refuse_idle(context, "express a file that is read and not run")
            if not search:
                refuse_idle(context, "express a file that is read and not run, without --search")
        _check_asked(asked)
        if asked.whole:
            _checkpoint(source, calibration, asked.files, as_json)
            return
        with progress("reading"):
            matrix = read_source(source, size, seed, timeout, memory or None, sparse=True)
        if compare_all and not isinstance(matrix, Matrix):
            raise ValueError(_too_large("--compare", matrix))
        if not isinstance(matrix, Matrix):
            raise typer.Exit(_told_large(asked, matrix))
        if compare_all:
            _compare(source, {matrix.name: matrix}, {}, calibration, asked.files, as_json)
            return
        found, around, known = _examined(asked, matrix)
    except (ValueError, TypeError, SandboxError, OSError) as error:
        raise typer.BadParameter(str(error)) from error
    except MemoryError:
        raise typer.BadParameter(f"{source}: expected a matrix that fits into memory, dense") from None
    code = _tell(matrix, found, around, known, as_json)
    write_to(png, lambda file: draw(matrix, found, file))
    write_to(certificate, lambda file: write_certificate(_certificate(matrix, found), file))
    raise typer.Exit(code)


Files = tuple[Path | None, Path | None]
"""Where the factors go, and the text of their torch modules."""


@dataclass(frozen=True)
class Asked:
    """What is asked: the options of the command, by their names there; `files` are those of --write and --torch."""

    source: str
    family: str
    order: int | None
    radices: str
    output_radices: str
    convention: str
    rank: int
    exact: bool
    accuracy: float | None
    parameters: int | None
    size: int
    search: int
    seed: int
    timeout: float
    memory: float | None
    compare_all: bool
    calibration: Path | None
    files: Files
    png: Path | None
    certificate: Path | None
    as_json: bool

    @property
    def whole(self) -> bool:
        return _is_whole(self.source)

    def class_of(self, shape: tuple[int, ...]) -> MonarchClass:
        return _class(shape, self.order, self.radices, self.output_radices, self.convention, self.rank)

    def family_of(self, shape: tuple[int, int]) -> tuple[Family, int]:
        """The family, other than Monarch, and its budget of parameters: a Monarch's, unless it is given."""
        family = family_named(self.family, shape)
        try:
            return family, self.class_of(shape).parameters if self.parameters is None else self.parameters
        except ValueError as error:
            raise ValueError(f"--parameters: expected a budget, as no Monarch class sets it: {error}") from error


def _check_asked(asked: Asked) -> None:
    """Do the options go together, and can what is to be written be?

    Raises:
        ValueError: naming the option.
    """
    write, torch = asked.files
    chosen = {"--order": asked.order, "--radices": asked.radices, "--output-radices": asked.output_radices}
    chosen |= {"--convention": asked.convention if asked.convention.lower() != "m2" else ""}
    chosen |= {"--rank": asked.rank if asked.rank != 1 else 0}
    _refuse_beside(asked.family, asked.parameters, chosen, {"--search": asked.search})
    check_outputs(
        {"--write": write, "--torch": torch, "--certificate": asked.certificate},
        (asked.source, asked.calibration, *_shards(asked.source)),
        pictures={"--png": asked.png},
    )
    _check_write(write)
    _check_torch(torch, write)
    all_families = asked.compare_all or asked.whole
    if asked.certificate is not None and (asked.family != "monarch" or all_families):
        raise ValueError("--certificate: expected one matrix and --family monarch")
    if asked.calibration is not None and not all_families:
        raise ValueError("--calibration: expected --compare or a whole checkpoint beside it, got neither")
    if all_families:
        _refuse_beside_checkpoint(
            asked.source, asked.family, asked.accuracy, asked.size if asked.whole else 0, asked.png,
            chosen | {"--exact": asked.exact, "--search": asked.search},
        )  # fmt: skip


def _told_large(asked: Asked, matrix: Large) -> int:
    """Examine what is too large to be made dense, and print the answer; its exit status."""
    refused = {"--family": asked.family if asked.family != "monarch" else "", "--search": asked.search}
    refused |= {"--png": asked.png, "--write": asked.files[0], "--certificate": asked.certificate}
    kind = asked.class_of(matrix.shape)
    _refuse_large(matrix, refused | {"--order": kind.order != 2})
    with progress("fitting"):
        found = _examine_large(matrix, kind, exact=asked.exact, accuracy=asked.accuracy, seed=asked.seed)
    return _tell(matrix, found, [], facts(matrix, found, [], asked.family, asked.seed), asked.as_json)


def _examined(asked: Asked, matrix: Matrix) -> tuple[Examination, list[Neighbour], dict[str, Any]]:
    """Whether it is a member, what is near it, and all that is known of it; its factors are written."""
    if asked.family == "monarch":
        return _examined_monarch(asked, matrix)
    family, budget = asked.family_of(matrix.shape)
    _check_writable(asked, matrix, family)
    with progress("fitting") as report:
        found = examine_family(matrix, family, budget, exact=asked.exact, accuracy=asked.accuracy, progress=report)
    return found, [], _known(asked, matrix, found, [])


def _examined_monarch(asked: Asked, matrix: Matrix) -> tuple[Examination, list[Neighbour], dict[str, Any]]:
    """As `_examined`, of a Monarch class, with the classes next to it."""
    kind = asked.class_of(matrix.shape)
    _check_writable(asked, matrix)
    if asked.certificate is not None:
        _check_certificate(matrix, kind, asked.exact)
    if asked.search and kind.order != 2:
        raise ValueError(f"--search: expected order 2 for the permutation search, got {kind.order}")
    with progress("fitting") as report:
        found = examine_monarch(matrix, kind, exact=asked.exact, accuracy=asked.accuracy, progress=report)
    with progress("trying the classes next to it") as report:
        around = neighbours(matrix, kind, progress=report)
    searched = {"search": _search(matrix, kind, asked.search, asked.seed)} if asked.search else {}
    return found, around, _known(asked, matrix, found, around, searched)


def _check_writable(asked: Asked, matrix: Matrix, family: Family | None = None) -> None:
    if asked.files[0] is not None and (reason := _unwritable(matrix, family)):
        raise ValueError(f"--write: {reason}")


def _known(
    asked: Asked, matrix: Matrix, found: Examination, around: list[Neighbour], searched: dict[str, Any] | None = None
) -> dict[str, Any]:
    """What is known of a matrix, what was found by a search beside it, and which files tell more."""
    known = facts(matrix, found, around, asked.family, asked.seed) | (searched or {})
    if asked.png is not None:
        known["png"] = str(asked.png)
    if asked.files[0] is not None:
        known |= _save({matrix.name: _member(matrix, found, asked.family)}, asked.files)
    return known


def _examine_large(
    matrix: SparseMatrix | FarOperator, kind: MonarchClass, *, exact: bool, accuracy: float | None, seed: int
) -> Examination:
    """Order 2, and nothing dense."""
    if isinstance(matrix, SparseMatrix):
        return examine_sparse(matrix, kind, exact=exact, accuracy=accuracy)
    if exact:
        raise ValueError(f"--exact: expected none for an operator, whose entries are not seen, got {matrix.name}")
    if accuracy is None:
        raise ValueError(f"--accuracy: expected one, as nobody can tell how the operator {matrix.name} rounds")
    return examine_operator(matrix, kind, accuracy, seed)


def _tell(
    matrix: Large | Matrix, found: Examination, around: list[Neighbour], known: dict[str, Any], as_json: bool
) -> int:
    """Print the answer; its exit status."""
    verdict, code = VERDICTS[found.member]
    rows, columns = matrix.shape
    read = (
        f"all {rows * columns} entries"
        if found.products is None
        else "{} products, {} of the adjoint".format(*found.products)
    )
    answer = Answer(verdict, found.evidence, f"{read}, {1 + len(around)} classes", code, known)
    say(answer, as_json, lambda: print(text(matrix, found, known)))
    return code


def _refuse_large(matrix: Large, options: dict[str, Any]) -> None:
    """What needs a dense matrix is not asked of one too large to be made dense.

    Raises:
        ValueError: naming the option.
    """
    given = [option for option, value in options.items() if value]
    if given:
        raise ValueError(_too_large(given[0], matrix))


def _too_large(option: str, matrix: Large) -> str:
    rows, columns = matrix.shape
    which = "a sparse matrix" if isinstance(matrix, SparseMatrix) else "an operator"
    what = f"{which} of more than {DENSE} entries, zeros among them, which order 2 alone leaves out"
    return f"{option}: expected none for {what}, got {rows}×{columns}"


def _certificate(matrix: Matrix, found: Examination) -> dict[str, Any]:
    """What decided it, as lists of integers.

    Raises:
        ValueError: nothing was decided.
    """
    assert found.membership is not None
    entries, domain = dyadic(matrix.entries, matrix.domain)
    return membership_certificate(entries, found.membership, domain)


def _check_certificate(matrix: Matrix, kind: MonarchClass, exact: bool) -> None:
    """Will the answer be one that certificates are written of?

    Raises:
        ValueError: it is measured, or the scalars or the class are not those of certificates.
    """
    domain = matrix.domain
    if isinstance(domain, Floating) and not exact:
        raise ValueError(
            "--certificate: expected an exact answer; add --exact to read floats as the rationals they are"
        )
    if domain not in (INTEGERS, RATIONALS) and not isinstance(domain, Floating | Cyclotomic):
        raise ValueError(f"--certificate: expected integers, fractions, cyclotomic numbers or floats, got {domain}")
    if kind.rank != 1 or kind.convention is not Convention.M2:
        raise ValueError(
            f"--certificate: expected --rank 1 and --convention m2, got {kind.rank} and {kind.convention.name.lower()}"
        )


def _check_write(write: Path | None) -> None:
    """Can factors be written?

    Raises:
        ValueError: the package that writes them is not installed.
    """
    if write is not None and find_spec("safetensors") is None:
        raise ValueError(f"--write: expected the package that writes it installed; {advice('safetensors')}")


def _unwritable(matrix: Matrix, family: Family | None = None) -> str:
    """Why no factors of it can be saved; empty where they can."""
    if matrix.field.is_complex:
        return f"expected real entries, whose factors safetensors holds, got {matrix.domain}"
    if family is not None and family.parts is None:
        return f"expected a family that has factors to save, got {family.name}"
    return ""


def _refuse_beside(family: str, parameters: int | None, chosen: dict[str, Any], monarch_only: dict[str, Any]) -> None:
    """An option that would be read and then ignored is an error.

    Raises:
        ValueError: naming the option.
    """
    if family == "monarch":
        if parameters is not None:
            raise ValueError(
                f"--parameters: expected --family other than monarch, whose radices set it, got {parameters}"
            )
        return
    given = [option for option, value in monarch_only.items() if value]
    if given:
        raise ValueError(f"{given[0]}: expected --family monarch, got {family}")
    given = [option for option, value in chosen.items() if value]
    if parameters is not None and given:
        raise ValueError(
            f"{given[0]}: expected none beside --parameters, which sets the budget, got {chosen[given[0]]}"
        )


def _refuse_beside_checkpoint(
    source: str, family: str, accuracy: float | None, size: int, png: Path | None, others: dict[str, Any]
) -> None:
    """A whole checkpoint is compared over all families, which no option narrows.

    Raises:
        ValueError: naming the option.
    """
    others = {"--family": family if family != "monarch" else "", "--accuracy": accuracy, "--size": size} | others
    given = [option for option, value in (others | {"--png": png}).items() if value not in (None, "", 0, False)]
    if given:
        raise ValueError(f"{given[0]}: expected one matrix and one family, got all of {source}")


def _check_torch(torch: Path | None, write: Path | None) -> None:
    """Can the module be written, beside the factors that it loads?

    Raises:
        ValueError: it cannot.
    """
    if torch is not None and torch.suffix != ".py":
        raise ValueError(f"--torch: expected FILE.py, got {torch}")
    if torch is not None and (write is None or realpath(write.parent) != realpath(torch.parent)):
        raise ValueError(f"--torch: expected --write FILE.safetensors in the same folder, got {write}")


def _save(members: dict[str, Member], files: Files) -> dict[str, str]:
    """Write factors, and modules where asked; the paths by key. What could not be written is said: verdicts stand."""
    factors, module = files
    done: dict[str, str] = {}
    if write_to(factors, lambda file: write_members(file, members)):
        done["written"] = str(factors)
    text = torch_source(members, factors.name) if factors is not None and module is not None else ""
    if done and write_to(module, lambda file: file.write_text(text, encoding="utf-8")):
        done["module"] = str(module)
    return done


def _member(matrix: Matrix, found: Examination, family: str) -> Member:
    """What was found, in the precision of the matrix."""
    if found.projection is not None:
        parts: tuple[Part, ...] = (Train.of(found.projection.train),)
        member = Member(matrix.shape, family, found.setting, parts)
    else:
        assert found.fitted is not None
        member = found.fitted.member()
        if found.member is True and found.evidence == "exact":
            _check_found(matrix, member)
    return member.cast(matrix.values.dtype)


def _check_found(matrix: Matrix, member: Member) -> None:
    """Are these the factors of a matrix that is known to have some?

    Raises:
        ValueError: a heuristic fit ended elsewhere, though exact arithmetic says that there is a member.
    """
    values, scale = ordinary(matrix)
    far = float(np.linalg.norm(values - member.times(1 / scale).dense()))
    if far > NEAR * float(np.linalg.norm(values)):
        raise ValueError("--write: expected factors that were found, got a member whose fit ended elsewhere")


def _compare(
    source: str,
    matrices: dict[str, Matrix],
    left_out: dict[str, str],
    calibration: Path | None,
    files: Files,
    as_json: bool,
) -> None:
    """Every family on every matrix, and the factors of the nearest written."""
    unwritten = {name: _unwritable(matrix) for name, matrix in matrices.items()} if files[0] is not None else {}
    if unwritten and all(unwritten.values()):
        raise ValueError(f"--write: {next(iter(unwritten.values()))}")
    activations = None if calibration is None else read_source(str(calibration), 0, 0, 0.0).values
    found: list[Comparison] = []
    with progress("comparing families") as report:
        for done, (name, matrix) in enumerate(matrices.items()):
            reason = _immeasurable(matrix)
            if reason:
                left_out[name] = reason
                continue
            try:
                found.append(compare(matrix, activations=activations))
            except ValueError as error:
                left_out[name] = f"--calibration: {error}"
            report((done + 1) / len(matrices))
    if not found and activations is None:
        raise ValueError(f"{source}: expected a matrix to compare, got none: {next(iter(left_out.values()))}")
    if not found:
        reason = next(iter(left_out.values())).removeprefix("--calibration: ")
        raise ValueError(f"--calibration: expected inputs of a matrix of {source}: {reason}")
    known: dict[str, Any] = dict(comparison_facts(source, found, left_out))
    if files[0] is not None:
        stored, instead = {}, {}
        for one in found:
            best, place = one.worth_trying, one.worth_writing
            if best is not None and best.fitted is not None:
                place = best
            elif best is not None and place is not None and not unwritten[one.name]:
                instead[one.name] = f"{place.title} ({place.setting}), as {best.title} has no factors to save"
            if place is None:
                unwritten[one.name] = "expected a family within the budget that has factors to save, got none"
            elif not unwritten[one.name]:
                stored[one.name] = one.member(place).cast(matrices[one.name].values.dtype)
        known |= _save(stored, files)
        known["not_written"] = {name: reason for name, reason in unwritten.items() if reason}
        known["written_instead"] = instead
    covered = f"{len(found)} matrices, {len(left_out)} arrays left out"
    say(Answer("compared", "measured", covered, 0, known), as_json, lambda: print(_compared(found, left_out, known)))


def _immeasurable(matrix: Matrix) -> str:
    """Why no distance from it can be told; empty where one can."""
    try:
        ordinary(matrix)
    except ValueError as error:
        return str(error).removeprefix(f"{matrix.name}: ")
    return ""


def _compared(found: list[Comparison], left_out: dict[str, str], known: dict[str, Any]) -> str:
    """The comparison for a reader, and whose factors were not saved, or others than those of the nearest."""
    lines = [comparison_text(found, left_out)]
    lines += [f"not written: {name}: {reason}" for name, reason in known.get("not_written", {}).items()]
    lines += [f"written of {name}: {what}" for name, what in known.get("written_instead", {}).items()]
    return "\n".join(lines)


def _checkpoint(source: str, calibration: Path | None, files: Files, as_json: bool) -> None:
    """Compare all matrices of a file."""
    with progress("reading"):
        stored = _named(Path(source))
    matrices = {name: matrix for name, matrix in stored.items() if not isinstance(matrix, str)}
    left_out = {name: reason for name, reason in stored.items() if isinstance(reason, str)}
    if not matrices:
        first = next((f": {name}: {reason}" for name, reason in left_out.items()), "")
        raise ValueError(f"{source}: expected a matrix, got none among {len(stored)} arrays{first}")
    _compare(source, matrices, left_out, calibration, files, as_json)


def _shards(source: str) -> list[Path]:
    """The files of an index, which are read as well; none where there is no index that says so."""
    named = NAMED.fullmatch(source)
    path = Path(named["path"] if named else source)
    try:
        return sorted(set(shards(path).values())) if suffix_of(path) == INDEX else []
    except ValueError:
        return []


def _is_run(source: str) -> bool:
    """Whether it is NAME of a FILE.py, which has to be run."""
    return not NAMED.fullmatch(source) and source.rpartition(":")[0].endswith(".py")


def _is_whole(source: str) -> bool:
    """Whether it is all matrices of a file: one with a suffix of weights, and no name after it."""
    return bool(suffix_of(Path(source))) and not NAMED.fullmatch(source) and not is_sparse_file(Path(source))


@overload
def read_source(
    source: str, size: int, seed: int, timeout: float, memory: float | None = MEMORY, *, sparse: Literal[False] = False
) -> Matrix: ...
@overload
def read_source(
    source: str, size: int, seed: int, timeout: float, memory: float | None = MEMORY, *, sparse: bool
) -> Matrix | Large: ...
def read_source(
    source: str, size: int, seed: int, timeout: float, memory: float | None = MEMORY, *, sparse: bool = False
) -> Matrix | Large:
    """The matrix; `ValueError` or `SandboxError` where there is none.

    Args:
        sparse: whether a large one that was stored sparse, or is an operator, may stay so.
    """
    if named := NAMED.fullmatch(source):
        return _one_of(Path(named["path"]), named["name"])
    if is_sparse_file(Path(source)):
        stored = read_sparse(Path(source))
        return stored if sparse and prod(stored.shape) > DENSE else stored.dense()
    path, _, name = source.rpartition(":")
    if path.endswith(".py"):
        if not Path(path).is_file():
            raise ValueError(f"{path}: no such file")
        found = _from_python(Path(path), name, size, seed, timeout, memory, DENSE if sparse else 0)
        if not isinstance(found, tuple):
            return found
        array, rounded_to = found
        read = read_matrix(array, name=source)
        return read if rounded_to is None else replace(read, stored=rounded_to)
    if size:
        raise ValueError(f"--size: expected none, as {source} is not a function in FILE.py, got {size}")
    if not source.endswith(".npy"):
        raise ValueError(f"{source}: expected FILE.py:NAME or a FILE among .npy, {', '.join(SUFFIXES)}")
    if not Path(source).is_file():
        raise ValueError(f"{source}: no such file")
    try:
        with open(source, "rb") as file:
            array = np.load(file, allow_pickle=False)
            more = isinstance(array, np.ndarray) and len(file.read(1))
    except MemoryError:
        raise
    except Exception as error:  # a broken header ends in any of a dozen, from SyntaxError to struct.error
        what = " ".join(f"{type(error).__name__}: {error}".split())
        raise ValueError(f"{source}: expected an .npy file of numbers, not pickled objects ({what:.200})") from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{source}: expected one array, got an archive")
    if more:
        raise ValueError(f"{source}: expected one array, got one and more after it, such as another")
    return read_matrix(array, name=source)


def _one_of(path: Path, name: str) -> Matrix:
    """One matrix of a file; of an index only the file that holds it is read."""
    file = shards(path).get(name, path) if suffix_of(path) == INDEX and path.is_file() else path
    stored, name = _named(file), one_line(name)
    if name not in stored:
        raise ValueError(f"{path} has no {name!r}; it holds {', '.join(stored) or 'nothing'}")
    found = stored[name]
    if isinstance(found, str):
        raise ValueError(f"{path}:{name}: {found}")
    return replace(found, name=f"{path}:{name}")


def _named(path: Path) -> dict[str, Stored]:
    """What is stored, by names of one line each, as a stranger's file may have others.

    Raises:
        ValueError: as `read_checkpoint`, and where two names become one.
    """
    stored = read_checkpoint(path)
    found: dict[str, Stored] = {}
    for name, each in stored.items():
        found[one_line(name)] = each if isinstance(each, str) else replace(each, name=one_line(name))
    if len(found) < len(stored):
        raise ValueError(f"{path}: expected names that differ once their line breaks are spelled out")
    return found


def _from_python(
    path: Path, name: str, size: int, seed: int, timeout: float, memory: float | None, limit: int
) -> tuple[np.ndarray, Format | None] | Large:
    """The matrix, and the format of its entries where NumPy lacks that; or what has more entries than the limit."""
    address = np.frombuffer(f"{path.resolve()}:{name}".encode(), np.uint8)
    try:
        with Sandbox(user_matrix.__file__, "matrix", timeout=timeout, memory=memory, seed=seed) as sandbox:
            sandbox.load()
            found, *others = sandbox.evaluate(address, np.array([size, limit]), every=True)
    except SandboxError as error:
        # the sandbox quotes the line of our own loader, which tells the user nothing
        message = error.message.partition(" (line ")[0]
        raise ValueError(f"{path}:{name}: {error.outcome.value}: {message}") from error
    if sandbox.count == user_matrix.OPERATOR:
        rows, columns = found.tolist()
        return FarOperator(path, name, (rows, columns), bool(others[0][0]), size, seed, timeout, memory)
    if sandbox.count == user_matrix.SPARSE:
        ours, theirs, entries = others
        return SparseMatrix.of(coo_array((entries, (ours, theirs)), shape=found.tolist()), name=f"{path}:{name}")
    if found.ndim == 1:  # exact entries, spelled out
        return np.array([[Fraction(entry) for entry in row] for row in json.loads(found.tobytes())], dtype=object), None
    return found, BFLOAT16 if sandbox.dtypes[0] == BFLOAT16.name else None


def _class(
    shape: tuple[int, ...], order: int | None, radices: str, output_radices: str, convention: str, rank: int
) -> MonarchClass:
    if convention.lower() not in CONVENTIONS:
        raise ValueError(f"--convention: expected {', '.join(CONVENTIONS)}, got {convention!r}")
    inputs = _radices(radices, "--radices")
    outputs = _radices(output_radices, "--output-radices")
    given = len(inputs) or len(outputs)
    if given and order not in (None, given):
        raise ValueError(f"--order: expected {given}, one stage for each of the radices given, got {order}")
    order = given or (2 if order is None else order)
    inputs = check_radices(inputs, shape[1], name="--radices") if inputs else _balanced(shape[1], order)
    if not outputs:
        outputs = inputs if shape[0] == shape[1] else _balanced(shape[0], order)
    outputs = check_radices(outputs, shape[0], name="--output-radices")
    return MonarchClass(inputs, outputs, CONVENTIONS[convention.lower()], rank)


def _balanced(n: int, order: int) -> tuple[int, ...]:
    return balanced_radices(n, order, name=f"--order {order}")


def _radices(text: str, name: str) -> tuple[int, ...]:
    try:
        return tuple(int(part) for part in text.split(",")) if text else ()
    except ValueError:
        raise ValueError(f"{name}: expected integers such as 4,8, got {text!r}") from None


def _search(matrix: Matrix, kind: MonarchClass, steps: int, seed: int) -> dict[str, Any]:
    with progress("searching permutations") as report:
        found = search_permutations(matrix, kind, np.random.default_rng(seed), steps=steps, progress=report)
    return {
        "method": "heuristic hill climb",
        "distance_before": found.unpermuted_distance,
        "distance": found.projection.relative_distance,
        "rows": found.rows.tolist(),
        "columns": found.columns.tolist(),
    }
