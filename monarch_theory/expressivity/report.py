"""What `monarch express` found, as facts for JSON, as text for a reader, and as a picture."""

from __future__ import annotations

from dataclasses import fields
from pathlib import Path
from statistics import median
from typing import Any, Protocol

import numpy as np

from monarch_theory.expressivity.comparison import Comparison, Place
from monarch_theory.expressivity.examination import Examination, Neighbour, error_map, worth_trying
from monarch_theory.expressivity.matrices import ORDINARY, Matrix, power_of_two
from monarch_theory.monarch import Convention

__all__ = ["CONVENTIONS", "comparison_facts", "comparison_text", "draw", "facts", "text"]

CONVENTIONS = {"m2": Convention.M2, "dao": Convention.DAO, "dao-transposed": Convention.DAO_TRANSPOSED}
REFERENCE = "Le, Zheng, Riccietti and Gribonval 2024, arXiv:2411.04506"
SHADES = " .:-=+*#%@"


class Read(Protocol):
    """A matrix, a sparse one or an operator, as far as reports name it."""

    @property
    def name(self) -> str: ...
    @property
    def shape(self) -> tuple[int, ...]: ...


def facts(matrix: Read, found: Examination, around: list[Neighbour], family: str, seed: int) -> dict[str, Any]:
    """All that was found, as JSON takes it; `around` are the classes next to it."""
    membership = found.membership
    suggestion = worth_trying(found, around)
    known: dict[str, Any] = {
        "source": matrix.name,
        "shape": list(matrix.shape),
        "family": family,
        "setting": found.setting,
        "member": found.member,
        "evidence": found.evidence,
        "distance": found.distance,
        "distance_evidence": found.distance_evidence,
        "threshold": found.threshold,
        "limit": found.limit,
        "scope": found.scope,
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
        known |= {
            "order": kind.order,
            "radices": list(kind.input_radices),
            "output_radices": list(kind.output_radices),
            "convention": _name(kind.convention),
            "rank": kind.rank,
        }
    if found.projection is not None:
        known["guaranteed_ratio"] = found.projection.guarantee
        known["guarantee_reference"] = REFERENCE
        known["achieved_ratio"] = found.projection.achieved
    if membership is not None and membership.refutation is not None:
        refutation = membership.refutation
        known["refutation"] = {
            "split": refutation.split,
            "rows": list(refutation.rows),
            "columns": list(refutation.columns),
            "minor": str(refutation.minor),
            "text": str(refutation),
        }
    return known


def _neighbour(neighbour: Neighbour) -> dict[str, Any]:
    kind = neighbour.kind
    return {
        "order": kind.order,
        "radices": list(kind.input_radices),
        "convention": _name(kind.convention),
        "rank": kind.rank,
        "distance": neighbour.distance,
        "parameters": neighbour.parameters,
    }


def _name(convention: Convention) -> str:
    return next(name for name, value in CONVENTIONS.items() if value is convention)


def text(matrix: Read, found: Examination, known: dict[str, Any]) -> str:
    """What `facts` found, for a reader."""
    rows, columns = matrix.shape
    lines = [f"{matrix.name}  {rows}×{columns}  {known['family']}: {found.setting}", _verdict(found)]
    if "refutation" in known:
        lines.append(f"  {known['refutation']['text']}")
    lines.append(f"distance    {found.distance:.3e} of the norm, {known['distance_evidence']} ({_bound(found)})")
    lines.append(f"parameters  {found.parameters} of {rows * columns}, compression {found.compression:.2f}")
    if found.distance > found.threshold and isinstance(matrix, Matrix) and found.approximation is not None:
        lines.append("where the error sits (each cell against the largest):")
        lines.append(_ascii(error_map(matrix.values, found.approximation)))
    if known["tried"]:
        lines.append("classes next to it" + (" (→ worth trying next):" if known["next"] else ", none worth trying:"))
    lines += [_line(neighbour, neighbour == known["next"]) for neighbour in known["tried"]]
    if "search" in known:
        search = known["search"]
        lines.append(f"permutation search (heuristic): {search['distance_before']:.3e} → {search['distance']:.3e}")
        lines += [f"  {side} in the order {_order(search[side])}" for side in ("rows", "columns")]
    return "\n".join(lines)


def _order(permutation: list[int]) -> str:
    return "given" if permutation == sorted(permutation) else " ".join(map(str, permutation))


def _line(neighbour: dict[str, Any], chosen: bool) -> str:
    return (
        f"{'→' if chosen else ' '} order {neighbour['order']}, radices {tuple(neighbour['radices'])}, "
        f"{neighbour['convention']}, rank {neighbour['rank']}: distance {neighbour['distance']:.3e}, "
        f"{neighbour['parameters']} parameters"
    )


def _verdict(found: Examination) -> str:
    words = {True: "member", False: "not a member", None: "could not decide"}[found.member]
    if found.evidence == "exact":
        return f"{words} (exact)"
    if found.member is not None:
        return f"{words} (measured, to {found.threshold if found.member else found.limit:.1e})"
    if found.limit >= 1:
        return f"{words}: rounding of entries this small is as large as they are; --exact reads them as they are"
    if found.distance <= found.limit and found.membership is None and found.threshold == found.limit:
        return f"{words}: a member is as near as rounding, and the ranks of exact entries do not tell"
    if found.distance <= found.limit:
        return (
            f"{words} (measured): rounding explains {found.threshold:.1e} for certain and {found.limit:.1e} at most; "
            f"--accuracy says how good the entries are"
        )
    return f"{words} (measured, to {found.threshold:.1e}): no member found, and none ruled out"


def _bound(found: Examination) -> str:
    """What is known of the distance of the nearest member."""
    if found.guarantee == "optimal":
        return f"no member {found.scope} is nearer"
    if not found.lower_bound:
        return f"the nearest found; no bound is known for members {found.scope}"
    bound = f"no member {found.scope} is nearer than {found.lower_bound:.3e}"
    if found.projection is None:
        return bound
    return (
        f"{bound}; at most {found.projection.achieved:.3f} × the least distance, "
        f"√(p−1) = {found.projection.guarantee:.3f} guaranteed, cf. {REFERENCE}"
    )


def _ascii(cells: np.ndarray) -> str:
    levels = (cells / cells.max() * (len(SHADES) - 1)).round().astype(int)
    return "\n".join("  |" + "".join(SHADES[level] for level in row) + "|" for row in levels)


def draw(matrix: Matrix, found: Examination, path: Path) -> None:
    """Magnitudes and residual beside each other, in the format of the path's suffix, of what was approximated densely.

    Raises:
        OSError: the file cannot be written.
    """
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    figure, (left, right) = pyplot.subplots(1, 2, figsize=(11, 5))
    assert found.approximation is not None
    entries, near = matrix.doubled.values, found.approximation
    unit = power_of_two(entries)
    unit = 1.0 if 1 / ORDINARY < unit < ORDINARY else unit  # colours are computed, and would overflow or vanish
    named = "" if unit == 1 else f", in units of {unit:.1e}"
    for panel, values, title in (
        (left, np.abs(entries / unit), f"magnitude{named}"),
        (right, np.abs(entries / unit - near / unit), f"residual{named}"),
    ):
        image = panel.imshow(values, vmin=0, vmax=float(values.max()) or 1.0, cmap="magma", aspect="auto")
        panel.set_title(title)
        figure.colorbar(image, ax=panel)
    figure.suptitle(
        f"{matrix.name}: {found.setting}; relative distance {found.distance:.3g} ({found.distance_evidence})"
    )
    figure.tight_layout()
    figure.savefig(path, dpi=120)
    pyplot.close(figure)


def comparison_facts(source: str, found: list[Comparison], left_out: dict[str, str]) -> dict[str, Any]:
    """A whole checkpoint, as JSON takes it."""
    return {
        "source": source,
        "evidence": "measured",
        "matrices": [_comparison(one) for one in found],
        "left_out": left_out,
        "summary": _summary(found),
    }


def _comparison(one: Comparison) -> dict[str, Any]:
    places = [{f.name: getattr(place, f.name) for f in fields(place) if f.name != "fitted"} for place in one.places]
    known = {f.name: getattr(one, f.name) for f in fields(one) if f.name not in ("places", "weights")}
    best = one.worth_trying
    return known | {
        "places": places,
        "weighted": one.weights is not None,
        "worth_trying": None if best is None else {"family": best.family, "setting": best.setting},
    }


def comparison_text(found: list[Comparison], left_out: dict[str, str]) -> str:
    """A whole checkpoint, for a reader: of every matrix the families, nearest first."""
    lines = []
    if any(one.weights is not None for one in found):
        lines.append("every column weighted by the root mean square of its input")
    for one in found:
        rows, columns = one.shape
        lines.append(f"{one.name}  {rows}×{columns}, at most {one.budget} of {rows * columns} parameters")
        lines.append(
            f"  spectrum: stable rank {one.stable_rank:.1f}, nine tenths of the squared norm in "
            f"{one.rank_for_nine_tenths} of {min(one.shape)} singular values"
        )
        lines += [_place(place) for place in one.places]
        lines += [f"  –       {family}: {reason}" for family, reason in one.refused.items()]
        lines += _worth_trying(one)
    lines += [f"left out: {name}: {reason}" for name, reason in left_out.items()]
    return "\n".join([*lines, *_summary(found)])


def _worth_trying(one: Comparison) -> list[str]:
    best, svd = one.worth_trying, one.of("low-rank")
    if best is None or svd is None:
        return []
    if best.family == "low-rank":
        return ["  worth trying: truncated SVD, which nothing beats by more than rounding"]
    return [
        f"  worth trying: {best.title} ({best.setting}), {svd.distance - best.distance:.4f} of the norm nearer than "
        f"truncated SVD"
    ]


def _place(place: Place) -> str:
    bound = " " if place.optimal else "≤"
    equal = " at equal operations" if place.equal == "multiplications" else ""
    equal += f", cut from {place.padded[0]}×{place.padded[1]}" if place.padded else ""
    return f"  {bound}{place.distance:.4f}  {place.title}{equal}: {place.setting}, {place.parameters} parameters"


def _summary(found: list[Comparison]) -> list[str]:
    """Where truncated SVD is the nearest, and by how much; and where another family is."""
    wins, losses, compared = [], [], 0
    for one in found:
        svd = one.of("low-rank")
        others = [place for place in one.places if place.equal == "parameters" and place.family != "low-rank"]
        strangers = [place.distance for place in others if not place.holds_low_rank]
        if svd is None:
            continue
        compared += 1
        nearest = min((place.distance for place in others), default=svd.distance)
        if nearest < svd.distance - one.rounding:
            losses.append(svd.distance - nearest)
        else:
            wins.append(max(min(strangers) - svd.distance, 0.0) if strangers else np.nan)
    lines = ["at equal parameters, relative Frobenius distance, measured; ≤ the least found, not known to be the least"]
    if wins:
        lines.append(f"no family is nearer than truncated SVD for {len(wins)} of {compared} matrices")
    if margins := [win for win in wins if not np.isnan(win)]:
        lines.append(
            f"  the nearest family that does not hold it is farther by {median(margins):.4f} of the norm in the "
            f"median, {max(margins):.4f} at most"
        )
    if losses:
        lines.append(
            f"another family is nearer than truncated SVD for {len(losses)} of {compared} matrices, by "
            f"{median(losses):.4f} of the norm in the median, {max(losses):.4f} at most"
        )
    return lines
