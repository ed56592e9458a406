"""`monarch express`: can a structured family represent this matrix, how near can it get, and what to try next."""

from __future__ import annotations

import json
import sys
import traceback
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, NoReturn

import numpy as np
import typer

from monarch_theory.command import user_matrix
from monarch_theory.command.progress import progress
from monarch_theory.digits import check_radices
from monarch_theory.domains import Domain
from monarch_theory.expressivity.classes import MonarchClass, balanced_radices
from monarch_theory.expressivity.examination import (
    Examination,
    Neighbour,
    error_map,
    examine_family,
    examine_monarch,
    family_named,
    neighbours,
    worth_trying,
)
from monarch_theory.expressivity.matrices import floating, read_matrix
from monarch_theory.expressivity.permutations import search_permutations
from monarch_theory.monarch import Convention
from monarch_theory.sandbox import Sandbox, SandboxError

CONVENTIONS = {"m2": Convention.M2, "dao": Convention.DAO, "dao-transposed": Convention.DAO_TRANSPOSED}
MEMBER, NOT_MEMBER, UNDECIDED = 0, 1, 2
REFERENCE = "Le, Zheng, Riccietti and Gribonval 2024, arXiv:2411.04506"
SHADES = " .:-=+*#%@"


def express(
    source: Annotated[str, typer.Argument(help="FILE.npy, or FILE.py:NAME for an array, operator or linear function")],
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
    timeout: Annotated[float, typer.Option(help="seconds FILE.py may take")] = 300.0,
    png: Annotated[Path | None, typer.Option(help="draw where the error sits")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="one JSON object on standard output")] = False,
) -> None:
    """Can a Monarch matrix (or another family) represent this matrix? Exit status: 0 member, 1 not, 2 undecided."""
    try:
        chosen = {"--order": order, "--radices": radices, "--output-radices": output_radices}
        chosen |= {"--convention": convention if convention.lower() != "m2" else "", "--rank": rank if rank != 1 else 0}
        _refuse_idle(family, parameters, chosen, {"--exact": exact, "--search": search})
        check_picture(png)
        with progress("reading"):
            array, domain = read_source(source, size, seed, timeout)

        def chosen_class() -> MonarchClass:
            return _class(array.shape, order, radices, output_radices, convention, rank)

        around: list[Neighbour] = []
        with progress("fitting") as report:
            if family == "monarch":
                kind = chosen_class()
                found = examine_monarch(
                    array, domain, kind, exact=exact, accuracy=accuracy, name=source, progress=report
                )
            else:
                try:
                    budget = chosen_class().parameters if parameters is None else parameters
                except ValueError as error:
                    raise ValueError(
                        f"--parameters: expected a budget, as no Monarch class sets it: {error}"
                    ) from error
                other = family_named(family, (array.shape[0], array.shape[1]))
                found = examine_family(array, domain, other, budget, accuracy=accuracy, name=source, progress=report)
        if family == "monarch":
            with progress("trying the classes next to it") as report:
                around = neighbours(array, domain, kind, name=source, progress=report)
        facts = _facts(found, around, source, family, seed, array)
        if search:
            facts["search"] = _search(array, kind, search, seed)
        if png is not None:
            _draw(floating(array, domain)[0], found, png, source)
            facts["png"] = str(png)
        if as_json:
            print(json.dumps(facts, allow_nan=False))
        else:
            _print(facts, found, floating(array, domain)[0])
    except (ValueError, TypeError, SandboxError, OSError) as error:
        fail(str(error))
    except MemoryError:
        fail(f"{source}: expected a matrix that fits into memory, dense")
    except Exception:
        # Python's own status for a crash is 1, which here would say "not a member"
        traceback.print_exc()
        raise typer.Exit(UNDECIDED) from None
    raise typer.Exit({True: MEMBER, False: NOT_MEMBER, None: UNDECIDED}[found.member])


def _refuse_idle(family: str, parameters: int | None, chosen: dict[str, Any], monarch_only: dict[str, Any]) -> None:
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


def fail(message: str) -> NoReturn:
    """One line on standard error; nothing was decided."""
    print(f"error: {message}", file=sys.stderr)
    raise typer.Exit(UNDECIDED)


def check_picture(path: Path | None) -> None:
    """Before the work and not after it: can a picture be written there?

    Raises:
        ValueError: no such folder, or a suffix that Matplotlib does not write.
    """
    if path is None:
        return
    from matplotlib.backend_bases import FigureCanvasBase

    if not path.parent.is_dir():
        raise ValueError(f"--png: expected a file in a folder that exists, got {path}")
    known = sorted(FigureCanvasBase.get_supported_filetypes())
    if path.suffix[1:].lower() not in known:
        raise ValueError(f"--png: expected a suffix among {', '.join(known)}, got {path}")


def read_source(source: str, size: int, seed: int, timeout: float) -> tuple[np.ndarray, Domain]:
    """The matrix and its domain; `ValueError` or `SandboxError` where there is none."""
    path, _, name = source.rpartition(":")
    if path.endswith(".py"):
        if not Path(path).is_file():
            raise ValueError(f"{path}: no such file")
        return read_matrix(_from_python(Path(path), name, size, seed, timeout), name=source)
    if size:
        raise ValueError(f"--size: expected none, as {source} is not a function in FILE.py, got {size}")
    if not source.endswith(".npy"):
        raise ValueError(f"{source}: expected FILE.npy or FILE.py:NAME")
    if not Path(source).is_file():
        raise ValueError(f"{source}: no such file")
    try:
        array = np.load(source, allow_pickle=False)
    except (ValueError, EOFError) as error:
        raise ValueError(f"{source}: expected an .npy file of numbers, not pickled objects ({error})") from error
    if not isinstance(array, np.ndarray):
        raise ValueError(f"{source}: expected one array, got an archive")
    return read_matrix(array, name=source)


def _from_python(path: Path, name: str, size: int, seed: int, timeout: float) -> np.ndarray:
    address = np.frombuffer(f"{path.resolve()}:{name}".encode(), np.uint8)
    try:
        with Sandbox(user_matrix.__file__, "matrix", timeout=timeout, seed=seed) as sandbox:
            sandbox.load()
            found = sandbox.evaluate(address, np.array([size]))[0]
    except SandboxError as error:
        # the sandbox quotes the line of our own loader, which tells the user nothing
        message = error.message.partition(" (line ")[0]
        raise ValueError(f"{path}:{name}: {error.outcome.value}: {message}") from error
    if found.ndim == 1:  # exact entries, spelled out
        return np.array([[Fraction(entry) for entry in row] for row in json.loads(found.tobytes())], dtype=object)
    return found


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


def _facts(
    found: Examination,
    around: list[Neighbour],
    source: str,
    family: str,
    seed: int,
    array: np.ndarray,
) -> dict[str, Any]:
    membership = found.membership
    suggestion = worth_trying(found, around)
    facts: dict[str, Any] = {
        "source": source,
        "shape": list(array.shape),
        "family": family,
        "setting": found.setting,
        "member": found.member,
        "evidence": found.evidence,
        "distance": found.distance,
        "distance_evidence": "exact" if found.evidence == "exact" and found.member else "measured",
        "threshold": found.threshold,
        "lower_bound": found.lower_bound,
        "guarantee": found.guarantee,
        "parameters": found.parameters,
        "compression": found.compression,
        "seed": seed,
        "next": None if suggestion is None else _neighbour(suggestion),
        "tried": [_neighbour(neighbour) for neighbour in around],
    }
    if membership is not None:
        kind = membership.kind
        facts |= {
            "order": kind.order,
            "radices": list(kind.input_radices),
            "output_radices": list(kind.output_radices),
            "convention": next(name for name, value in CONVENTIONS.items() if value is kind.convention),
            "rank": kind.rank,
        }
    if found.projection is not None:
        facts["guaranteed_ratio"] = found.projection.guarantee
        facts["guarantee_reference"] = REFERENCE
        facts["achieved_ratio"] = found.projection.achieved
    if membership is not None and membership.refutation is not None:
        refutation = membership.refutation
        facts["refutation"] = {
            "split": refutation.split,
            "rows": list(refutation.rows),
            "columns": list(refutation.columns),
            "minor": str(refutation.minor),
            "text": str(refutation),
        }
    return facts


def _neighbour(neighbour: Neighbour) -> dict[str, Any]:
    kind = neighbour.kind
    return {
        "order": kind.order,
        "radices": list(kind.input_radices),
        "convention": next(name for name, value in CONVENTIONS.items() if value is kind.convention),
        "rank": kind.rank,
        "distance": neighbour.distance,
        "parameters": neighbour.parameters,
    }


def _search(array: np.ndarray, kind: MonarchClass, steps: int, seed: int) -> dict[str, Any]:
    with progress("searching permutations") as report:
        found = search_permutations(array, kind, np.random.default_rng(seed), steps=steps, progress=report)
    return {
        "method": "heuristic hill climb",
        "distance_before": found.unpermuted_distance,
        "distance": found.projection.relative_distance,
        "rows": found.rows.tolist(),
        "columns": found.columns.tolist(),
    }


def _print(facts: dict[str, Any], found: Examination, array: np.ndarray) -> None:
    verdict = {True: "member", False: "not a member", None: "could not decide"}[found.member]
    kind = "exact" if found.evidence == "exact" else f"measured, to {found.threshold:.1e}"
    print(f"{facts['source']}  {array.shape[0]}×{array.shape[1]}  {facts['family']}: {found.setting}")
    print(f"{verdict} ({kind})")
    if "refutation" in facts:
        print(f"  {facts['refutation']['text']}")
    print(f"distance    {found.distance:.3e} of the norm, {facts['distance_evidence']} ({_bound(found)})")
    print(f"parameters  {found.parameters} of {array.size}, compression {found.compression:.2f}")
    if found.distance > found.threshold:
        print("where the error sits (each cell against the largest):")
        print(_ascii(error_map(array, found.approximation)))
    if facts["tried"]:
        print("classes next to it" + (" (→ worth trying next):" if facts["next"] else ", none worth trying:"))
    for neighbour in facts["tried"]:
        mark = "→" if neighbour == facts["next"] else " "
        shape = f"order {neighbour['order']}, radices {tuple(neighbour['radices'])}, {neighbour['convention']}"
        print(
            f"{mark} {shape}, rank {neighbour['rank']}: distance {neighbour['distance']:.3e}, "
            f"{neighbour['parameters']} parameters"
        )
    if "search" in facts:
        search = facts["search"]
        print(f"permutation search (heuristic): {search['distance_before']:.3e} → {search['distance']:.3e}")


def _bound(found: Examination) -> str:
    """What is known of the distance of the nearest member."""
    if found.guarantee == "optimal":
        return "the optimum"
    if found.lower_bound is None:
        return "a heuristic, no bound"
    bound = f"no member is nearer than {found.lower_bound:.3e}"
    if found.projection is None:
        return bound
    return (
        f"{bound}; at most {found.projection.achieved:.3f} × the optimum, "
        f"√(p−1) = {found.projection.guarantee:.3f} guaranteed, cf. {REFERENCE}"
    )


def _ascii(cells: np.ndarray) -> str:
    levels = (cells / cells.max() * (len(SHADES) - 1)).round().astype(int)
    return "\n".join("  |" + "".join(SHADES[level] for level in row) + "|" for row in levels)


def _draw(array: np.ndarray, found: Examination, path: Path, source: str) -> None:
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 5))
    largest = float(np.abs(array).max()) or 1.0
    for panel, values, title in (
        (left, np.abs(array), "magnitude"),
        (right, np.abs(array - found.approximation), "residual"),
    ):
        image = panel.imshow(values, vmin=0, vmax=largest if panel is left else None, cmap="magma", aspect="auto")
        panel.set_title(title)
        figure.colorbar(image, ax=panel)
    figure.suptitle(f"{source}: {found.setting}; relative distance {found.distance:.3g} ({found.evidence})")
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)
